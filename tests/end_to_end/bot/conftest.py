"""What the bot's end-to-end tests share: a server that speaks the Bot API, stores, and settings for both."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from bot.daily.claims import COLLECTION
from tests.support.bot_api import TOKEN, USER, BotApi

Documents = Collection[dict[str, Any]]

STOCK = {
    "abc111": {"item-1": 10, "item-2": 0, "a%2Eb": 3, "=1+1": 2**40},
    "Kühl\\haus: [1]*?": {"арт-1": 7, "東京": 1},
}
"""Two stores as documents hold them."""


@pytest.fixture
def bot_api() -> Iterator[BotApi]:
    """The server that stands in for Telegram's."""
    with BotApi() as api:
        yield api


@pytest.fixture
def stores(other_program: MongoClient[dict[str, Any]], database_name: str) -> Documents:
    """The stores, with something in stock."""
    stores = other_program[database_name]["stores"]
    stores.insert_many([{"_id": store_id, "items": items} for store_id, items in STOCK.items()])
    return stores


@pytest.fixture
def claims(other_program: MongoClient[dict[str, Any]], database_name: str) -> Documents:
    """The claims as another program sees them."""
    return other_program[database_name][COLLECTION]


@pytest.fixture
def settings(mongo_url: str, database_name: str, bot_api: BotApi, stores: Documents) -> dict[str, str]:
    """Settings of a bot whose report is due in some hours, and whose last one was too long ago."""
    in_some_hours = datetime.now(UTC) + timedelta(hours=10)
    return {
        "MONGO_URL": mongo_url,
        "MONGO_DB": stores.database.name,
        "BOT_TOKEN": TOKEN,
        "SPECIAL_USER": str(USER),
        "TELEGRAM_API": bot_api.url,
        "REPORT_TIME": f"{in_some_hours:%H:%M}",
    }


@pytest.fixture
def due(settings: dict[str, str]) -> dict[str, str]:
    """The same with a report that has been due for half an hour."""
    return {**settings, "REPORT_TIME": f"{datetime.now(UTC) - timedelta(minutes=30):%H:%M}"}
