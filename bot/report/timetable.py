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


@dataclass(frozen=True, slots=True)
class Timetable:
    """When the report is due, every day: a time on the clock of a zone."""

    at: time
    zone: ZoneInfo

    def newest_due(self, now: datetime) -> DueReport:
        """Find the newest report that is due, `now` being any moment with its time zone."""
        day = now.astimezone(self.zone).date()
        due = due_at(day, self.at, self.zone)
        if due > now:
            day -= timedelta(days=1)
            due = due_at(day, self.at, self.zone)
        return DueReport(day, due)

    def seconds_to_next(self, now: datetime) -> float:
        """Say how long it is until the next report is due; never 0."""
        day = self.newest_due(now).day + timedelta(days=1)
        return (due_at(day, self.at, self.zone) - now).total_seconds()


def due_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give the moment (UTC) at which a day's clock first shows `at` or, where it jumps over that, later.

    That is when a cron of five fields fires: in a gap as the clock jumps, in an overlap the first time.
    """
    wall = datetime.combine(day, at.replace(fold=0), zone)
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
