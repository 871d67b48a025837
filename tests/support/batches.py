"""Batches of operations on one store, and what is known of it, for Hypothesis and by hand."""

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st

from store_api.batches.decide import Decision
from store_api.batches.last_seen import Reading, Seen
from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.stock import LARGEST_QUANTITY, Change, Operation, OperationKind, Stock, Written
from tests.simulation.fake_documents import changed
from tests.simulation.history import truth_of

patiently = settings(deadline=None)
"""However busy the machine is, no example takes too long."""

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
