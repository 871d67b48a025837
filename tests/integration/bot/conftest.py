"""What tests of the bot's rooms share: the real MongoDB, a server that speaks the Bot API, a quick clock."""

import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from functools import cache
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from bot.compose.composer import Composer
from bot.compose.draw_chart import png
from bot.daily.attend import Daily
from bot.daily.claims import Claims
from bot.daily.day_report import Tools
from bot.report.chart import Picture
from bot.report.timetable import Timetable
from bot.telegram.chat import Chat
from store_api.movements.turnover import Turnover
from store_api.reports.sheets import Sheet
from store_api.reports.workbook import workbook
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.support.bot_api import TOKEN, USER, BotApi
from tests.support.virtual_clock import VirtualClock

NINE = datetime(2026, 11, 24, 21, 0, 1, tzinfo=UTC)
TIMETABLE = Timetable(time(21), ZoneInfo("UTC"))


@dataclass
class Bot:
    """One bot in this process, with a clock of its own."""

    tools: Tools
    time: VirtualClock = field(default_factory=VirtualClock)

    @property
    def daily(self) -> Daily:
        """What sends its reports, as freshly started."""
        return Daily(self.tools, TIMETABLE)


@pytest.fixture(autouse=True, scope="package")
def _authorities_are_read_once() -> Iterator[None]:
    """aiogram reads all authorities for each of its sessions, which takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture
def bot_api() -> Iterator[BotApi]:
    """The server that stands in for Telegram's."""
    with BotApi() as api:
        yield api


@pytest.fixture
def claims(client: Client, database_name: str) -> Claims:
    """One bot's claims."""
    return claims_of(client, database_name)


def claims_of(client: Client, database_name: str) -> Claims:
    """The claims of one more bot."""
    return Claims(client, database_name, uuid4().hex)


@pytest.fixture
async def chat(bot_api: BotApi) -> AsyncIterator[Chat]:
    """One who sends to the user by way of the server."""
    chat = Chat(TOKEN, USER, bot_api.url)
    yield chat
    await chat.close()


@pytest.fixture
def new_bot(client: Client, database_name: str, chat: Chat) -> "NewBot":
    """Makes bots that share database and chat."""
    return NewBot(client, database_name, chat)


@dataclass(frozen=True)
class NewBot:
    """Makes bots, each with a name of its own."""

    client: Client
    database_name: str
    chat: Chat

    def __call__(self, now: datetime = NINE, store_ids: tuple[str, ...] | None = None) -> Bot:
        """Make one."""
        clock = VirtualClock(now)
        repository = StoreWriter(self.client, self.database_name)
        turnover = Turnover(self.client, self.database_name)
        zone = TIMETABLE.zone
        composer = Composer(repository, turnover, store_ids, zone, draw=draw_here, build=build_here)
        claims = claims_of(self.client, self.database_name)
        return Bot(Tools(claims, composer, self.chat, clock.clock, Random(1)), clock)


_drawn: dict[str, bytes] = {}


async def draw_here(picture: Picture) -> bytes:
    """Draw the picture in this process, which is quicker than to start another; equal ones but once."""
    name = repr(picture)
    if name not in _drawn:
        _drawn[name] = png(picture)
    return _drawn[name]


async def build_here(sheets: Sequence[Sheet], at: datetime) -> bytes:
    """Build the workbook in this process."""
    return workbook(sheets, at)


@pytest.fixture
def stocked(own_stores: Documents) -> Documents:
    """The test's own stores: two of them, with something in stock."""
    own_stores.insert_many(
        [
            {"_id": "abc111", "items": {"item-1": 10, "item-2": 0, "a%2Eb": 3}, "rev": 1},
            {"_id": "xyz", "items": {"=1+1": 7}, "rev": 1},
        ]
    )
    return own_stores
