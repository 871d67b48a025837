"""Group commit's head, pure: who passes, what they merge into, what a reading proves, who gets which answer.

Nobody is refused, or served, on what is decided here: the change's guard proves in the database what passed,
and the document that comes back proves the refusals.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    NotApplied,
    OutcomeUnknown,
    OutOfStock,
    QuantityOverflow,
    StoreApiError,
    StoreNotFound,
)
from store_api.stock.operations import (
    LARGEST_QUANTITY,
    Answer,
    Change,
    Operation,
    OperationKind,
    Report,
    Stock,
    Written,
    added,
    shortages,
)

TRUSTED = 8
"""How many times in a row a store must be found as it was left before more is asked of it than is needed:
others who write to it now and then would make every second guard fail."""

MOST_OPERATIONS = 1024
MOST_LINES = 10_000
"""Bounds of one batch for one store; a single operation may hold 10,000 lines."""


Reading = Stock | BrokenDocument | DatabaseUnavailable | None
"""What a store was found to hold; None where there is no store."""


class Seen(msgspec.Struct, frozen=True):
    """What was last seen of a store; it may be old.

    Args:
        stock: the quantities seen; None where there was no store.
        complete: whether an item that is not in it was not in the store.
        as_left: how many times in a row it was found just as it was left, up to `TRUSTED`.
    """

    stock: Stock | None
    complete: bool
    as_left: int = 0

    @property
    def steady(self) -> bool:
        """Whether nobody else seems to write to the store, so that it is likely to be just like this."""
        return self.as_left >= TRUSTED


class Decision(msgspec.Struct, frozen=True):
    """What becomes of a batch.

    Args:
        change: the guarded change of those that pass; None when none does.
        passed: for each operation, whether it is part of the change.
    """

    change: Change | None
    passed: Sequence[bool]


def batch_size(waiting: Iterable[Operation]) -> int:
    """Count the operations from the front that can go out in one change.

    A clean goes with other cleans only: an update cannot empty a store and add to it at once.
    """
    count = lines = 0
    cleans = False
    for operation in waiting:
        lines += len(operation.items)
        clean = operation.kind is OperationKind.CLEAN
        if count and (clean is not cleans or count >= MOST_OPERATIONS or lines > MOST_LINES):
            break
        cleans = clean
        count += 1
    return count


def decide(operations: Sequence[Operation], seen: Seen | None) -> Decision:
    """Decide a batch of operations on one store, in their order, on what was last seen of it.

    What was not seen is taken to be there: the guard finds out.
    """
    store_id = operations[0].store_id
    missing = seen is not None and seen.stock is None
    if operations[0].kind is OperationKind.CLEAN:
        change = None if missing else Change(store_id, {}, {}, empties=True)
        return Decision(change, [not missing] * len(operations))
    net: dict[str, int] = {}
    least: dict[str, int] = {}
    known: Mapping[str, int] = {} if seen is None or seen.stock is None else seen.stock
    complete = seen is not None and seen.complete
    passed = []
    for operation in operations:
        if operation.kind is OperationKind.SUPPLY:
            passes = _fits(operation, known, net)
            if passes:
                missing = False
                for item_id, quantity in operation.items.items():
                    net[item_id] = net.get(item_id, 0) + quantity
        else:
            passes = not missing and _is_there(operation, known, net, complete=complete)
            if passes:
                _take(operation, net, least)
        passed.append(passes)
    if not any(passed):
        return Decision(None, passed)
    increments = {item_id: increment for item_id, increment in net.items() if increment}
    leaves = foretold(seen, increments) if seen is not None and seen.steady else None
    if seen is not None and leaves is not None and wanted_items(operations) is None:
        return Decision(Change(store_id, increments, least, found=seen.stock, leaves=leaves), passed)
    # With nothing that must be there, the first to pass was a supply, and a supply may create its store.
    return Decision(Change(store_id, increments, least, creates=not least), passed)


def foretold(seen: Seen, increments: Mapping[str, int]) -> Stock | None:
    """Tell what increments make of a store that is just as it was seen; None where only a reading can tell.

    In which order MongoDB adds new items is not foretold.
    """
    stock = seen.stock
    if stock is None or not seen.complete or len(stock) > MOST_LINES or not increments.keys() <= stock.keys():
        return None
    return added(stock, increments)


def seen_after(
    seen: Seen | None, change: Change | None, written: Written | None, reading: Reading, *, complete: bool
) -> Seen | None:
    """Tell what is known of a store after a batch; None where nothing is.

    Args:
        seen: what the batch was decided on.
        change: what was written.
        written: what became of it.
        reading: what the store held after that.
        complete: whether an item that is not in the reading was not in the store.
    """
    if written in (Written.UNKNOWN, Written.UNAVAILABLE) or isinstance(reading, StoreApiError):
        return None
    if written in (Written.NOT_MATCHED, Written.UNFIT):
        # Whatever the reason, what is asked for next had better be less.
        return Seen(reading, complete or reading is None)
    expected = seen.stock if seen is not None else None
    if seen is not None and change is not None:
        expected = foretold(seen, change.increments) if change.leaves is None else change.leaves
    as_left = TRUSTED if seen is None else seen.as_left
    if expected is not None:
        as_left = min(as_left + 1, TRUSTED) if reading is expected or reading == expected else 0
    return Seen(reading, complete or reading is None, as_left)


def _fits(operation: Operation, known: Mapping[str, int], net: Mapping[str, int]) -> bool:
    for item_id, quantity in operation.items.items():
        if known.get(item_id, 0) + net.get(item_id, 0) + quantity > LARGEST_QUANTITY:
            return False
    return True


def _is_there(
    operation: Operation, known: Mapping[str, int], net: Mapping[str, int], *, complete: bool
) -> bool:
    for item_id, quantity in operation.items.items():
        available = known.get(item_id)
        if available is None:
            if not complete:
                continue
            available = 0
        if available + net.get(item_id, 0) < quantity:
            return False
    return True


def _take(operation: Operation, net: dict[str, int], least: dict[str, int]) -> None:
    for item_id, quantity in operation.items.items():
        already = net.get(item_id, 0)
        needed = quantity - already
        if needed > least.get(item_id, 0):
            least[item_id] = needed
        net[item_id] = already - quantity


def refusal_of(operation: Operation, stock: Stock | None) -> NotApplied | None:
    """Give the refusal that this stock proves, or None where it could serve the operation.

    Args:
        operation: one that was not part of a change.
        stock: what the store holds at a moment after the operation came; None where there is no store.
    """
    if operation.kind is OperationKind.SUPPLY:
        overflows = stock is not None and not _fits(operation, stock, {})
        return QuantityOverflow() if overflows else None
    if stock is None:
        return StoreNotFound(operation.store_id)
    if operation.kind is OperationKind.DEMAND and (short := shortages(operation.items, stock)):
        return OutOfStock(short)
    return None


def conclude(
    operations: Sequence[Operation], decision: Decision, written: Written | None, reading: Reading
) -> list[Answer | None]:
    """Answer each operation of a batch, or say None: it is to be decided again.

    Args:
        operations: the batch.
        decision: what was decided of it.
        written: what became of the change; None where there was none to write.
        reading: what the store held after that.
    """
    if written in (Written.NOT_MATCHED, Written.UNFIT) and not isinstance(reading, StoreApiError):
        # Who was refused has the proof; the others are decided again on it.
        return [
            None if passed else refusal_of(operation, reading)
            for operation, passed in zip(operations, decision.passed, strict=True)
        ]
    served = _answer_of_served(operations[0].store_id, written, reading)
    return [
        _own_report(operation, served)
        if passed and served is not None
        else _answer_of_refused(operation, written, reading)
        for operation, passed in zip(operations, decision.passed, strict=True)
    ]


def _answer_of_served(
    store_id: str, written: Written | None, reading: Reading
) -> tuple[Report, Stock] | StoreApiError | None:
    """Answer what was part of a change; None where the change definitely was not applied."""
    if written is Written.UNKNOWN:
        return OutcomeUnknown()
    if written is not Written.APPLIED:
        return None
    match reading:
        case BrokenDocument():
            return BrokenDocument(store_id, reading.reason, applied=True)
        case DatabaseUnavailable():
            return AppliedUnreported()
        case _:
            stock = reading or {}
            return Report.of(store_id, stock), stock


def _own_report(operation: Operation, served: tuple[Report, Stock] | StoreApiError) -> Answer:
    if isinstance(served, StoreApiError):
        return served
    report, stock = served
    return Report.of_items(operation.store_id, stock, operation.items) if operation.minimal else report


def _answer_of_refused(operation: Operation, written: Written | None, reading: Reading) -> Answer | None:
    if written in (Written.UNKNOWN, Written.UNAVAILABLE):
        return DatabaseUnavailable()
    if isinstance(reading, BrokenDocument):
        return BrokenDocument(reading.store_id, reading.reason)
    if isinstance(reading, StoreApiError):
        return reading
    return refusal_of(operation, reading)


def wanted_items(operations: Iterable[Operation]) -> frozenset[str] | None:
    """Collect the items whose quantities answer all of these operations; None for the whole store."""
    wanted: set[str] = set()
    for operation in operations:
        if not operation.minimal:
            return None
        wanted.update(operation.items)
    return frozenset(wanted)
