"""What the one user may ask of the bot, and the door that is closed to everybody else."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bot.compose.composer import Past
from bot.daily.day_report import Tools
from bot.daily.parts import deliver
from bot.errors import TelegramRefused, TelegramUnavailable
from bot.report.message import overview
from bot.report.shown_names import shown
from bot.report.stocktake import Trouble
from bot.retries import Persistence
from bot.telegram.aiogram import (
    BaseMiddleware,
    Command,
    CommandObject,
    Dispatcher,
    Message,
    Router,
    TelegramObject,
    Update,
)
from bot.telegram.chat import Chat
from store_api.errors import DatabaseUnavailable, OutcomeUnknown

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds for which an answer is tried; whoever waits asks again."""

COMMANDS = (
    ("report", "The stock now; /report STORE_ID for one store"),
    ("stores", "The stores and what they hold"),
    ("help", "What I can do"),
)

HELP = """I send the stock every evening.

/report – the stock now
/report STORE_ID – the stock of one store
/stores – the stores and what they hold
/help – this"""

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class OnlyOneUser(BaseMiddleware):
    """Lets through what the one user writes in the private chat with the bot; drops all else in silence."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        """Go on, or log one line."""
        if not isinstance(event, Update):
            raise TypeError("the door is for whole updates")
        if self._chat.is_with_the_user(event):
            return await handler(event, data)
        message = event.message
        log.warning(
            "Not answered",
            extra={
                "action": "stranger_ignored",
                "user": None if message is None or message.from_user is None else message.from_user.id,
                "chat": None if message is None else message.chat.type,
            },
        )
        return None


class Commands:
    """Answers the commands.

    Args:
        tools: with what.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def router(self) -> Router:
        """Route each command to its answer, and what is none to the help."""
        router = Router()
        # In a private chat a mention is this bot's; to be sure of that aiogram would have to ask Telegram.
        router.message(Command("report", ignore_mention=True))(self._on_report)
        router.message(Command("stores", ignore_mention=True))(self._on_stores)
        router.message(Command("start", ignore_mention=True))(self._on_start)
        router.message()(self._on_anything)
        return router

    async def _on_report(self, _: Message, command: CommandObject) -> None:
        await self._answered("report", self._report((command.args or "").strip()))

    async def _on_stores(self, _: Message) -> None:
        await self._answered("stores", self._stores())

    async def _on_start(self, _: Message) -> None:
        # Before the user has written to it, Telegram may not let the bot set the menu of their chat.
        await self._answered("start", self._welcome())

    async def _on_anything(self, _: Message) -> None:
        await self._answered("help", self._say(HELP))

    async def _answered(self, command: str, answer: Awaitable[None]) -> None:
        """Answer, and turn what fails into a sentence for the user and a line for the operator."""
        try:
            await answer
        except (DatabaseUnavailable, OutcomeUnknown) as failure:
            log.error("No answer: %s", failure, extra={"action": "command_failed", "command": command})
            await self._answered(
                "excuse", self._say("The database cannot be reached right now. Try again soon.")
            )
        except (TelegramUnavailable, TelegramRefused) as failure:
            log.error("No answer: %s", failure, extra={"action": "command_failed", "command": command})
        else:
            log.info("Answered", extra={"action": "command_answered", "command": command})

    async def _welcome(self) -> None:
        await self._say(HELP)
        await self._tools.chat.offer(COMMANDS)

    async def _stores(self) -> None:
        await self._say(overview(await self._tools.composer.take_stock(self._tools.clock.now())))

    async def _report(self, store_id: str) -> None:
        tools = self._tools
        allowed = tools.composer.store_ids
        stocktake = await tools.composer.take_stock(tools.clock.now(), store_id or None)
        if store_id and (
            (allowed is not None and store_id not in allowed) or _is_missing(stocktake.stores[0].trouble)
        ):
            await self._say(f"There is no store {shown(store_id, 128)}. /stores lists them.")
            return
        # Of one store there is no history to show.
        past = Past() if store_id else await tools.past()
        composed = await tools.composer.compose(stocktake, past, only=store_id or None)
        await deliver(tools.chat, composed, self._persistence())

    async def _say(self, text: str) -> None:
        await self._persistence().send("answer", lambda: self._tools.chat.send_text(text))

    def _persistence(self) -> Persistence:
        return Persistence(self._tools.clock, self._tools.random, PATIENCE)


def _is_missing(trouble: Trouble | None) -> bool:
    return trouble is Trouble.MISSING


def dispatcher(tools: Tools) -> Dispatcher:
    """Build what takes messages apart: the door first, then the commands."""
    dispatcher = Dispatcher()
    dispatcher.update.outer_middleware(OnlyOneUser(tools.chat))
    dispatcher.include_router(Commands(tools).router())
    return dispatcher
