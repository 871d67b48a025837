"""Which messages are too old for an answer, whatever the clocks say."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.telegram.aiogram import Update
from bot.telegram.backlog import Backlog
from tests.support.virtual_clock import VirtualClock

MINUTE = timedelta(minutes=1)


def update(number: int, at: datetime, text: str | None = None, user: int = 1) -> Update:
    message: dict[str, Any] = {
        "message_id": number,
        "date": int(at.timestamp()),
        "chat": {"id": user, "type": "private"},
        "from": {"id": user, "is_bot": False, "first_name": "Somebody"},
        "text": str(number) if text is None else text,
    }
    return Update.model_validate({"update_id": number, "message": message})


def numbers(sorted_out: tuple[list[Update], list[Update]]) -> tuple[list[int], list[int]]:
    fresh, old = sorted_out
    return [one.update_id for one in fresh], [one.update_id for one in old]


def test_at_the_start_the_date_counts() -> None:
    clock = VirtualClock()
    waiting = [
        update(1, clock.now() - 6 * MINUTE),
        update(2, clock.now() - 4 * MINUTE),
        update(3, clock.now()),
    ]
    assert numbers(Backlog(clock.clock).sort_out(waiting, all_there_was=True)) == ([2, 3], [1])


@pytest.mark.parametrize("wrong", [timedelta(hours=-5), timedelta(hours=5)])
async def test_a_wrong_clock_makes_nobody_deaf(wrong: timedelta) -> None:
    clock = VirtualClock()
    backlog = Backlog(clock.clock)
    backlog.sort_out([], all_there_was=True)
    for number in (1, 2):
        await clock.sleep(25)
        assert numbers(backlog.sort_out([update(number, clock.now() + wrong)], all_there_was=True)) == (
            [number],
            [],
        )


async def test_after_an_outage_the_date_counts_again_and_until_all_was_received() -> None:
    clock = VirtualClock()
    backlog = Backlog(clock.clock)
    backlog.sort_out([], all_there_was=True)
    asked = clock.now()
    await clock.sleep(3600)
    assert numbers(backlog.sort_out([update(1, asked)], all_there_was=False)) == ([], [1])
    assert numbers(backlog.sort_out([update(2, asked), update(3, clock.now())], all_there_was=True)) == (
        [3],
        [2],
    )
    assert numbers(backlog.sort_out([update(4, asked)], all_there_was=True)) == ([4], [])


def test_who_asks_for_the_same_again_and_again_gets_one_answer() -> None:
    clock = VirtualClock()
    now = clock.now()
    asked = [
        update(1, now, "/report"),
        update(2, now, "/stores"),
        update(3, now, "/report", user=2),
        update(4, now, "/report"),
        update(5, now, "/report x"),
    ]
    assert numbers(Backlog(clock.clock).sort_out(asked, all_there_was=True)) == ([2, 3, 4, 5], [])
