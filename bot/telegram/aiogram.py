"""All that the bot uses of aiogram, of whose types each is built when it is first used.

As it is imported, aiogram has pydantic build a validator for each of the 404 types of the Bot API, and each
holds all those that it may contain: two seconds of processor time and 105 MB, for a dozen that the bot uses.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Model = type[BaseModel]

_names: dict[str, Any] = {}
"""What annotations of aiogram's types mean; the library says it where it would have a type built."""

_build: Any = vars(BaseModel)["model_rebuild"]


def _keep_names(_: Model, /, *, _types_namespace: Mapping[str, Any]) -> None:
    _names.update(_types_namespace)


def _build_with_names(model: Model, /, **settings: Any) -> Any:
    """Build a type as aiogram would have; pydantic calls this where one is used that is not built yet."""
    return _build.__func__(model, **{**settings, "_types_namespace": _names})


BaseModel.model_rebuild = classmethod(_keep_names)  # type: ignore[method-assign, assignment]
try:
    from aiogram import BaseMiddleware, Bot, Dispatcher, Router
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
    from aiogram.exceptions import AiogramError, TelegramNetworkError
    from aiogram.filters import Command, CommandObject
    from aiogram.methods import Response, TelegramMethod
    from aiogram.methods.base import TelegramType
    from aiogram.types import (
        BotCommand,
        BotCommandScopeChat,
        BufferedInputFile,
        LinkPreviewOptions,
        Message,
        TelegramObject,
        Update,
    )
finally:
    BaseModel.model_rebuild = _build  # type: ignore[method-assign]

if _names:
    for _base in (TelegramObject, TelegramMethod):
        _base.model_rebuild = classmethod(_build_with_names)  # type: ignore[method-assign, assignment]

__all__ = [
    "PRODUCTION",
    "AiogramError",
    "AiohttpSession",
    "BaseMiddleware",
    "Bot",
    "BotCommand",
    "BotCommandScopeChat",
    "BufferedInputFile",
    "Command",
    "CommandObject",
    "Dispatcher",
    "LinkPreviewOptions",
    "Message",
    "Response",
    "Router",
    "TelegramAPIServer",
    "TelegramMethod",
    "TelegramNetworkError",
    "TelegramObject",
    "TelegramType",
    "Update",
]
