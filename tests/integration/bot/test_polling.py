"""Messages are received in order, answered once, and an outage is two lines."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from bot.clock import Clock
from bot.commands import dispatcher
from bot.telegram.polling import Polling
from tests.integration.bot.conftest import NewBot
from tests.integration.conftest import Documents
from tests.support.bot_api import USER, BotApi, Refuse


@asynccontextmanager
async def polling(new_bot: NewBot, store_ids: tuple[str, ...] | None = None) -> AsyncIterator[None]:
    """Let a bot answer for as long as this lasts."""
    bot = new_bot(store_ids=store_ids)
    task = asyncio.create_task(
        Polling(new_bot.chat, dispatcher(bot.tools, USER), bot.time.clock, Random(1)).run()
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def answers(bot_api: BotApi, number: int) -> list[str]:
    await asyncio.to_thread(bot_api.wait_for, lambda api: len(api.texts()) >= number, f"{number} answers")
    return bot_api.texts()


def logged(caplog: pytest.LogCaptureFixture, action: str) -> list[str]:
    return [record.message for record in caplog.records if record.__dict__.get("action") == action]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refuse(401, "Unauthorized"), "Telegram refused: it does not know this BOT_TOKEN."),
        (Refuse(409, "Conflict"), "Telegram is not available: another bot asks for the same messages."),
        (Refuse(502), "Telegram is not available: a fault of the server's."),
        (Refuse(429, "Too Many Requests", 5), "Telegram is not available: it asks to wait."),
    ],
)
async def test_an_outage_is_one_line_as_it_begins_and_one_as_it_ends(
    new_bot: NewBot, bot_api: BotApi, caplog: pytest.LogCaptureFixture, refusal: Refuse, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    bot_api.fail("getUpdates", refusal, refusal, refusal)
    bot_api.say("/help")
    async with polling(new_bot):
        await answers(bot_api, 1)
    assert logged(caplog, "polling_failed") == [f"No messages: {reason}"]
    assert logged(caplog, "polling_back") == ["Messages come again"]


@pytest.mark.usefixtures("stocked")
async def test_who_may_see_some_stores_sees_no_others(new_bot: NewBot, bot_api: BotApi) -> None:
    for text in ("/stores", "/report xyz", "/report abc111"):
        bot_api.say(text)
    async with polling(new_bot, store_ids=("abc111",)):
        listed, refused, _ = await answers(bot_api, 3)
    assert "xyz" not in listed
    assert refused == "There is no store xyz. /stores lists them."


async def test_a_store_id_may_hold_spaces_and_markup(
    new_bot: NewBot, bot_api: BotApi, own_stores: Documents
) -> None:
    own_stores.insert_one({"_id": "<b>north hall</b> *1*", "items": {"_x_": 2}})
    bot_api.say("/report <b>north hall</b> *1*")
    async with polling(new_bot):
        (text,) = await answers(bot_api, 1)
    assert "▪ <b>north hall</b> *1*: 1 item, 2 units\nHolds _x_ 2" in text
    # The stand-in takes texts as they are; Telegram does so only where no parse mode is asked for.
    assert not any("parse_mode" in call.fields for call in bot_api.calls)


async def test_a_message_without_text_gets_the_help(new_bot: NewBot, bot_api: BotApi) -> None:
    bot_api.say("")
    bot_api.say("/help@the_bot")
    bot_api.say("/start@the_bot")
    async with polling(new_bot):
        await answers(bot_api, 3)
    assert len(set(bot_api.texts())) == 1


def test_a_clock_passes_real_time_by_itself() -> None:
    assert Clock().now().tzinfo is not None
