"""When the report is looked after: at the start, at its time, each minute; days pass in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from bot.clock import Clock
from bot.daily.schedule import WATCH_SECONDS, Schedule
from bot.report.timetable import Timetable
from tests.simulation.virtual_time import in_virtual_time

TIMETABLE = Timetable(time(2, 30), ZoneInfo("Europe/Berlin"))
# The night in which the clock jumps from 2:00 to 3:00, and the report's time is no time.
EVENING = datetime(2027, 3, 27, 21, 0, tzinfo=UTC)
DAY = 24 * 3600


class Looks:
    """Notes when somebody looked, by the loop's clock, and ends it all after some time."""

    def __init__(self, seconds: float) -> None:
        self.at: list[float] = []
        self.again: list[bool] = []
        self._seconds = seconds
        self.over = asyncio.Event()

    async def attend(self, *, again: bool = False) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self.again.append(again)
        if self.at[-1] >= self._seconds:
            self.over.set()


async def watch(looks: Looks, now: Callable[[], datetime], sleep: Callable[[float], Awaitable[None]]) -> None:
    schedule = Schedule(TIMETABLE, looks.attend, Clock(now=now, sleep=sleep))
    running = asyncio.ensure_future(schedule.run())
    over = asyncio.ensure_future(looks.over.wait())
    await asyncio.wait((running, over), return_when=asyncio.FIRST_COMPLETED)
    assert looks.over.is_set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def never(_: float) -> None:
    await asyncio.Event().wait()


@in_virtual_time
async def test_the_cron_alone_fires_every_day_at_the_time_of_the_zone() -> None:
    looks, began = Looks(DAY), datetime.now(UTC)
    await watch(looks, lambda: datetime.now(UTC), never)
    # aiocron asks the real clock when it starts, and counts by the loop's from there.
    fired = [began + timedelta(seconds=seconds) for seconds in looks.at[1:]]
    assert len(fired) == 2
    for moment in fired:
        due = TIMETABLE.newest_due(moment + timedelta(seconds=2))
        assert abs(moment - due.at) < timedelta(seconds=2)
    assert looks.again == [True, False, False]


@in_virtual_time
async def test_somebody_looks_each_minute_and_at_the_very_moment() -> None:
    looks, loop = Looks(2 * DAY), asyncio.get_running_loop()
    await watch(looks, lambda: EVENING + timedelta(seconds=loop.time()), asyncio.sleep)
    gaps = [after - before for before, after in pairwise(looks.at)]
    assert max(gaps) <= WATCH_SECONDS + 1e-6  # as far as floats tell
    moments = [EVENING + timedelta(seconds=seconds) for seconds in looks.at]
    for day in (28, 29):
        due = TIMETABLE.newest_due(datetime(2027, 3, day, 12, 0, tzinfo=UTC))
        assert min(abs(moment - due.at) for moment in moments) < timedelta(milliseconds=1)


@in_virtual_time
async def test_a_machine_that_wakes_looks_within_a_minute() -> None:
    looks, loop = Looks(3600), asyncio.get_running_loop()
    asleep = timedelta(hours=9)

    def now() -> datetime:
        # The loop's clock stood still while the machine slept, half an hour after the start.
        return EVENING + timedelta(seconds=loop.time()) + (asleep if loop.time() > 1800 else timedelta())

    await watch(looks, now, asyncio.sleep)
    first = next(seconds for seconds in looks.at if seconds > 1800)
    assert first - 1800 <= WATCH_SECONDS
