"""The HTTP below aiogram: through a proxy where there is one, its answers read by our own rules."""

from typing import Any

from aiohttp import ClientSession, TCPConnector

from bot.telegram.aiogram import (
    AiohttpSession,
    Bot,
    Response,
    TelegramAPIServer,
    TelegramMethod,
    TelegramType,
)
from bot.telegram.answers import result_of

REQUEST_SECONDS = 60


class Session(AiohttpSession):
    """Makes requests, and gives the result of each as the JSON that it is, whatever type aiogram promises.

    aiogram reads an answer whole or not at all: one update that it cannot read hides all others, for the 24
    hours that Telegram keeps it, and a message that was delivered looks as if it had failed.

    Args:
        api: where the Bot API is.
        proxy: the URL of an HTTP proxy on the way there, or None.
    """

    def __init__(self, api: TelegramAPIServer, proxy: str | None) -> None:
        super().__init__(api=api, timeout=REQUEST_SECONDS)
        self._through = proxy

    async def create_session(self) -> ClientSession:
        """Open the connections, or give them as they are."""
        if self._session is None or self._session.closed:
            self._session = ClientSession(connector=TCPConnector(**self._connector_init), proxy=self._through)
        return self._session

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """Read an answer.

        Raises:
            TelegramUnavailable, TelegramRefused: it has no result.
        """
        result: Any = result_of(status_code, content)
        return Response[TelegramType].model_construct(ok=True, result=result)
