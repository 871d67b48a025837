"""The only room that sends anything to Telegram, and it knows but one addressee."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bot.errors import TelegramRefused, TelegramUnavailable
from bot.telegram.aiogram import (
    PRODUCTION,
    AiogramError,
    Bot,
    BotCommand,
    BotCommandScopeChat,
    BufferedInputFile,
    LinkPreviewOptions,
    TelegramAPIServer,
    TelegramNetworkError,
    Update,
)
from bot.telegram.answers import number_in
from bot.telegram.session import Session

LARGEST_FILE = 50 * 10**6
"""Bytes; core.telegram.org/bots/api#sending-files."""

UPLOAD_SECONDS = 150
"""Long enough for 50 MB at 3 Mbit/s, shorter than a claim's lease."""

POLL_SECONDS = 25

MOST_UPDATES = 100
"""In one answer; core.telegram.org/bots/api#getupdates."""

_PLAIN: Any = {"parse_mode": None, "link_preview_options": LinkPreviewOptions(is_disabled=True)}


@dataclass(frozen=True, slots=True)
class Received:
    """What was sent to the bot, as one answer has it.

    Args:
        updates: those that can be read, in their order.
        unreadable: the ids of the others.
        last: the id of the last one; None where there is none.
        all_there_was: whether nothing else was waiting.
    """

    updates: Sequence[Update]
    unreadable: Sequence[int]
    last: int | None
    all_there_was: bool


class Chat:
    """Sends to one user, and asks for what was sent to the bot.

    All its requests raise TelegramUnavailable and TelegramRefused.

    Args:
        token: the bot's.
        addressee: the user's id, which is the id of the private chat with them, too.
        server: another Bot API server's base URL; None is Telegram's own.
        proxy: the URL of an HTTP proxy on the way there; None where there is none.
    """

    def __init__(
        self, token: str, addressee: int, server: str | None = None, proxy: str | None = None
    ) -> None:
        api = PRODUCTION if server is None else TelegramAPIServer.from_base(server)
        self._bot = Bot(token, session=Session(api, proxy))
        self._addressee = addressee

    @property
    def bot(self) -> Bot:
        """The bot, for those who take apart what it was sent."""
        return self._bot

    def is_with_the_user(self, update: Update) -> bool:
        """Whether the one user has written it, in the private chat with the bot."""
        # The sender, not the chat: a group that the user and the bot share has other senders, too.
        message = update.message
        return (
            message is not None
            and message.from_user is not None
            and message.from_user.id == self._addressee
            and message.chat.type == "private"
        )

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

    async def receive(self, after: int | None) -> Received:
        """Wait up to 25 s for messages to the bot.

        Args:
            after: the id of the last update that was received; it and all before are done with.
        """
        with _our_errors():
            result: Any = await self._bot.get_updates(
                offset=None if after is None else after + 1,
                timeout=POLL_SECONDS,
                allowed_updates=["message"],
                request_timeout=POLL_SECONDS + 15,
            )
        return self._read(result)

    def _read(self, result: Any) -> Received:
        """Take each update by itself, since one that cannot be read must not hide the others."""
        found = result if isinstance(result, list) else [None]
        updates, unreadable, last = [], [], None
        for one in found:
            if (number := number_in(one, "update_id")) is None:
                continue
            last = number
            try:
                updates.append(Update.model_validate(one, context={"bot": self._bot}))
            except (ValueError, TypeError, RecursionError):
                unreadable.append(number)
        if found and last is None:
            # Such an answer confirms nothing: it would come again at once, and for ever.
            raise TelegramUnavailable("updates without numbers")
        return Received(updates, unreadable, last, len(found) < MOST_UPDATES)


@contextmanager
def _our_errors() -> Iterator[None]:
    """Turn what aiogram raises into ours; its own words go no further, since they may hold the token."""
    try:
        yield
    except TelegramNetworkError as error:
        cause = error.__cause__
        raise TelegramUnavailable(f"the network ({type(cause or error).__name__})") from None
    # Beside its own errors aiogram lets through what a broken answer makes of its reading.
    except (AiogramError, OSError, ValueError, TypeError) as error:
        raise TelegramUnavailable(f"an answer that cannot be read ({type(error).__name__})") from None


def _file(content: bytes, name: str) -> BufferedInputFile:
    if len(content) > LARGEST_FILE:
        raise TelegramRefused(f"{name} has {len(content) // 10**6} MB, and Telegram takes 50")
    return BufferedInputFile(content, name)


def _id(message: Any) -> int:
    """Give the id of a message that was delivered; 0 where Telegram does not say it."""
    return number_in(message, "message_id") or 0
