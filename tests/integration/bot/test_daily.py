"""A day's report, whatever fails: real MongoDB, real HTTP, and pauses that pass at once."""

import asyncio
import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from bot.daily.claims import COLLECTION
from bot.daily.once import send_once
from bot.errors import TelegramUnavailable
from bot.retries import RETURN
from tests.integration.bot.conftest import NINE, TIMETABLE, NewBot
from tests.integration.conftest import Documents
from tests.support.bot_api import TOKEN, USER, BotApi, Fault, Garbage, HangUp, Hold, Refuse

WHOLE = ["sendMessage", "sendPhoto", "sendDocument"]
DAY = date(2026, 11, 24)

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
def note(other_program: MongoClient[dict[str, Any]], database_name: str) -> Callable[[], dict[str, Any]]:
    """Reads what is written down of the day."""
    notes = other_program[database_name][COLLECTION]
    return lambda: notes.find_one({"_id": DAY.isoformat()}) or {}


@pytest.fixture
def actions(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO)
    return lambda: [record.__dict__["action"] for record in caplog.records if "action" in record.__dict__]


async def test_the_report_goes_to_the_one_user_whole_and_once(
    new_bot: NewBot, bot_api: BotApi, note: Callable[[], dict[str, Any]]
) -> None:
    bot = new_bot()
    await bot.daily.attend(again=True)
    await bot.daily.attend(again=True)
    assert bot_api.methods() == WHOLE
    assert {call.fields["chat_id"] for call in bot_api.calls} == {str(USER)}
    assert not any("parse_mode" in call.fields for call in bot_api.calls)
    assert bot_api.texts()[0].startswith("Stock · Tue 24 Nov 2026, 21:00 UTC\n2 stores, 3 items, 20 units\n")
    names = [upload.name for method in WHOLE[1:] for upload in bot_api.files(method)]
    assert names == ["stock-2026-11-24.png", "stock-2026-11-24.xlsx"]
    assert note()["parts"].keys() == {"message", "picture", "workbook"}
    assert "sent_at" in note()


async def test_ten_bots_send_one_report(new_bot: NewBot, bot_api: BotApi) -> None:
    await asyncio.gather(*(new_bot().daily.attend(again=True) for _ in range(10)))
    assert bot_api.methods() == WHOLE


async def test_the_next_day_tells_what_changed(new_bot: NewBot, bot_api: BotApi, stocked: Documents) -> None:
    bot = new_bot()
    await bot.daily.attend()
    stocked.update_one({"_id": "xyz"}, {"$inc": {"items.=1+1": 5}})
    bot.time.slept.append(24 * 3600)
    await bot.daily.attend()
    assert "+5 units since the report of Tue 24 Nov" in bot_api.texts()[1]
    assert "▪ xyz: 1 item (±0), 12 units (+5)" in bot_api.texts()[1]
    assert bot_api.methods() == WHOLE * 2


@pytest.mark.parametrize(
    ("hours", "sent"), [(0.05, "on time"), (1, "late"), (11.9, "late"), (12.1, "never"), (23, "never")]
)
async def test_a_bot_that_was_down_sends_it_within_twelve_hours(
    new_bot: NewBot, bot_api: BotApi, hours: float, sent: str
) -> None:
    await new_bot(NINE + timedelta(hours=hours)).daily.attend(again=True)
    assert bot_api.methods() == ([] if sent == "never" else WHOLE)
    assert any("Late: this is the report of Tue 24 Nov, 21:00." in text for text in bot_api.texts()) == (
        sent == "late"
    )


@pytest.mark.parametrize(
    ("faults", "least_seconds"),
    [
        ([Refuse(429, "Too Many Requests: retry after 30", 30)], 30),
        ([Refuse(429, "Too Many Requests: retry after 7", 7)] * 3, 21),
        ([Refuse(500)] * 5, 23),
        ([Garbage(502), Garbage(200), HangUp()], 5),
        ([Refuse(429), Refuse(503, "restart")], 2),
    ],
)
@pytest.mark.parametrize("method", WHOLE)
async def test_what_may_work_later_is_tried_again_and_the_pauses_kept(
    new_bot: NewBot, bot_api: BotApi, method: str, faults: list[Fault], least_seconds: float
) -> None:
    bot_api.fail(method, *faults)
    bot = new_bot()
    await bot.daily.attend()
    assert [call.method for call in bot_api.delivered] == WHOLE
    assert bot_api.methods().count(method) == len(faults) + 1
    assert least_seconds <= bot.time.elapsed() < 3 * least_seconds


