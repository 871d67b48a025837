"""How long is waited, and when it ends; time passes as fast as it is asked for."""

from random import Random

import pytest

from bot.errors import BotRefused, TelegramRefused, TelegramUnavailable
from bot.retries import LONGEST_PAUSE, PATIENCE, Persistence, pause
from tests.support.virtual_clock import VirtualClock


def test_pauses_grow_up_to_five_minutes() -> None:
    assert [pause(failures, 0.0) for failures in range(1, 11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert pause(10**6, 0.0) == LONGEST_PAUSE == 300
    assert pause(1, 1.0) == 0.75


def test_retry_after_is_obeyed() -> None:
    assert pause(1, 0.5, 30.0) == 30.5
    assert pause(9, 0.0, 30.0) == 256


class Request:
    """Fails so often, then works."""

    def __init__(self, failures: int, failure: Exception) -> None:
        self.asked = 0
        self._failures = failures
        self._failure = failure

    async def __call__(self) -> int:
        self.asked += 1
        if self.asked <= self._failures:
            raise self._failure
        return 17


async def test_what_may_work_later_is_tried_again() -> None:
    clock, request = VirtualClock(), Request(5, TelegramUnavailable("the network"))
    assert await Persistence(clock.clock, Random(1)).send("message", request) == 17
    assert request.asked == 6
    assert 31 * 0.75 <= clock.elapsed() <= 31


async def test_after_an_hour_it_is_given_up() -> None:
    clock, request = VirtualClock(), Request(10**6, TelegramUnavailable("the network"))
    with pytest.raises(TelegramUnavailable):
        await Persistence(clock.clock, Random(1)).send("message", request)
    assert PATIENCE - LONGEST_PAUSE <= clock.elapsed() <= PATIENCE == 3600
    assert 18 <= request.asked <= 28


async def test_the_hour_is_that_of_all_parts_together() -> None:
    clock = VirtualClock()
    persistence = Persistence(clock.clock, Random(1))
    await clock.sleep(PATIENCE)
    request = Request(1, TelegramUnavailable("the network"))
    with pytest.raises(TelegramUnavailable):
        await persistence.send("picture", request)
    assert request.asked == 1


async def test_whoever_asks_for_more_than_is_left_is_not_waited_for() -> None:
    clock, request = VirtualClock(), Request(9, TelegramUnavailable("it asks to wait", 4000.0))
    with pytest.raises(TelegramUnavailable):
        await Persistence(clock.clock, Random(1)).send("message", request)
    assert (request.asked, clock.elapsed()) == (1, 0)


@pytest.mark.parametrize(
    "refusal", [TelegramRefused("bad request"), BotRefused("it does not know this BOT_TOKEN")]
)
async def test_a_refusal_is_final(refusal: TelegramRefused) -> None:
    clock, request = VirtualClock(), Request(1, refusal)
    with pytest.raises(TelegramRefused):
        await Persistence(clock.clock, Random(1)).send("message", request)
    assert (request.asked, clock.elapsed()) == (1, 0)
