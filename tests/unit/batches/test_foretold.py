"""What is foretold of a steady store: only what the guard proves, and never against the plain truth."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from store_api.batches.decide import decide
from store_api.batches.last_seen import TRUSTED, Reading, Seen, foretold, seen_after
from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.stock import Change, Operation, Stock, Written
from tests.support.batches import (
    all_batches,
    apply_to,
    batches,
    cleans,
    demand,
    passed_of,
    patiently,
    readings,
    small_stocks,
    supply,
)
from tests.support.one_by_one import Refused, serve_all, what_is_left

STEADY = Seen({"a": 5, "b": 0}, complete=True, as_left=TRUSTED)


@patiently
@given(batches, small_stocks, small_stocks)
def test_what_a_change_foretells_is_what_it_leaves_where_it_holds_at_all(
    batch_of: list[Operation], seen: Stock, truth: Stock
) -> None:
    # What the operations name is all in the store, though maybe used up: the rest is not foretold.
    seen = dict.fromkeys((item_id for operation in batch_of for item_id in operation.items), 0) | seen
    decision = decide(batch_of, Seen(dict(seen), complete=True, as_left=TRUSTED))
    change = decision.change
    assume(change is not None and change.found is not None)
    assert change is not None
    assert change.found == seen
    assert not change.creates
    for before in (seen, truth):
        after = apply_to(before, change)
        if list(before.items()) == list(seen.items()):
            assert not isinstance(after, Written)
            assert after is not None
            assert list(after.items()) == list((change.leaves or {}).items())
            in_order = serve_all(before, passed_of(batch_of, decision))
            assert not isinstance(in_order, Refused)
            assert what_is_left(in_order) == what_is_left(after)
        else:
            assert after is Written.NOT_MATCHED


@pytest.mark.parametrize(
    ("operation", "seen"),
    [
        (supply(a=1), None),
        (supply(a=1), Seen(None, complete=True, as_left=TRUSTED)),
        (supply(a=1), Seen({"a": 5}, complete=True, as_left=TRUSTED - 1)),
        (supply(a=1), Seen({"a": 5}, complete=False, as_left=TRUSTED)),
        # In which order new items come to a document is MongoDB's affair.
        (supply(c=1), STEADY),
        # Whoever wants only their own items should not have to name all the others.
        (Operation("s", supply(a=1).kind, {"a": 1}, minimal=True), STEADY),
    ],
    ids=str,
)
def test_what_is_not_sure_to_be_worth_it_is_guarded_by_the_least_that_must_be_there(
    operation: Operation, seen: Seen | None
) -> None:
    change = decide([operation], seen).change
    assert change is not None
    assert (change.found, change.leaves) == (None, None)


@given(cleans)
def test_a_clean_asks_for_nothing(clean: Operation) -> None:
    change = decide([clean], STEADY).change
    assert change is not None
    assert change.found is None


def test_a_stock_is_foretold_only_where_all_of_it_is_known() -> None:
    assert foretold(STEADY, {"a": -2, "b": 3}) == {"a": 3, "b": 3}
    assert foretold(STEADY, {"a": -2, "c": 3}) is None
    assert foretold(Seen({"a": 5}, complete=False), {"a": -2}) is None
    assert foretold(Seen(None, complete=True), {}) is None


@patiently
@given(all_batches, st.sampled_from([None, *Written]), readings, st.booleans())
@example([demand(a=1)], Written.NOT_MATCHED, {"a": 5, "b": 0}, True)
def test_nothing_is_known_after_silence_and_nothing_is_steady_after_a_guard_that_did_not_hold(
    batch_of: list[Operation], written: Written | None, reading: Reading, complete: bool
) -> None:
    change = decide(batch_of, STEADY).change
    after = seen_after(STEADY, change, written, reading, complete=complete)
    silent = written in (Written.UNKNOWN, Written.LOST, Written.UNAVAILABLE)
    if silent or isinstance(reading, BrokenDocument | DatabaseUnavailable):
        assert after is None
        return
    assert after is not None
    assert after.stock == reading
    assert after.complete == (complete or reading is None)
    if written in (Written.NOT_MATCHED, Written.UNFIT, Written.FENCED):
        # Even if it looks just the same: asked again and again, it could fail for ever.
        assert not after.steady


@pytest.mark.parametrize(
    ("change", "reading", "as_found"),
    [
        (Change("s", {"a": -2}, {"a": 2}), {"a": 3, "b": 0}, True),
        (Change("s", {"a": -2}, {"a": 2}), {"a": 2, "b": 0}, False),
        (Change("s", {"c": 2}, {}), {"a": 5, "b": 0, "c": 2}, True),
        (Change("s", {"a": 1}, {}, found={"a": 5, "b": 0}, leaves={"a": 6, "b": 0}), {"a": 6, "b": 0}, True),
        (None, {"a": 5, "b": 0}, True),
        (None, {"a": 5}, False),
    ],
)
def test_a_store_is_steady_while_it_is_found_as_it_was_left(
    change: Change | None, reading: Stock, as_found: bool
) -> None:
    written = None if change is None else Written.APPLIED
    after = seen_after(STEADY, change, written, reading, complete=True)
    assert after == Seen(reading, complete=True, as_left=TRUSTED if as_found else 0)
    assert after.steady == as_found


def test_a_store_seen_for_the_first_time_counts_as_steady() -> None:
    change = Change("s", {"a": 1}, {}, creates=True)
    assert seen_after(None, change, Written.APPLIED, {"a": 1}, complete=True) == Seen(
        {"a": 1}, complete=True, as_left=TRUSTED
    )


def test_a_store_that_others_write_to_is_trusted_again_when_it_was_found_as_it_was_left_often_enough() -> (
    None
):
    change = Change("s", {"a": 1}, {})
    seen: Seen | None = Seen({"a": 0}, complete=True)
    for quantity in range(1, TRUSTED + 1):
        assert seen is not None
        assert not seen.steady
        seen = seen_after(seen, change, Written.APPLIED, {"a": quantity}, complete=True)
    assert seen is not None
    assert seen.steady


def test_what_cannot_be_compared_earns_no_trust() -> None:
    seen = Seen({"a": 0}, complete=False, as_left=3)
    after = seen_after(seen, Change("s", {"a": 1}, {}), Written.APPLIED, {"a": 1}, complete=True)
    assert after == Seen({"a": 1}, complete=True, as_left=3)