async def test_after_an_hour_of_faults_it_is_put_off_and_sent_late_once_telegram_is_back(
    new_bot: NewBot, bot_api: BotApi, note: Callable[[], dict[str, Any]], actions: Callable[[], list[str]]
) -> None:
    bot_api.fail("sendMessage", *[Refuse(500)] * 40)
    bot = new_bot()
    daily = bot.daily
    await daily.attend(again=True)
    tried = len(bot_api.calls)
    assert 3300 <= bot.time.elapsed() <= 3600
    assert actions()[-1] == "report_put_off"
    bot.time.slept.append(RETURN - 1)
    await daily.attend()
    assert len(bot_api.calls) == tried
    assert "failed" not in note()
    bot.time.slept.append(1)
    while "report_sent" not in actions():
        await daily.attend()
        bot.time.slept.append(RETURN)
    assert [call.method for call in bot_api.delivered] == WHOLE
    assert "Late: this is the report of Tue 24 Nov, 21:00." in bot_api.texts()[0]
    assert note()["late"]


async def test_after_an_hour_of_faults_another_bot_and_a_new_start_try_at_once(
    new_bot: NewBot, bot_api: BotApi
) -> None:
    bot_api.fail("sendMessage", *[Refuse(500)] * 40)
    bot = new_bot()
    await bot.daily.attend()
    tried = len(bot_api.calls)
    await new_bot(bot.time.now()).daily.attend()
    assert len(bot_api.calls) > tried


async def test_telegram_away_for_twelve_hours_is_given_up(
    new_bot: NewBot, bot_api: BotApi, actions: Callable[[], list[str]]
) -> None:
    bot_api.fail("sendMessage", *[Refuse(500)] * 1000)
    bot = new_bot()
    daily = bot.daily
    while "report_given_up" not in actions():
        await daily.attend()
        bot.time.slept.append(60)
    assert timedelta(hours=11, minutes=30) < bot.time.now() - NINE < timedelta(hours=12, minutes=1)
    tried = len(bot_api.calls)
    await daily.attend()
    assert len(bot_api.calls) == tried


def let_pass(notes: Documents) -> None:
    """Let the time be over for which MongoDB keeps a report back."""
    notes.update_one({"_id": DAY.isoformat()}, {"$set": {"not_before": datetime(2020, 1, 1)}})  # noqa: DTZ001


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_whoever_asks_for_an_hour_or_more_gets_it_from_every_bot(
    new_bot: NewBot,
    bot_api: BotApi,
    note: Callable[[], dict[str, Any]],
    actions: Callable[[], list[str]],
    part: int,
    other_program: MongoClient[dict[str, Any]],
    database_name: str,
) -> None:
    bot_api.fail(WHOLE[part], Refuse(429, "Too Many Requests: retry after 3700", 3700))
    bot = new_bot()
    daily = bot.daily
    await daily.attend()
    assert (actions()[-1], "failed" in note()) == ("report_put_off", False)
    bot.time.slept.append(3699)
    await daily.attend()
    await new_bot(bot.time.now()).daily.attend(again=True)
    with pytest.raises(TelegramUnavailable, match=r"asked to wait for 3,[67]"):
        await send_once(new_bot(bot.time.now()).tools, TIMETABLE)
    assert bot_api.methods() == WHOLE[: part + 1]
    let_pass(other_program[database_name][COLLECTION])
    bot.time.slept.append(2)
    await daily.attend()
    assert [call.method for call in bot_api.delivered] == WHOLE
    assert ("Late: this is the report of" in bot_api.texts()[0]) == (part == 0)
    assert "not_before" not in note()


