"""What a report tells of the ledger, and that nothing which is wrong with a ledger keeps a report back."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.ledger.rows import NOBODY, Kind, Names
from store_api.movements.turnover import Turnover
from tests.integration.bot.conftest import NINE, NewBot
from tests.support.bot_api import BotApi
from tests.support.ledger_documents import LedgerDocuments

AT, DAY = int(NINE.timestamp()), 86_400
WHOLE = ["sendMessage", "sendPhoto", "sendDocument"]

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
def ledger(other_program: MongoClient[dict[str, Any]], database_name: str) -> LedgerDocuments:
    """A ledger of three days, complete until now."""
    ledger = LedgerDocuments(other_program[database_name])
    ledger.is_whole(AT - 3 * DAY, AT)
    ledger.open("abc111", AT - 3 * DAY, "item-1", 40)
    ledger.sell("abc111", AT - 2 * DAY, "item-1", 15, 25, "till-1")
    ledger.sell("abc111", AT - 60, "item-1", 15, 10, "till-2")
    ledger.add("xyz", AT - 60, ("=1+1", 7, 7, Kind.SUPPLY, Names("van-1")))
    ledger.add("abc111", AT - 30, ("a.b", 3, 3, Kind.DIRECT, NOBODY))
    return ledger


def told(bot_api: BotApi) -> list[str]:
    """The lines of the last message that stand between its head and its stores."""
    return bot_api.texts()[-1].partition("\n\n")[0].splitlines()[2:]


@pytest.mark.usefixtures("ledger")
async def test_the_first_report_tells_of_a_day(new_bot: NewBot, bot_api: BotApi) -> None:
    await new_bot().daily.attend()
    assert bot_api.methods() == WHOLE
    assert told(bot_api) == [
        "Since yesterday, this time: 15 sold, 7 supplied, +3 otherwise",
        "Most sold: item-1 15 (abc111, by till-2)",
        "Sold most: till-2 15",
        "Most supplied: =1+1 7 (xyz, by van-1)",
        "Supplied most: van-1 7",
        "Runs out first: item-1 in 1 day (abc111, 10 left), at the pace of the last 3 days",
    ]


async def test_the_next_report_tells_of_what_was_after_the_last_one(
    new_bot: NewBot, bot_api: BotApi, ledger: LedgerDocuments
) -> None:
    bot = new_bot()
    await bot.daily.attend()
    ledger.sell("xyz", AT + 100, "=1+1", 2, 5, "till-9")
    ledger.is_whole(AT - 3 * DAY, AT + DAY)
    bot.time.slept.append(24 * 3600)
    await bot.daily.attend()
    assert told(bot_api)[1:4] == [
        "Since the report of Tue 24 Nov: 2 sold, 0 supplied",
        "Most sold: =1+1 2 (xyz, by till-9)",
        "Sold most: till-9 2",
    ]


@pytest.mark.usefixtures("ledger")
async def test_only_of_the_stores_that_the_report_is_of(new_bot: NewBot, bot_api: BotApi) -> None:
    await new_bot(store_ids=("xyz",)).daily.attend()
    assert told(bot_api) == [
        "Since yesterday, this time: 0 sold, 7 supplied",
        "Most supplied: =1+1 7 (by van-1)",
        "Supplied most: van-1 7",
    ]


async def test_a_young_ledger_tells_since_it_began(
    new_bot: NewBot, bot_api: BotApi, ledger: LedgerDocuments
) -> None:
    ledger.is_whole(AT - 3600, AT)
    await new_bot().daily.attend()
    lines = told(bot_api)
    assert lines[0] == "Since the ledger began: 15 sold, 7 supplied, +3 otherwise"
    assert lines[-1].endswith("item-1 in 16 hours (abc111, 10 left), at the pace of the last day")


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ({}, "no ledger is kept"),
        ({"off": True}, "no ledger is kept"),
        ({"until": None}, "the ledger could not be read in time"),
        ({"reconciling": {"kind": "gap"}}, "the ledger is behind"),
    ],
)
async def test_a_ledger_that_does_not_tell_is_one_line_and_the_report_is_sent(
    new_bot: NewBot,
    bot_api: BotApi,
    other_program: MongoClient[dict[str, Any]],
    database_name: str,
    state: dict[str, Any],
    line: str,
) -> None:
    if state:
        LedgerDocuments(other_program[database_name]).is_whole(AT - DAY, AT, **state)
    await new_bot().daily.attend()
    await new_bot().daily.attend()
    assert bot_api.methods() == WHOLE
    assert told(bot_api) == [f"Without what was sold and what runs out first: {line}"]


async def test_a_ledger_that_lags_is_behind_after_a_minute(
    new_bot: NewBot, bot_api: BotApi, ledger: LedgerDocuments
) -> None:
    ledger.is_whole(AT - DAY, AT - 60)
    await new_bot().daily.attend()
    assert told(bot_api)[0].startswith("Since yesterday")
    ledger.is_whole(AT - DAY, AT - 60)
    await new_bot(NINE + timedelta(days=1)).daily.attend()
    assert told(bot_api)[-1].endswith("the ledger is behind")


@pytest.mark.usefixtures("ledger")
async def test_a_ledger_that_takes_too_long_is_left_out(
    new_bot: NewBot,
    bot_api: BotApi,
    database_name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    begun = Turnover.__init__
    monkeypatch.setattr(
        Turnover, "__init__", lambda self, client, name: begun(self, client, name, seconds=1e-6)
    )
    await new_bot().daily.attend()
    assert bot_api.methods() == WHOLE
    assert told(bot_api)[0].endswith(": the ledger could not be read in time")
    assert "ledger_unread" in [record.__dict__.get("action") for record in caplog.records]
