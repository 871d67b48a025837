"""Who passes and what they merge into, against the plain truth of `tests/support/one_by_one.py`."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store_api.batches import decide as decide_module
from store_api.batches.decide import Decision, batch_size, decide, wanted_items
from store_api.batches.last_seen import Seen
from store_api.stock import LARGEST_QUANTITY, Change, Operation, OperationKind, Stock, Written
from tests.support.batches import (
    CLEAN,
    all_batches,
    apply_to,
    batches,
    cleans,
    demand,
    item_ids,
    news,
    operations,
    passed_of,
    patiently,
    small_stocks,
    stocks,
    supply,
)
from tests.support.one_by_one import Refused, serve_all, serve_or_skip, what_is_left


@patiently
@given(all_batches, news, st.none() | small_stocks)
@example([demand(a=5), supply(a=10)], None, None)
@example([supply(a=10), demand(a=5)], None, None)
@example([supply(a=3), demand(a=3)], Seen({}, complete=True), None)
def test_a_change_holds_just_where_its_operations_can_be_served_in_order_and_does_what_they_do(
    batch_of: list[Operation], seen: Seen | None, truth: Stock | None
) -> None:
    decision = decide(batch_of, seen)
    passed = passed_of(batch_of, decision)
    if decision.change is None:
        assert not passed
        return
    in_order = serve_all(truth, passed)
    at_once = apply_to(truth, decision.change)
    assert isinstance(at_once, Written) == isinstance(in_order, Refused)
    if not isinstance(at_once, Written) and not isinstance(in_order, Refused):
        assert what_is_left(at_once) == what_is_left(in_order)


@patiently
@given(all_batches, st.none() | stocks)
@example([supply(a=5), demand(a=5), supply(a=1)], {"a": LARGEST_QUANTITY})
@example([demand(a=5), supply(a=5)], {"a": LARGEST_QUANTITY})
@example([supply(a=10)], {"a": LARGEST_QUANTITY - 10})
@example([supply(a=11)], {"a": LARGEST_QUANTITY - 10})
def test_on_the_true_stock_just_those_pass_who_can_be_served_in_order(
    batch_of: list[Operation], truth: Stock | None
) -> None:
    decision = decide(batch_of, Seen(truth, complete=True))
    after, served = serve_or_skip(truth, batch_of)
    if batch_of[0].kind is OperationKind.CLEAN:
        served = [truth is not None] * len(batch_of)
    assert list(decision.passed) == served
    if decision.change is not None:
        applied = apply_to(truth, decision.change)
        assert not isinstance(applied, Written)
        assert what_is_left(applied) == what_is_left(after)


@patiently
@given(batches, st.dictionaries(item_ids, st.integers(0, 8), min_size=3))
def test_what_was_seen_of_their_items_decides_whatever_else_is_there(
    batch_of: list[Operation], truth: Stock
) -> None:
    wanted = {item_id for operation in batch_of for item_id in operation.items}
    part = {item_id: truth[item_id] for item_id in wanted}
    assert decide(batch_of, Seen(part, complete=False)) == decide(batch_of, Seen(truth, complete=True))


def test_what_was_not_seen_is_taken_to_be_there_and_the_guard_finds_out() -> None:
    change = Change("s", {"a": -7, "b": -1}, {"a": 7, "b": 1})
    assert decide([demand(a=5), demand(a=2, b=1)], None) == Decision(change, [True, True])
    partly = Seen({"a": 6}, complete=False)
    assert decide([demand(a=5, b=9), demand(a=2)], partly).passed == [True, False]


def test_a_demand_before_a_supply_never_creates_a_store_and_after_it_it_may() -> None:
    assert decide([demand(a=5), supply(a=10)], None).change == Change("s", {"a": 5}, {"a": 5})
    assert decide([supply(a=10), demand(a=5)], None).change == Change("s", {"a": 5}, {}, creates=True)
    missing = Seen(None, complete=True)
    assert decide([demand(a=5), supply(a=10)], missing) == Decision(
        Change("s", {"a": 10}, {}, creates=True), [False, True]
    )
    assert decide([demand(a=5)], missing) == Decision(None, [False])
    assert decide([CLEAN, CLEAN], missing) == Decision(None, [False, False])
    assert decide([CLEAN, CLEAN], None) == Decision(Change("s", {}, {}, empties=True), [True, True])


def test_what_nets_to_nothing_is_a_change_all_the_same() -> None:
    assert decide([demand(a=5), supply(a=5)], None).change == Change("s", {}, {"a": 5})


@patiently
@given(st.lists(operations | cleans, max_size=20))
def test_a_batch_is_of_cleans_only_or_of_none_and_takes_as_many_as_it_can(waiting: list[Operation]) -> None:
    size = batch_size(waiting)
    assert (size > 0) == (len(waiting) > 0)
    assert len({operation.kind is OperationKind.CLEAN for operation in waiting[: size + 1]}) == (
        0 if not waiting else 1 if size == len(waiting) else 2
    )


def test_a_batch_has_bounds_but_one_operation_always_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide_module, "MOST_OPERATIONS", 3)
    monkeypatch.setattr(decide_module, "MOST_BATCH_LINES", 4)
    assert batch_size([demand(a=1)] * 9) == 3
    assert batch_size([CLEAN] * 9) == 3
    assert batch_size([demand(a=1, b=1)] * 9) == 2
    assert batch_size([demand(a=1, b=1, c=1, d=1, e=1), demand(a=1)]) == 1
    assert batch_size([demand(a=1), demand(a=1, b=1, c=1, d=1, e=1)]) == 1


def test_the_whole_store_is_wanted_unless_all_want_little() -> None:
    little = Operation("s", OperationKind.DEMAND, {"a": 1}, minimal=True)
    less = Operation("s", OperationKind.SUPPLY, {"b": 1, "c": 1}, minimal=True)
    assert wanted_items([little, less]) == frozenset("abc")
    assert wanted_items([little, demand(a=1)]) is None