async def test_whoever_asks_for_longer_than_a_report_may_be_late_ends_it(
    new_bot: NewBot, bot_api: BotApi, actions: Callable[[], list[str]]
) -> None:
    bot_api.fail("sendMessage", Refuse(429, "Too Many Requests: retry after 50000", 50_000))
    bot = new_bot()
    daily = bot.daily
    await daily.attend()
    assert actions() == ["report_given_up"]
    bot.time.slept.append(3600)
    await daily.attend()
    assert bot_api.methods() == ["sendMessage"]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (
            Refuse(400, "Bad Request: chat not found"),
            "Telegram refused: it does not know SPECIAL_USER, or they have never written to the bot.",
        ),
        (Refuse(400, "Bad Request: anything"), "Telegram refused: Bad Request: anything."),
        (Refuse(401, "Unauthorized"), "Telegram refused: it does not know this BOT_TOKEN."),
        (
            Refuse(403, "Forbidden: bot was blocked by the user"),
            "Telegram refused: SPECIAL_USER has blocked the bot, or has never written to it.",
        ),
    ],
)
async def test_a_refusal_is_not_tried_again_by_anybody(
    new_bot: NewBot,
    bot_api: BotApi,
    note: Callable[[], dict[str, Any]],
    actions: Callable[[], list[str]],
    refusal: Refuse,
    reason: str,
) -> None:
    bot_api.fail("sendMessage", refusal)
    bot = new_bot()
    await bot.daily.attend()
    await new_bot().daily.attend()
    assert bot_api.methods() == ["sendMessage"]
    assert (note()["failed"], bot.time.slept) == (reason, [])
    assert actions() == ["report_given_up", "report_not_ours"]


async def test_a_picture_that_telegram_will_not_have_takes_nothing_else_along(
    new_bot: NewBot, bot_api: BotApi, actions: Callable[[], list[str]]
) -> None:
    bot_api.fail("sendPhoto", Refuse(400, "Bad Request: IMAGE_PROCESS_FAILED"))
    bot_api.fail("sendDocument", Refuse(413, "Request Entity Too Large"))
    await new_bot().daily.attend()
    assert bot_api.methods() == WHOLE
    assert actions() == ["report_part_refused", "report_part_refused", "report_sent"]


async def test_a_delivery_whose_answer_was_lost_is_a_rare_second_copy_and_never_none(
    new_bot: NewBot, bot_api: BotApi
) -> None:
    bot_api.fail("sendMessage", HangUp(delivered=True))
    await new_bot().daily.attend()
    assert [call.method for call in bot_api.delivered] == ["sendMessage", *WHOLE]


async def test_who_takes_over_sends_only_what_is_missing(
    new_bot: NewBot, bot_api: BotApi, other_program: MongoClient[dict[str, Any]], database_name: str
) -> None:
    hold = Hold()
    bot_api.fail("sendPhoto", hold)
    first = asyncio.ensure_future(new_bot().daily.attend())
    await asyncio.to_thread(bot_api.wait_for, lambda api: "sendPhoto" in api.methods(), "the picture")
    notes = other_program[database_name][COLLECTION]
    notes.update_one({"_id": DAY.isoformat()}, {"$set": {"lease_until": datetime(2020, 1, 1)}})  # noqa: DTZ001
    await new_bot().daily.attend()
    hold.until.set()
    await first
    # The picture was under way when the first one lost the day: that is the rare second copy.
    assert [call.method for call in bot_api.delivered] == [
        "sendMessage",
        "sendPhoto",
        "sendPhoto",
        "sendDocument",
    ]


async def test_told_to_stop_it_lets_a_request_end_and_lets_go_of_the_day(
    new_bot: NewBot, bot_api: BotApi
) -> None:
    hold = Hold()
    bot_api.fail("sendMessage", hold)
    sending = asyncio.ensure_future(new_bot().daily.attend())
    await asyncio.to_thread(bot_api.wait_for, lambda api: "sendMessage" in api.methods(), "the message")
    sending.cancel()
    await asyncio.sleep(0)
    hold.until.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await new_bot().daily.attend()
    assert [call.method for call in bot_api.delivered] == WHOLE


async def test_no_log_line_shows_the_token(
    new_bot: NewBot, bot_api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bot")
    for method in WHOLE:
        bot_api.fail(method, Refuse(500), HangUp(), Garbage(), Refuse(429, "Too Many Requests", 3))
    await new_bot().daily.attend()
    assert len(caplog.records) >= 12
    secret = TOKEN.partition(":")[2]
    assert not [record for record in caplog.records if secret in str(record.__dict__)]


async def test_a_fault_of_ours_is_logged_and_ends_nothing(
    new_bot: NewBot, bot_api: BotApi, actions: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = new_bot()
    daily = bot.daily
    monkeypatch.setattr(bot.tools.composer, "compose", lambda *_: 1 / 0)
    await daily.attend()
    monkeypatch.undo()
    await daily.attend()
    assert (bot_api.methods(), actions()) == ([], ["fault"])
    bot.time.slept.append(24 * 3600)
    await daily.attend()
    assert bot_api.methods() == WHOLE
