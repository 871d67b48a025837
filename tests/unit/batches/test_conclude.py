"""Who gets which answer, against the plain truth of `tests/support/one_by_one.py`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.batches.conclude import conclude, refusal_of
from store_api.batches.decide import decide
from store_api.batches.last_seen import Reading, Seen
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
from store_api.stock import Operation, Report, Stock, Written, written_despite
from tests.support.batches import (
    CLEAN,
    all_batches,
    apply_to,
    batches,
    demand,
    news,
    patiently,
    readings,
    stocks,
    supply,
)
from tests.support.one_by_one import Refused, serve


@patiently
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
        case Written.UNKNOWN | Written.LOST, _:
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


@patiently
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


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (UnfitDocument(), Written.UNFIT),
        (DatabaseUnavailable(), Written.UNAVAILABLE),
        (Overloaded(), Written.UNAVAILABLE),
        (NotApplied(), Written.UNAVAILABLE),
        (OutcomeUnknown(), Written.UNKNOWN),
        (BrokenDocument("s", "odd", applied=True), Written.APPLIED),
        (AppliedUnreported(), Written.APPLIED),
        (StoreApiError(), Written.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_what_became_of_the_write_and_unknown_is_never_definite(
    error: StoreApiError, written: Written
) -> None:
    assert written_despite(error) is written
