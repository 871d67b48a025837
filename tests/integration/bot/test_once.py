"""`--once`: sends now, and yet two machines with the same cron line send one report."""

from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from bot.daily.claims import COLLECTION
from bot.daily.once import send_once
from bot.errors import BotRefused
from tests.integration.bot.conftest import NINE, TIMETABLE, NewBot
from tests.support.bot_api import BotApi, Refuse

WHOLE = ["sendMessage", "sendPhoto", "sendDocument"]

pytestmark = pytest.mark.usefixtures("stocked")


async def test_it_counts_as_the_day_s_report(new_bot: NewBot, bot_api: BotApi) -> None:
    assert await send_once(new_bot().tools, TIMETABLE) == "The report of 2026-11-24 was sent."
    await new_bot().daily.attend(again=True)
    assert bot_api.methods() == WHOLE


async def test_it_sends_whatever_the_time_is_and_is_never_late(new_bot: NewBot, bot_api: BotApi) -> None:
    said = await send_once(new_bot(NINE - timedelta(hours=3)).tools, TIMETABLE)
    assert said == "The report of 2026-11-23 was sent."
    assert bot_api.methods() == WHOLE
    assert "Late" not in bot_api.texts()[0]


async def test_not_while_another_bot_sends_nor_just_after(
    new_bot: NewBot, bot_api: BotApi, other_program: MongoClient[dict[str, Any]], database_name: str
) -> None:
    notes = other_program[database_name][COLLECTION]
    await new_bot().tools.claims.claim(NINE.date())
    said = await send_once(new_bot().tools, TIMETABLE)
    assert said == "Nothing was sent: another bot is just sending the report of 2026-11-24."
    notes.update_one({}, {"$set": {"sent_at": NINE - timedelta(minutes=14)}})
    said = await send_once(new_bot().tools, TIMETABLE)
    assert said == "Nothing was sent: the report of 2026-11-24 went out less than 15 minutes ago."
    assert bot_api.methods() == []
    notes.update_one({}, {"$set": {"sent_at": NINE - timedelta(minutes=16)}})
    said = await send_once(new_bot().tools, TIMETABLE)
    assert said == "One more report was sent; that of 2026-11-24 had been sent before."
    assert bot_api.methods() == WHOLE


async def test_a_failure_is_raised_and_may_be_tried_again(new_bot: NewBot, bot_api: BotApi) -> None:
    bot_api.fail("sendMessage", Refuse(401, "Unauthorized"))
    with pytest.raises(BotRefused):
        await send_once(new_bot().tools, TIMETABLE)
    assert await send_once(new_bot().tools, TIMETABLE) == "The report of 2026-11-24 was sent."
