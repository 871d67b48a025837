"""Fires at the report's time, and looks each minute whether something was missed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiocron

from bot.clock import Clock
from bot.report.timetable import Timetable

log = logging.getLogger(__name__)

WATCH_SECONDS = 60.0


class Schedule:
    """Calls `attend` at the time of day, at once at the start, and each minute.

    The cron counts from its start on by a clock that nobody sets, and that stands still while the machine is
    suspended (aiocron, `Cron.initialize`). So each minute there is a look at the real clock, too.

    Args:
        timetable: when the report is due.
        attend: sees to the newest report that is due, by the real clock; `again` at the start.
        clock: how the minutes pass.
    """

    def __init__(self, timetable: Timetable, attend: Callable[..., Awaitable[None]], clock: Clock) -> None:
        self._timetable = timetable
        self._attend = attend
        self._clock = clock
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Go on for ever."""
        at = self._timetable.at
        cron = aiocron.crontab(
            # Five fields: with six, a clock change gives two reports or none.
            f"{at.minute} {at.hour} * * *",
            func=self._due.set,
            loop=asyncio.get_running_loop(),
            tz=self._timetable.zone,
        )
        try:
            await self._attend(again=True)
            while True:
                await self._wait()
                await self._attend()
        finally:
            cron.stop()

    async def _wait(self) -> None:
        """Wait for the cron, or for a minute to pass, or less where the next report is closer than that."""
        seconds = min(WATCH_SECONDS, self._timetable.seconds_to_next(self._clock.now()))
        minute = asyncio.ensure_future(self._clock.sleep(seconds))
        due = asyncio.ensure_future(self._due.wait())
        try:
            await asyncio.wait((minute, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            minute.cancel()
            due.cancel()
        self._due.clear()
