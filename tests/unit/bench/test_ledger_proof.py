"""What the demo says of a ledger: that it is the receipts, or the first place at which it is not."""

import pytest

from bench.demo.ledger_proof import LedgerVerdict, Row, StoreProof

OPENED = {"a": 5, "b": 2}
RECEIPTS = {"101": {"a": 3, "b": 1}, "102": {"a": 1}}
STOCK = {"a": 1, "b": 1}

ROWS = (
    Row("1.0", "a", 9, 9, "supply", "opening-1"),
    Row("1.1", "a", -4, 5, "demand", "99"),
    Row("2.0", "a", -5, 0, "clean", "opening-2"),
    Row("2.1", "a", 5, 5, "supply", "opening-2"),
    Row("2.2", "b", 2, 2, "supply", "opening-2"),
    Row("3.0", "a", -3, 2, "demand", "101"),
    Row("3.1", "b", -1, 1, "demand", "101"),
    Row("4.0", "a", -1, 1, "demand", "102"),
)


def proof(rows: tuple[Row, ...] = ROWS, perhaps: str = "", refused: str = "") -> StoreProof:
    proof = StoreProof("opening-2", OPENED, RECEIPTS, {perhaps}, {refused})
    for row in rows:
        proof.take([row])
    return proof


def test_rows_that_are_the_receipts_differ_in_nothing() -> None:
    found = proof()
    assert found.difference(STOCK) == ""
    assert (found.rows, found.receipts_found) == (6, 2)


def test_an_opening_that_was_begun_twice_is_one() -> None:
    again = (
        *ROWS[:4],
        Row("2.2", "a", -5, 0, "clean", "opening-2"),
        Row("2.3", "a", 5, 5, "supply", "opening-2"),
        *ROWS[4:],
    )
    assert proof(again).difference(STOCK) == ""


@pytest.mark.parametrize(
    ("place", "row", "says"),
    [
        (5, None, "row 4.0: item a was 5, and -1 makes it 1"),
        (7, None, "receipt 102 has no row of item a"),
        (6, None, "receipt 101 has no row of item b"),
        (4, None, "row 3.1: item b was 0, and -1 makes it 1"),
        (2, Row("2.0", "a", -4, 0, "clean", "opening-2"), ""),
        (3, Row("2.1", "a", 6, 6, "supply", "opening-2"), "row 3.0: item a was 6, and -3 makes it 2"),
        (4, Row("2.2", "c", 2, 2, "supply", "opening-2"), "row 3.1: item b was 0, and -1 makes it 1"),
        (5, Row("3.0", "a", -2, 3, "demand", "101"), "row 3.0: receipt 101 has 2 of item a, not 3"),
        (6, Row("3.1", "c", -1, -1, "demand", "101"), "row 3.1: receipt 101 has 1 of item c, not 0"),
        (6, Row("3.1", "b", -1, 1, "demand"), "row 3.1: demand -1 of item b is of no receipt (None)"),
        (6, Row("3.1", "b", -1, 1, "demand", "7"), "row 3.1: demand -1 of item b is of no receipt (7)"),
        (6, Row("3.1", "b", -1, 1, "direct", "101"), "row 3.1: direct -1 of item b is of no receipt (101)"),
        (7, Row("4.0", "a", -3, -1, "demand", "101"), "row 4.0: receipt 101 has item a twice"),
    ],
)
def test_whatever_is_not_as_it_must_be_is_named(place: int, row: Row | None, says: str) -> None:
    rows = (*ROWS[:place], *(() if row is None else (row,)), *ROWS[place + 1 :])
    assert proof(rows).difference(STOCK) == says


def test_an_opening_that_is_not_what_was_supplied_is_named() -> None:
    found = proof((*ROWS, Row("5.0", "c", 1, 1, "supply", "opening-2")))
    assert found.difference({**STOCK, "c": 1}) == ("item c opens with 1 in the ledger, and was opened with 0")


def test_a_ledger_that_does_not_come_to_the_stock_is_named() -> None:
    assert proof().difference({"a": 1}) == "item b is 1 in the ledger and 0 in stock"
    assert proof().difference({**STOCK, "c": 1}) == "item c is 0 in the ledger and 1 in stock"


def test_a_receipt_of_unknown_outcome_is_there_whole_or_not_at_all() -> None:
    assert proof(ROWS, perhaps="101").difference(STOCK) == ""
    assert proof(ROWS[:-1], perhaps="102").difference({"a": 2, "b": 1}) == ""
    half = proof(ROWS[:6], perhaps="101").difference({"a": 2, "b": 2})
    assert half == "receipt 101 has no row of item b"


def test_a_receipt_that_was_refused_has_no_rows() -> None:
    assert proof(ROWS[:-1], refused="102").difference({"a": 2, "b": 1}) == ""
    assert proof(ROWS, refused="102").difference(STOCK) == "receipt 102 has rows, and was refused"


def test_the_line_has_figures_or_the_first_difference() -> None:
    verdict = LedgerVerdict()
    verdict.add("demo-1", proof(), STOCK)
    assert verdict.different == []
    assert verdict.line(1234.56) == (
        "Ledger proved in 1,234.6 s: its 6 rows of 1 stores are what they opened with and 2 receipts, "
        "item by item, and come to what is in stock."
    )
    verdict.add("demo-2", proof(), {"a": 1})
    assert not verdict.passed
    assert verdict.line(1) == (
        "Ledger FAILED: 1 of 2 stores differ: demo-2: item b is 1 in the ledger and 0 in stock."
    )
