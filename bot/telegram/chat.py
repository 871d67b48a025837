"""The only room that sends anything to Telegram, and it knows but one addressee."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BotCommand,
    BotCommandScopeChat,
    BufferedInputFile,
    LinkPreviewOptions,
    Message,
    Update,
)

from bot.errors import BotRefused, TelegramRefused, TelegramUnavailable
from store_api.errors import StoreApiError

LARGEST_FILE = 50 * 10**6
"""Bytes; core.telegram.org/bots/api#sending-files."""

REQUEST_SECONDS = 60
UPLOAD_SECONDS = 150
"""Long enough for 50 MB at 3 Mbit/s, shorter than a claim's lease."""

POLL_SECONDS = 25

_PLAIN: Any = {"parse_mode": None, "link_preview_options": LinkPreviewOptions(is_disabled=True)}


class Chat:
    """Sends to one user, and asks for what was sent to the bot.

    All its requests raise TelegramUnavailable and TelegramRefused.

    Args:
        token: the bot's.
        addressee: the user's id, which is the id of the private chat with them, too.
        server: another Bot API server's base URL; None is Telegram's own.
    """

    def __init__(self, token: str, addressee: int, server: str | None = None) -> None:
        api = PRODUCTION if server is None else TelegramAPIServer.from_base(server)
        self._bot = Bot(token, session=AiohttpSession(api=api, timeout=REQUEST_SECONDS))
        self._addressee = addressee

    @property
    def bot(self) -> Bot:
        """The bot, for those who take apart what it was sent."""
        return self._bot

    async def close(self) -> None:
        """Let go of the connections."""
        await self._bot.session.close()

    async def send_text(self, text: str) -> int:
        """Send a text of up to 4,096 UTF-16 units; gives the message's id."""
        with _our_errors():
            return _id(await self._bot.send_message(self._addressee, text, **_PLAIN))

    async def send_picture(self, png: bytes, name: str, caption: str) -> int:
        """Send a picture; gives the message's id."""
        file = _file(png, name)
        with _our_errors():
            sent = await self._bot.send_photo(
                self._addressee, file, caption=caption, parse_mode=None, request_timeout=UPLOAD_SECONDS
            )
        return _id(sent)

    async def send_file(self, file: bytes, name: str, caption: str) -> int:
        """Send a file of up to 50 MB; gives the message's id."""
        document = _file(file, name)
        with _our_errors():
            sent = await self._bot.send_document(
                self._addressee, document, caption=caption, parse_mode=None, request_timeout=UPLOAD_SECONDS
            )
        return _id(sent)

    async def offer(self, commands: Sequence[tuple[str, str]]) -> None:
        """Put commands and what they do into the menu of the chat with the user."""
        menu = [BotCommand(command=command, description=text) for command, text in commands]
        with _our_errors():
            await self._bot.set_my_commands(menu, scope=BotCommandScopeChat(chat_id=self._addressee))

    async def receive(self, after: int | None) -> list[Update]:
        """Wait up to 25 s for messages to the bot.

        Args:
            after: the id of the last update that was received; it and all before are done with.
        """
        with _our_errors():
            return await self._bot.get_updates(
                offset=None if after is None else after + 1,
                timeout=POLL_SECONDS,
                allowed_updates=["message"],
                request_timeout=POLL_SECONDS + 15,
            )


def translate(error: Exception) -> StoreApiError:
    """Turn what aiogram raised into ours; its own words go no further, since they may hold the token."""
    if isinstance(error, TelegramRetryAfter):
        return TelegramUnavailable("it asks to wait", float(error.retry_after))
    if isinstance(error, TelegramUnauthorizedError | TelegramForbiddenError | TelegramNotFound):
        return BotRefused(_refusal(error))
    if isinstance(error, TelegramEntityTooLarge):
        return TelegramRefused("the file is too large")
    if isinstance(error, TelegramBadRequest | TelegramMigrateToChat):
        return TelegramRefused(_refusal(error))
    return TelegramUnavailable(_fault(error))


def _refusal(error: Exception) -> str:
    if isinstance(error, TelegramUnauthorizedError | TelegramNotFound):
        return "it does not know this BOT_TOKEN"
    if isinstance(error, TelegramForbiddenError):
        return "SPECIAL_USER has blocked the bot, or has never written to it"
    return str(getattr(error, "message", "")).partition("\n")[0][:200] or "bad request"


def _fault(error: Exception) -> str:
    if isinstance(error, TelegramServerError):
        return "a fault of the server's"
    if isinstance(error, TelegramConflictError):
        return "another bot asks for the same messages"
    if isinstance(error, TelegramNetworkError):
        cause = error.__cause__
        return f"the network ({type(cause or error).__name__})"
    return f"an answer that is none of the Bot API's ({type(error).__name__})"


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    # Beside its own errors aiogram lets through what a broken answer makes of its reading.
    except (AiogramError, OSError, ValueError, TypeError) as error:
        raise translate(error) from None


def _file(content: bytes, name: str) -> BufferedInputFile:
    if len(content) > LARGEST_FILE:
        raise TelegramRefused(f"{name} has {len(content) // 10**6} MB, and Telegram takes 50")
    return BufferedInputFile(content, name)


def _id(message: Message) -> int:
    return message.message_id
