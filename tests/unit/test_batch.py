"""Group commit's head against the plain truth of `tests/one_by_one.py`, on whatever Hypothesis thinks of."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store_api import batch
from store_api.batch import (
    Decision,
    Reading,
    Seen,
    Written,
    batch_size,
    conclude,
    decide,
    refusal_of,
    wanted_items,
    written_despite,
)
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    NotApplied,
    OutcomeUnknown,
    OutOfStock,
    Overloaded,
    QuantityOverflow,
    Shortage,
    StoreApiError,
    StoreNotFound,
    UnfitDocument,
)
from store_api.stock import LARGEST_QUANTITY, Change, Operation, OperationKind, Report, Stock
from tests.one_by_one import Refused, serve, serve_all, serve_or_skip, what_is_left
from tests.simulation.fake_documents import changed
from tests.simulation.history import truth_of

ITEMS = "abc"
NEAR_THE_LIMIT = LARGEST_QUANTITY - 6

item_ids = st.sampled_from(ITEMS)
stocks = st.dictionaries(item_ids, st.integers(0, 8) | st.integers(NEAR_THE_LIMIT, LARGEST_QUANTITY))
small_stocks = st.dictionaries(item_ids, st.integers(0, 8))
quantities = st.dictionaries(item_ids, st.integers(1, 6), min_size=1)
kinds = st.sampled_from((OperationKind.DEMAND, OperationKind.SUPPLY))
operations = st.builds(Operation, st.just("s"), kinds, quantities, st.booleans())
cleans = st.builds(Operation, st.just("s"), st.just(OperationKind.CLEAN), st.just({}), st.booleans())
batches = st.lists(operations, min_size=1, max_size=8)
all_batches = batches | st.lists(cleans, min_size=1, max_size=3)
news = st.none() | st.builds(Seen, st.none(), st.just(value=True)) | st.builds(Seen, stocks, st.booleans())
readings: st.SearchStrategy[Reading] = (
    st.none()
    | stocks
    | st.builds(BrokenDocument, st.just("s"), st.just("odd"), applied=st.booleans())
    | st.builds(DatabaseUnavailable)
)


def demand(**items: int) -> Operation:
    return Operation("s", OperationKind.DEMAND, items)


def supply(**items: int) -> Operation:
    return Operation("s", OperationKind.SUPPLY, items)


CLEAN = Operation("s", OperationKind.CLEAN, {})


def passed_of(batch_of: Sequence[Operation], decision: Decision) -> list[Operation]:
    return [operation for operation, passes in zip(batch_of, decision.passed, strict=True) if passes]


def apply_to(stock: Stock | None, change: Change) -> Stock | Written | None:
    document = changed(None if stock is None else {"_id": "s", "items": stock}, change)
    if isinstance(document, Written):
        return document
    truth = truth_of(document)
    assert not isinstance(truth, BrokenDocument)
    return truth


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


@given(all_batches, news, st.sampled_from((None, *Written)), readings)
def test_everybody_gets_one_verdict_that_what_is_known_bears_out(
    batch_of: list[Operation], seen: Seen | None, written: Written | None, reading: Reading
) -> None:
    decision = decide(batch_of, seen)
    if (written is None) != (decision.change is None):
        written = Written.APPLIED if written is None else None
    if decision.change is None:
        written = None
    verdicts = conclude(batch_of, decision, written, reading)
    assert len(verdicts) == len(batch_of)
    for operation, passes, verdict in zip(batch_of, decision.passed, verdicts, strict=True):
        if passes:
            check_verdict_of_passed(operation, written, reading, verdict)
        else:
            check_verdict_of_refused(operation, written, reading, verdict)


def check_verdict_of_passed(
    operation: Operation, written: Written | None, reading: Reading, verdict: Report | StoreApiError | None
) -> None:
    match written, reading:
        case Written.UNKNOWN, _:
            assert isinstance(verdict, OutcomeUnknown)
        case Written.UNAVAILABLE, _:
            assert isinstance(verdict, DatabaseUnavailable)
        case Written.APPLIED, BrokenDocument():
            assert isinstance(verdict, BrokenDocument)
            assert verdict.applied
        case Written.APPLIED, DatabaseUnavailable():
            assert isinstance(verdict, AppliedUnreported)
        case Written.APPLIED, stock:
            assert not isinstance(stock, StoreApiError)
            assert verdict == report_of(operation, stock or {})
        case _, BrokenDocument() | DatabaseUnavailable():
            check_failed_reading(reading, verdict)
        case _:
            assert verdict is None


def check_verdict_of_refused(
    operation: Operation, written: Written | None, reading: Reading, verdict: Report | StoreApiError | None
) -> None:
    if written in (Written.UNKNOWN, Written.UNAVAILABLE):
        assert isinstance(verdict, DatabaseUnavailable)
    elif isinstance(reading, StoreApiError):
        check_failed_reading(reading, verdict)
    else:
        kinds_of_refusal = {
            None: type(None),
            Refused.MISSING: StoreNotFound,
            Refused.SHORT: OutOfStock,
            Refused.OVERFLOW: QuantityOverflow,
        }
        could_be = serve(reading, operation)
        expected = kinds_of_refusal[could_be if isinstance(could_be, Refused) else None]
        assert type(verdict) is expected


def check_failed_reading(reading: Reading, verdict: Report | StoreApiError | None) -> None:
    assert type(verdict) is type(reading)
    assert not getattr(verdict, "applied", False), "what was not applied must not say that it was"


def report_of(operation: Operation, stock: Stock) -> Report:
    lines = {item_id: quantity for item_id, quantity in stock.items() if quantity}
    if operation.minimal:
        lines = {item_id: stock.get(item_id, 0) for item_id in operation.items}
    return Report("s", lines)


@given(batches, news, st.none() | stocks)
def test_while_nobody_comes_between_everybody_is_answered_within_as_many_rounds_as_there_are(
    batch_of: list[Operation], seen: Seen | None, truth: Stock | None
) -> None:
    waiting, answers = list(batch_of), 0
    for _ in range(len(batch_of) + 2):
        decision = decide(waiting, seen)
        written = None
        if decision.change is not None:
            after = apply_to(truth, decision.change)
            written = after if isinstance(after, Written) else Written.APPLIED
            truth = truth if isinstance(after, Written) else after
        verdicts = conclude(waiting, decision, written, truth)
        answers += sum(verdict is not None for verdict in verdicts)
        waiting = [operation for operation, verdict in zip(waiting, verdicts, strict=True) if verdict is None]
        seen = Seen(truth, complete=True)
        if not waiting:
            break
    assert answers == len(batch_of)
    assert not waiting


def test_a_refusal_lists_what_is_short() -> None:
    refusal = refusal_of(demand(a=5, b=1, c=3), {"a": 4, "b": 1})
    assert isinstance(refusal, OutOfStock)
    assert refusal.shortages == (Shortage("a", 5, 4), Shortage("c", 3, 0))
    assert refusal_of(CLEAN, {}) is None
    assert isinstance(refusal_of(CLEAN, None), StoreNotFound)
    assert refusal_of(supply(a=1), None) is None


@given(st.lists(operations | cleans, max_size=20))
def test_a_batch_is_of_cleans_only_or_of_none_and_takes_as_many_as_it_can(waiting: list[Operation]) -> None:
    size = batch_size(waiting)
    assert (size > 0) == (len(waiting) > 0)
    assert len({operation.kind is OperationKind.CLEAN for operation in waiting[: size + 1]}) == (
        0 if not waiting else 1 if size == len(waiting) else 2
    )


def test_a_batch_has_bounds_but_one_operation_always_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_OPERATIONS", 3)
    monkeypatch.setattr(batch, "MOST_LINES", 4)
    assert batch_size([demand(a=1)] * 9) == 3
    assert batch_size([CLEAN] * 9) == 3
    assert batch_size([demand(a=1, b=1)] * 9) == 2
    assert batch_size([demand(a=1, b=1, c=1, d=1, e=1), demand(a=1)]) == 1
    assert batch_size([demand(a=1), demand(a=1, b=1, c=1, d=1, e=1)]) == 1


def test_the_whole_store_is_wanted_unless_all_want_little() -> None:
    little = Operation("s", OperationKind.DEMAND, {"a": 1}, minimal=True)
    less = Operation("s", OperationKind.SUPPLY, {"b": 1, "c": 1}, minimal=True)
    assert wanted_items([little, less]) == frozenset({"a", "b", "c"})
    assert wanted_items([little, demand(a=1)]) is None


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (UnfitDocument(), Written.UNFIT),
        (DatabaseUnavailable(), Written.UNAVAILABLE),
        (Overloaded(), Written.UNAVAILABLE),
        (NotApplied(), Written.UNAVAILABLE),
        (OutcomeUnknown(), Written.UNKNOWN),
        (BrokenDocument("s", "odd", applied=True), Written.APPLIED),
        (StoreApiError(), Written.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_what_became_of_the_write_and_unknown_is_never_definite(
    error: StoreApiError, written: Written
) -> None:
    assert written_despite(error) is written
