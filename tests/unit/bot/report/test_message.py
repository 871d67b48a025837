"""The message: what it says, and that it fits and stays plain whatever anybody calls an item."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.report.message import LONGEST_MESSAGE, Heading, change_text, overview, report_text
from bot.report.shown_names import shown, utf16_units
from bot.report.stocktake import EarlierReport, Stocktake, StoreStock, Totals, Trouble
from bot.report.timetable import DueReport
from tests.support.odd_ids import SPELLED

AT = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
HEADING = Heading(ZoneInfo("Europe/Berlin"))
YESTERDAY = date(2026, 11, 23)


def stocktake(*stores: StoreStock) -> Stocktake:
    return Stocktake(AT, stores)


def numbered(store_id: str, lines: int) -> StoreStock:
    return StoreStock(store_id, {f"item-{number}": number for number in range(1, lines + 1)})


def test_a_report_as_a_person_reads_it() -> None:
    stores = stocktake(numbered("abc111", 40), StoreStock("xyz", {"tea": 3, "milk": 1200}))
    earlier = EarlierReport(YESTERDAY, {"abc111": Totals(41, 800), "gone": Totals(2, 5)})
    assert report_text(stores, earlier, HEADING) == (
        "Stock · Tue 24 Nov 2026, 21:00 Europe/Berlin\n"
        "2 stores, 42 items, 2,023 units\n"
        "+1,218 units since the report of Mon 23 Nov\n"
        "No longer there: gone\n"
        "\n"
        "▪ abc111: 40 items (−1), 820 units (+20)\n"
        "Most: item-40 40 · item-39 39 · item-38 38\n"
        "Least: item-3 3 · item-2 2 · item-1 1\n"
        "\n"
        "▪ xyz: 2 items, 1,203 units (new)\n"
        "Holds milk 1,200 · tea 3"
    )


def test_the_first_report_compares_with_nothing() -> None:
    text = report_text(stocktake(numbered("abc111", 1)), None, HEADING)
    assert "since" not in text
    assert "▪ abc111: 1 item, 1 unit\nHolds item-1 1" in text


def test_stores_in_trouble_are_named_and_break_nothing() -> None:
    stores = stocktake(
        StoreStock("empty", {}),
        StoreStock("gone", {}, Trouble.MISSING),
        StoreStock("bad", {}, Trouble.BROKEN),
    )
    text = report_text(stores, EarlierReport(YESTERDAY, {"bad": Totals(1, 1)}), HEADING)
    assert "▪ empty: empty (new)" in text
    assert "▪ gone: no such store" in text
    assert "▪ bad: its document is broken" in text


def test_a_late_report_says_of_when_it_is_and_what_is_missing() -> None:
    late = DueReport(YESTERDAY, datetime(2026, 11, 23, 20, 0, tzinfo=UTC))
    text = report_text(stocktake(), None, Heading(HEADING.zone, late, ["picture", "workbook"]))
    assert text.splitlines()[1:] == [
        "Late: this is the report of Mon 23 Nov, 21:00.",
        "Without its picture and workbook, which could not be made this time.",
        "There are no stores yet",
    ]


def test_of_many_stores_it_tells_as_much_as_fits() -> None:
    twenty = report_text(stocktake(*(numbered(f"store-{n:02}", 90) for n in range(20))), None, HEADING)
    assert twenty.count("▪") == twenty.count("Most:") == 20
    thousands = report_text(stocktake(*(numbered(f"store-{n:04}", 9) for n in range(5000))), None, HEADING)
    told = thousands.count("▪")
    assert thousands.endswith(f"… and {5000 - told:,} more stores")
    assert 3600 < utf16_units(thousands) <= LONGEST_MESSAGE


def test_the_overview_is_a_line_a_store() -> None:
    assert overview(stocktake()) == "There are no stores yet."
    assert overview(stocktake(numbered("a", 2))) == "1 store\n\n▪ a: 2 items, 3 units"
    assert utf16_units(overview(stocktake(*(numbered("x" * 99, 3) for _ in range(5000))))) <= LONGEST_MESSAGE


names = st.text(min_size=1, max_size=128)
stocks = st.dictionaries(names, st.integers(1, 2**63 - 1), max_size=12)
stores = st.builds(StoreStock, names, stocks, st.sampled_from([None, None, *Trouble]))
totals = st.builds(Totals, st.integers(0, 10**6), st.integers(0, 2**70))
earlier_reports = st.none() | st.builds(
    EarlierReport, st.just(YESTERDAY), st.dictionaries(names, totals, max_size=9)
)


@given(st.lists(stores, max_size=60), earlier_reports)
def test_it_always_fits_and_no_name_makes_a_line_of_its_own(
    some: list[StoreStock], earlier: EarlierReport | None
) -> None:
    text = report_text(stocktake(*some), earlier, HEADING)
    assert 0 < utf16_units(text) <= LONGEST_MESSAGE
    assert all(
        line.startswith(("▪ ", "Most: ", "Least: ", "Holds ", "…", "No longer there: "))
        for line in text.splitlines()[3:]
        if line
    )
    assert text.encode()


# A right-to-left word is kept apart from its neighbours, too.
SPELLED_FOR_PEOPLE = [(name, seen) for name, seen in SPELLED.items() if "\u06cc" not in name]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("item-1", "item-1"),
        ("<b>&_*`[x](y)", "<b>&_*`[x](y)"),
        ("a\nb\u2028c\td", "a b c d"),
        ("\u202eevil", "‹U+202E›evil"),
        (" ", "␣"),
        ("", "\ufffd"),
        ("x" * 25 + "\u200b", "x" * 25 + "…"),
        ("x" * 40, "x" * 31 + "…"),
        ("מוצר", "\u2068מוצר\u2069"),
        ("\ud800", "‹U+D800›"),
        *SPELLED_FOR_PEOPLE,
    ],
)
def test_ids_as_they_are_shown(name: str, seen: str) -> None:
    assert shown(name) == seen


def test_differences_have_a_sign() -> None:
    assert [change_text(5, 1205), change_text(5, 2), change_text(5, 5)] == ["+1,200", "−3", "±0"]
