"""One report a day, whatever the clocks do: two years of days in several zones, with the time passed in."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given
from hypothesis import strategies as st

from bot.report.timetable import CATCH_UP, ON_TIME, DueReport, Timetable, due_at

FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)
DAYS = (LAST - FIRST).days + 1

# Where clocks change by an hour at night, by an hour at midnight, and by half an hour; and where they do not.
ZONES = ("Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu")
# Ordinary, at both ends of the day, and in the gaps and overlaps of those zones.
TIMES = (time(21), time(0), time(23, 59), time(0, 30), time(1, 45), time(2, 15), time(2, 30), time(23, 30))

everywhere = pytest.mark.parametrize("zone", [ZoneInfo(name) for name in ZONES], ids=str)
always = pytest.mark.parametrize("at", TIMES, ids=str)


def cron_fires(at: time, zone: ZoneInfo) -> Iterator[datetime]:
    """When the cron fires, from the first day to the last, counted as aiocron counts."""
    cron = CronSim(
        f"{at.minute} {at.hour} * * *", datetime.combine(FIRST, time(0), zone) - timedelta(seconds=1)
    )
    while (fires := next(cron)).date() <= LAST:
        yield fires.astimezone(UTC)


def looks(zone: ZoneInfo, every: timedelta) -> Iterator[datetime]:
    """When a bot looks that looks so often, from the first day's begin to the last one's end."""
    now = datetime.combine(FIRST, time(0), zone).astimezone(UTC)
    end = datetime.combine(LAST + timedelta(days=1), time(0), zone).astimezone(UTC)
    while now < end:
        yield now
        now += every


@everywhere
@always
def test_the_cron_finds_each_day_due_exactly_once_and_on_time(zone: ZoneInfo, at: time) -> None:
    timetable = Timetable(at, zone)
    found = [timetable.newest_due(fires) for fires in cron_fires(at, zone)]
    assert [due.day for due in found] == [FIRST + timedelta(days=number) for number in range(DAYS)]
    assert [due.at for due in found] == list(cron_fires(at, zone))


@everywhere
@pytest.mark.parametrize("at", [time(21), time(2, 15), time(0)], ids=str)
def test_whoever_looks_now_and_then_finds_each_day_once_and_none_twice(zone: ZoneInfo, at: time) -> None:
    timetable, sent = Timetable(at, zone), Counter[date]()
    for now in looks(zone, timedelta(minutes=47)):
        due = timetable.newest_due(now)
        if due.day not in sent:
            assert not due.is_missed(now) or due.day < FIRST
            assert now - due.at < timedelta(minutes=47) or due.day < FIRST
            sent[due.day] += 1
    expected = {FIRST + timedelta(days=number) for number in range(DAYS)}
    assert expected - sent.keys() <= {LAST}
    assert set(sent.values()) == {1}


@everywhere
@always
def test_reports_are_about_a_day_apart(zone: ZoneInfo, at: time) -> None:
    moments = [due_at(FIRST + timedelta(days=number), at, zone) for number in range(DAYS)]
    apart = {later - earlier for earlier, later in pairwise(moments)}
    assert all(timedelta(hours=22, minutes=30) <= gap <= timedelta(hours=25, minutes=30) for gap in apart)


@pytest.mark.parametrize(
    ("zone", "at", "day", "moment"),
    [
        ("Europe/Berlin", time(2, 30), date(2027, 3, 28), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        ("Europe/Berlin", time(2, 30), date(2027, 10, 31), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("Africa/Cairo", time(0, 15), date(2027, 4, 30), datetime(2027, 4, 29, 22, 0, tzinfo=UTC)),
        ("Africa/Cairo", time(23, 15), date(2027, 10, 28), datetime(2027, 10, 28, 20, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", time(2, 15), date(2027, 10, 3), datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", time(1, 45), date(2027, 4, 4), datetime(2027, 4, 3, 14, 45, tzinfo=UTC)),
    ],
)
def test_in_a_gap_as_the_clock_jumps_in_an_overlap_the_first_time(
    zone: str, at: time, day: date, moment: datetime
) -> None:
    assert due_at(day, at, ZoneInfo(zone)) == moment


def test_the_second_time_in_an_overlap_is_the_same_report() -> None:
    berlin = Timetable(time(2, 30), ZoneInfo("Europe/Berlin"))
    first, second = datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert berlin.newest_due(first) == berlin.newest_due(second)


def test_a_machine_that_slept_finds_the_newest_report_only() -> None:
    timetable = Timetable(time(21), ZoneInfo("UTC"))
    woke = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert timetable.newest_due(woke).day == date(2026, 11, 23)
    assert not timetable.newest_due(woke).is_missed(woke)


def test_late_after_five_minutes_and_missed_after_twelve_hours() -> None:
    at = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
    due, second = DueReport(at.date(), at), timedelta(seconds=1)
    assert (due.is_late(at), due.is_late(at + ON_TIME), due.is_late(at + ON_TIME + second)) == (
        False,
        False,
        True,
    )
    assert (due.is_missed(at + CATCH_UP), due.is_missed(at + CATCH_UP + second)) == (False, True)
    assert timedelta(hours=12) == CATCH_UP


@example(datetime(2001, 10, 13, 3, tzinfo=UTC), time(0, fold=1), ZoneInfo("America/Sao_Paulo"))
@given(
    now=st.integers(946_684_800, 2_145_916_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    at=st.times(timezones=st.none()).map(lambda one: one.replace(second=0, microsecond=0)),
    zone=st.sampled_from([*ZONES, "America/St_Johns", "America/Sao_Paulo", "Pacific/Auckland"]).map(ZoneInfo),
)
def test_the_newest_report_is_due_and_the_next_one_is_not_yet(
    now: datetime, at: time, zone: ZoneInfo
) -> None:
    timetable = Timetable(at, zone)
    due = timetable.newest_due(now)
    assert due.at <= now
    assert timetable.seconds_to_next(now) > 0
    assert timetable.newest_due(
        now + timedelta(seconds=timetable.seconds_to_next(now))
    ).day == due.day + timedelta(1)
