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
from tests.integration.bot.conftest import NINE, Bot, NewBot
from tests.integration.conftest import Documents
from tests.support.bot_api import STRANGER, BotApi, Raw, Refuse


@asynccontextmanager
async def polling(new_bot: NewBot, store_ids: tuple[str, ...] | None = None) -> AsyncIterator[None]:
    """Let a bot answer for as long as this lasts."""
    async with polling_of(new_bot, new_bot(store_ids=store_ids)):
        yield


@asynccontextmanager
async def polling_of(new_bot: NewBot, bot: Bot) -> AsyncIterator[None]:
    """Let this bot answer for as long as this lasts."""
    task = asyncio.create_task(Polling(new_bot.chat, dispatcher(bot.tools), bot.time.clock, Random(1)).run())
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
        (Refuse(502), "Telegram is not available: a fault of the server's (HTTP 502)."),
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
    own_stores.insert_one({"_id": "<b>north hall<b> *1*", "items": {"_x_": 2}})
    bot_api.say("/report <b>north hall<b> *1*")
    async with polling(new_bot):
        (text,) = await answers(bot_api, 1)
    assert "▪ <b>north hall<b> *1*: 1 item, 2 units\nHolds _x_ 2" in text
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


HIDDEN = {"type": "hidden_user", "date": 1422450181}
"""Where a forwarded message comes from that says neither who nor by what name (aiogram/aiogram 1840)."""

UNREADABLE: list[object] = [
    {"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "forward_origin": HIDDEN}},
    {"message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": 7}},
    {"message": {"message_id": 1, "date": "soon", "chat": {"id": 1, "type": "private"}}},
    {"message": {"message_id": 1, "date": 10**30, "chat": {"id": 1, "type": "private"}}},
    {"message": {"message_id": 1, "date": 1}},
    {"message": {"message_id": None, "date": 1, "chat": {"id": 1, "type": "private"}}},
    {"message": []},
    {"message": "text"},
]


@pytest.mark.parametrize("odd", UNREADABLE)
async def test_an_update_that_cannot_be_read_is_left_out_with_one_line(
    new_bot: NewBot, bot_api: BotApi, caplog: pytest.LogCaptureFixture, odd: dict[str, object]
) -> None:
    bot_api.put({"update_id": 1, **odd})
    bot_api.number_from(2)
    bot_api.say("/stores")
    async with polling(new_bot):
        assert await answers(bot_api, 1) == ["There are no stores yet."]
        await asyncio.to_thread(bot_api.wait_for, lambda api: api.all_read, "the next request")
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (line.__dict__["action"], line.__dict__["update"]) == ("update_unreadable", 1)


@pytest.mark.parametrize("odd", [{"update_id": 1}, {"update_id": 1, "new_kind": {"id": 7}}])
async def test_an_update_of_another_kind_is_nobody_s(
    new_bot: NewBot, bot_api: BotApi, odd: dict[str, object]
) -> None:
    bot_api.put(odd)
    bot_api.number_from(2)
    bot_api.say("/stores")
    async with polling(new_bot):
        assert await answers(bot_api, 1) == ["There are no stores yet."]


@pytest.mark.parametrize("result", ["null", "{}", "7", "[{}]", "[null, []]", '[{"update_id": "7"}]'])
async def test_an_answer_without_a_number_is_an_outage_and_not_a_busy_loop(
    new_bot: NewBot, bot_api: BotApi, caplog: pytest.LogCaptureFixture, result: str
) -> None:
    bot_api.fail("getUpdates", *[Raw(200, f'{{"ok":true,"result":{result}}}')] * 3)
    bot_api.say("/help")
    bot = new_bot()
    async with polling_of(new_bot, bot):
        await answers(bot_api, 1)
    assert logged(caplog, "polling_failed") == [
        "No messages: Telegram is not available: updates without numbers."
    ]
    assert bot.time.slept[:3] == pytest.approx([1, 2, 4], rel=0.3)


async def test_numbers_that_begin_anew_after_a_quiet_week_are_followed(
    new_bot: NewBot, bot_api: BotApi
) -> None:
    # go-telegram-bot-api/telegram-bot-api 156: whoever asks on from the highest one gets the same for ever.
    bot_api.number_from(727_334_700)
    bot_api.say("/help")
    async with polling(new_bot):
        await answers(bot_api, 1)
        await asyncio.to_thread(bot_api.let_a_quiet_week_pass, 117_314_199)
        bot_api.say("/stores")
        await answers(bot_api, 2)
        await asyncio.to_thread(bot_api.wait_for, lambda api: api.all_read, "the next request")
    assert bot_api.texts()[1:] == ["There are no stores yet."]


@pytest.mark.usefixtures("stocked")
async def test_after_an_outage_what_is_fresh_is_answered_and_what_is_old_is_told_of_once(
    new_bot: NewBot, bot_api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    five_hours_ago = NINE.timestamp() - 5 * 3600
    for _ in range(230):
        bot_api.say("/report", at=five_hours_ago)
        bot_api.say("hello", user=STRANGER, at=five_hours_ago)
    for _ in range(3):
        bot_api.say("/stores", at=NINE.timestamp())
    async with polling(new_bot):
        listed, away = await answers(bot_api, 2)
        bot_api.say("/report", at=NINE.timestamp())
        await asyncio.to_thread(bot_api.wait_for, lambda api: len(api.delivered) == 5, "the fresh report")
    assert listed.startswith("2 stores\n")
    assert away == "I was away, and have not answered what you asked meanwhile. Ask again."
    assert bot_api.methods() == ["sendMessage", "sendMessage", "sendMessage", "sendPhoto", "sendDocument"]
    numbers = [
        r.__dict__["number"] for r in caplog.records if r.__dict__.get("action") == "old_messages_left_out"
    ]
    assert (sum(numbers), len(numbers)) == (460, 5)


async def test_old_messages_of_strangers_are_told_to_nobody(new_bot: NewBot, bot_api: BotApi) -> None:
    bot_api.say("hello", user=STRANGER, at=NINE.timestamp() - 3600)
    bot_api.say("/stores", at=NINE.timestamp())
    async with polling(new_bot):
        await asyncio.to_thread(bot_api.wait_for, lambda api: api.all_read, "all to be read")
    assert bot_api.texts() == ["There are no stores yet."]
