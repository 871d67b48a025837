"""Which day's report is due at a given moment, in a given time zone; pure, so that years pass in a test."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CATCH_UP = timedelta(hours=12)
"""How long after its time a report is still sent."""

ON_TIME = timedelta(minutes=5)
"""A report whose sending begins later than this is marked late."""


@dataclass(frozen=True, slots=True)
class DueReport:
    """The report of one day: what day it is of, and the moment (UTC) from which it is due."""

    day: date
    at: datetime

    def is_late(self, now: datetime) -> bool:
        """Whether it has to be marked as late when its sending begins now."""
        return now - self.at > ON_TIME

    def is_missed(self, now: datetime) -> bool:
        """Whether it is too old to be sent at all."""
        return now - self.at > CATCH_UP


def newest_due(now: datetime, at: time, zone: ZoneInfo) -> DueReport:
    """Find the newest report that is due, `now` being any moment with its time zone."""
    today = now.astimezone(zone).date()
    due = due_at(today, at, zone)
    if due > now:
        today -= timedelta(days=1)
        due = due_at(today, at, zone)
    return DueReport(today, due)


def due_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give the moment (UTC) at which a day's clock first shows `at` or, where it jumps over that, later.

    That is when a cron of five fields fires: in a gap as the clock jumps, in an overlap the first time.
    """
    wall = datetime.combine(day, at, zone)
    with_offset_before = wall.astimezone(UTC)
    with_offset_after = wall.replace(fold=1).astimezone(UTC)
    if with_offset_before <= with_offset_after:
        return with_offset_before
    return _jump(with_offset_after, with_offset_before, zone)


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Find the second, after the first moment and not after the second one, at which the clock jumps."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
