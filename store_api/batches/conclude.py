"""Group commit after the write, pure: what became of each operation, by what was written and read.

Nobody is refused, or served, on what was decided: the change's guard proves in the database what passed,
and the document that comes back proves the refusals.
"""

from collections.abc import Sequence

from store_api.batches.decide import Decision, fits
from store_api.batches.last_seen import Reading
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
from store_api.stock import Answer, Operation, OperationKind, Report, Stock, Written, shortages

_NOTHING_DONE = (Written.NOT_MATCHED, Written.UNFIT, Written.HELD, Written.FENCED)
"""After these the change is decided again, on what the store then holds."""


def refusal_of(operation: Operation, stock: Stock | None) -> NotApplied | None:
    """Give the refusal that this stock proves, or None where it could serve the operation.

    Args:
        operation: one that was not part of a change.
        stock: what the store holds at a moment after the operation came; None where there is no store.
    """
    if operation.kind is OperationKind.SUPPLY:
        overflows = stock is not None and not fits(operation, stock, {})
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
    if written in _NOTHING_DONE and not isinstance(reading, StoreApiError):
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
    if written in (Written.UNKNOWN, Written.LOST):
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
