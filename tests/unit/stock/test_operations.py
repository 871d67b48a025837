"""The ground floor: what a report holds, what a group sums up to, and what is short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import Shortage
from store_api.stock import Report, differences, shortages, sum_items

item_ids = st.sampled_from("abc")
stocks = st.dictionaries(item_ids, st.integers(0, 3))
demands = st.dictionaries(item_ids, st.integers(1, 4), min_size=1)


@given(stocks)
def test_a_report_holds_what_there_is_in_the_documents_order_and_no_zeros(stock: dict[str, int]) -> None:
    report = Report.of("s", stock)
    assert list(report.lines.items()) == [(item_id, left) for item_id, left in stock.items() if left]


def test_making_a_report_leaves_the_stock_alone() -> None:
    stock = {"a": 0, "b": 1}
    Report.of("s", stock)
    assert stock == {"a": 0, "b": 1}


def test_a_report_of_some_items_names_each_of_them_once_zeros_and_strangers_included() -> None:
    report = Report.of_items("s", {"a": 2, "b": 0, "c": 9}, ("b", "a", "never heard of"))
    assert list(report.lines.items()) == [("b", 0), ("a", 2), ("never heard of", 0)]


@given(stocks, stocks)
def test_differences_make_one_report_of_the_other_and_hold_no_line_that_is_the_same(
    before: dict[str, int], after: dict[str, int]
) -> None:
    old, new = Report.of("s", before).lines, Report.of("s", after).lines
    changed = differences(before, after)
    assert {item_id: left for item_id, left in {**old, **changed}.items() if left} == new
    assert all(old.get(item_id, 0) != quantity for item_id, quantity in changed.items())


def test_items_named_again_are_summed_in_the_order_of_their_first_mention() -> None:
    assert list(sum_items([("b", 1), ("a", 2), ("b", 3)]).items()) == [("b", 4), ("a", 2)]


@given(st.lists(st.tuples(item_ids, st.integers(1, 10**9)), max_size=20))
def test_summing_loses_no_piece(lines: list[tuple[str, int]]) -> None:
    items = sum_items(lines)
    assert sum(items.values()) == sum(quantity for _, quantity in lines)
    assert items.keys() == {item_id for item_id, _ in lines}


@given(demands, stocks)
def test_what_is_short_is_exactly_what_would_go_below_zero(
    demand: dict[str, int], stock: dict[str, int]
) -> None:
    left = {item_id: stock.get(item_id, 0) - wanted for item_id, wanted in demand.items()}
    assert [short.item_id for short in shortages(demand, stock)] == [
        item_id for item_id, quantity in left.items() if quantity < 0
    ]


@pytest.mark.parametrize(("there", "available"), [({}, 0), ({"a": 0}, 0), ({"a": 4}, 4)])
def test_a_shortage_says_what_was_wanted_and_what_there_is(there: dict[str, int], available: int) -> None:
    assert shortages({"a": 5}, there) == (Shortage("a", 5, available),)
    assert shortages({"a": 5}, {"a": 5}) == ()
