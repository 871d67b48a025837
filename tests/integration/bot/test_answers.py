"""Whatever the Bot API answers to whatever call: a table, over real HTTP, that the documentation has, too."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from bot.compose.composer import ComposedReport
from bot.daily.parts import deliver
from bot.errors import BotRefused, TelegramRefused, TelegramUnavailable
from bot.report.stocktake import Stocktake
from bot.retries import Persistence
from bot.telegram.chat import Chat
from tests.integration.bot.telegram_answers import AFTER, GIVEN_UP, LEFT_OUT, PUT_OFF, ROWS, TAKEN, Row
from tests.support.bot_api import BotApi, Fault, Raw
from tests.support.virtual_clock import VirtualClock

WHOLE = ["sendMessage", "sendPhoto", "sendDocument"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + (40).to_bytes(4) * 2 + b"IEND\xaeB`\x82"
REPORT = ComposedReport(
    Stocktake(datetime(2026, 11, 24, 21, tzinfo=UTC), []), "Stock", "Stock", "stock", PNG, b"a workbook"
)
CALLS: dict[str, Callable[[Chat], Awaitable[object]]] = {
    "getUpdates": lambda chat: chat.receive(None),
    "sendMessage": lambda chat: chat.send_text("Stock"),
    "sendPhoto": lambda chat: chat.send_picture(PNG, "stock.png", "Stock"),
    "sendDocument": lambda chat: chat.send_file(b"a workbook", "stock.xlsx", "Stock"),
    "setMyCommands": lambda chat: chat.offer([("help", "What I can do")]),
}
EACH = [(row, fault, reason) for row in ROWS for fault, reason in row.faults]


async def sent(chat: Chat, clock: VirtualClock) -> Exception | None:
    """Send a whole report, and give what it was given up for."""
    try:
        await deliver(chat, REPORT, Persistence(clock.clock, Random(1)))
    except (TelegramUnavailable, TelegramRefused) as failure:
        return failure
    return None


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(("row", "fault", "reason"), EACH)
async def test_every_call_takes_an_answer_for_the_same(
    bot_api: BotApi, chat: Chat, row: Row, fault: Fault, reason: str, method: str
) -> None:
    bot_api.fail(method, fault)
    with pytest.raises((TelegramUnavailable, TelegramRefused)) as failed:
        await CALLS[method](chat)
    failure = failed.value
    assert isinstance(failure, TelegramUnavailable | TelegramRefused)
    assert (type(failure), failure.reason) == (row.kind, reason)
    assert getattr(failure, "retry_after", None) == row.wait


@pytest.mark.parametrize("method", WHOLE)
@pytest.mark.parametrize(("row", "fault"), [(row, row.faults[0][0]) for row in ROWS])
async def test_a_part_of_the_report_fares_as_the_table_says(
    bot_api: BotApi, chat: Chat, row: Row, fault: Fault, method: str
) -> None:
    clock = VirtualClock()
    bot_api.fail(method, fault)
    failure = await sent(chat, clock)
    delivered = [call.method for call in bot_api.delivered]
    if row.then == GIVEN_UP or (row.then == LEFT_OUT and method == "sendMessage") or row.then == PUT_OFF:
        assert (type(failure), clock.slept) == (row.kind, [])
        assert delivered == WHOLE[: WHOLE.index(method)]
    elif row.then == LEFT_OUT:
        assert (failure, clock.slept) == (None, [])
        assert delivered == [other for other in WHOLE if other != method]
    else:
        assert (failure, delivered) == (None, WHOLE)
        assert len(clock.slept) == 1
        assert (clock.elapsed() > 30) == (row.then == AFTER)


@pytest.mark.parametrize("method", WHOLE)
@pytest.mark.parametrize("body", TAKEN)
async def test_what_telegram_says_it_has_taken_is_never_sent_again(
    bot_api: BotApi, chat: Chat, method: str, body: str
) -> None:
    bot_api.fail(method, Raw(200, body, delivered=True))
    assert await sent(chat, VirtualClock()) is None
    assert [call.method for call in bot_api.delivered] == WHOLE


def test_the_documentation_has_the_same_table() -> None:
    page = (Path(__file__).parents[3] / "docs/telegram.md").read_text()
    found = re.findall(r"^\| (.+) \| (.+) \|$", page.partition("| Telegram answers |")[2], re.MULTILINE)
    assert found == [(row.answer, row.then) for row in ROWS]


def test_the_table_knows_every_kind_of_failure() -> None:
    assert {row.kind for row in ROWS} == {TelegramUnavailable, TelegramRefused, BotRefused}
