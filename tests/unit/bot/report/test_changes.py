"""What the ledger tells in a report's message: in plain words, and on lines that always fit."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.report.changes import (
    Changes,
    Lasting,
    Line,
    LookBack,
    NotKnown,
    Outlook,
    Side,
    days_text,
    looked_back,
)
from bot.report.message import LONGEST_MESSAGE, Heading, report_text
from bot.report.shown_names import utf16_units
from bot.report.stocktake import EarlierReport, Stocktake, StoreStock, Totals
from tests.unit.bot.report.test_message import AT, YESTERDAY

SOLD = Side(
    1204,
    [
        Line("abc111", "tea", 120, "till-7", has_others=True),
        Line("xyz", "milk", 80, "till-2"),
        Line("xyz", "salt", 7),
    ],
    [("till-7", 600), ("till-2", 300)],
)
SUPPLIED = Side(300, [Line("xyz", "milk", 300, "van-1")], [("van-1", 300)])
CHANGES = Changes("the report of Mon 23 Nov", SOLD, SUPPLIED, -12)
OUTLOOK = Outlook([Lasting("abc111", "tea", 12, 0.7), Lasting("xyz", "milk", 1200, 12.9)], 7)


def lines(look_back: LookBack, *, several: bool = True) -> list[str]:
    return list(looked_back(look_back, several=several))


def test_what_changed_as_a_person_reads_it() -> None:
    assert lines(LookBack(CHANGES, OUTLOOK)) == [
        "Since the report of Mon 23 Nov: 1,204 sold, 300 supplied, −12 otherwise",
        "Most sold: tea 120 (abc111, by till-7 and others) · milk 80 (xyz, by till-2) · salt 7 (xyz)",
        "Sold most: till-7 600 · till-2 300",
        "Most supplied: milk 300 (xyz, by van-1)",
        "Supplied most: van-1 300",
        "Runs out first: tea in 16 hours (abc111, 12 left) · milk in 12 days (xyz, 1,200 left), "
        "at the pace of the last 7 days",
    ]


def test_of_one_store_no_line_says_where() -> None:
    told = lines(LookBack(CHANGES, Outlook(OUTLOOK.items[:1], 1)), several=False)
    assert told[1] == "Most sold: tea 120 (by till-7 and others) · milk 80 (by till-2) · salt 7"
    assert told[-1] == "Runs out first: tea in 16 hours (12 left), at the pace of the last day"


def test_a_day_on_which_nothing_moved() -> None:
    still = Changes("yesterday, this time", Side(), Side())
    assert lines(LookBack(still, Outlook([], 7))) == [
        "Nothing was sold or supplied since yesterday, this time"
    ]


@pytest.mark.parametrize(
    ("look_back", "line"),
    [
        (LookBack(NotKnown.NONE, NotKnown.NONE), "what was sold and what runs out first: no ledger is kept"),
        (
            LookBack(NotKnown.BEHIND, NotKnown.BEHIND),
            "what was sold and what runs out first: the ledger is behind",
        ),
        (LookBack(CHANGES, NotKnown.UNREAD), "what runs out first: the ledger could not be read in time"),
        (LookBack(NotKnown.UNREAD, OUTLOOK), "what was sold: the ledger could not be read in time"),
    ],
)
def test_what_is_not_known_is_one_line(look_back: LookBack, line: str) -> None:
    told = lines(look_back)
    assert [one for one in told if "ledger" in one] == [f"Without {line}"]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (0.01, "under an hour"),
        (1.9 / 24, "1 hour"),
        (0.99, "23 hours"),
        (1, "1 day"),
        (1.99, "1 day"),
        (2, "2 days"),
        (364.9, "364 days"),
        (365, "over a year"),
        (1e30, "over a year"),
    ],
)
def test_days_and_hours_are_whole_and_for_certain(days: float, text: str) -> None:
    assert days_text(days) == text


names = st.text(min_size=1, max_size=128)
many = st.integers(1, 2**70)
lines_of_a_side = st.lists(st.builds(Line, names, names, many, st.none() | names, st.booleans()), max_size=4)
sides = st.builds(Side, many, lines_of_a_side, st.lists(st.tuples(names, many), max_size=4))
outlooks = st.builds(
    Outlook,
    st.lists(st.builds(Lasting, names, names, many, st.floats(0, 1e30)), max_size=4),
    st.integers(1, 7),
)


@given(sides, sides, outlooks)
def test_whatever_names_there_are_none_makes_a_line_of_its_own(
    sold: Side, supplied: Side, outlook: Outlook
) -> None:
    told = LookBack(Changes("the report of Mon 23 Nov", sold, supplied), outlook)
    begins = ("Since the", "Most s", "Sold most: ", "Supplied most: ", "Runs out first: ")
    assert all(one.startswith(begins) for one in "\n".join(lines(told)).splitlines())


def test_the_longest_names_leave_room_for_the_stores() -> None:
    long = "🍎" * 128
    line, lasting = Line(long, long, 2**70, long, has_others=True), Lasting(long, long, 2**70, 300)
    side = Side(2**70, [line] * 9, [(long, 2**70)] * 9)
    told = LookBack(Changes("the report of Mon 23 Nov", side, side, -(2**70)), Outlook([lasting] * 9, 7))
    earlier = EarlierReport(YESTERDAY, {f"{number}{long}": Totals(1, 2**70) for number in range(9)})
    stocktake = Stocktake(AT, [StoreStock("west", {"tea": 1}), StoreStock("south", {})])
    text = report_text(stocktake, earlier, Heading(ZoneInfo("Europe/Berlin"), look_back=told))
    assert utf16_units(text) <= LONGEST_MESSAGE
    assert text.endswith("▪ south: empty (new)")
