"""A clock whose pauses pass at once."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.clock import Clock
from bot.daily.claims import LEASE

HEARTBEAT = LEASE.total_seconds() / 3


class VirtualClock:
    """Starts at a moment, and goes on by what is slept, and in no other way.

    The heartbeat of a lease is the one sleep that never ends: between two beats there is nothing to wait for.

    Args:
        now: when it starts.
    """

    def __init__(self, now: datetime = datetime(2026, 11, 24, 21, 0, 1, tzinfo=UTC)) -> None:
        self._began = now
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        """The clock, for those who take one."""
        return Clock(self.now, self.elapsed, self.sleep)

    def now(self) -> datetime:
        """The moment."""
        return self._began + timedelta(seconds=self.elapsed())

    def elapsed(self) -> float:
        """Seconds since the start."""
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        if seconds == HEARTBEAT:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        await asyncio.sleep(0)
