"""Group commit before the write, pure: who passes, and what they merge into.

Nobody is refused, or served, on what is decided here: the change's guard proves in the database what passed.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

import msgspec

from store_api.batches.last_seen import Seen, foretold
from store_api.stock import LARGEST_QUANTITY, UNSTAMPED, Change, Operation, OperationKind, Stamp, said_of

MOST_OPERATIONS = 1024
MOST_BATCH_LINES = 10_000
"""Bounds of one batch for one store; a single operation may hold 10,000 lines."""


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
        if count and (clean is not cleans or count >= MOST_OPERATIONS or lines > MOST_BATCH_LINES):
            break
        cleans = clean
        count += 1
    return count


def decide(
    operations: Sequence[Operation], seen: Seen | None, stamp: Stamp = UNSTAMPED, *, says: bool = False
) -> Decision:
    """Decide a batch of operations on one store, in their order, on what was last seen of it.

    What was not seen is taken to be there: the guard finds out.

    Args:
        operations: the batch.
        seen: what was last seen of the store.
        stamp: who writes it, and which of their writes it is.
        says: whether the change says what it was made of.
    """
    store_id = operations[0].store_id
    missing = seen is not None and seen.stock is None
    if operations[0].kind is OperationKind.CLEAN:
        # Of several cleans the first does it all.
        said = said_of(stamp.writer, stamp.number, operations[:1]) if says else b""
        change = None if missing else Change(store_id, {}, {}, empties=True, stamp=stamp, said=said)
        return Decision(change, [not missing] * len(operations))
    net: dict[str, int] = {}
    least: dict[str, int] = {}
    known: Mapping[str, int] = {} if seen is None or seen.stock is None else seen.stock
    complete = seen is not None and seen.complete
    passed = []
    for operation in operations:
        if operation.kind is OperationKind.SUPPLY:
            passes = fits(operation, known, net)
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
    said = said_of(stamp.writer, stamp.number, compress(operations, passed)) if says else b""
    leaves = foretold(seen, increments) if seen is not None and seen.steady else None
    if seen is not None and leaves is not None and wanted_items(operations) is None:
        found = seen.stock
        change = Change(store_id, increments, least, found=found, leaves=leaves, stamp=stamp, said=said)
        return Decision(change, passed)
    # With nothing that must be there, the first to pass was a supply, and a supply may create its store.
    change = Change(store_id, increments, least, creates=not least, stamp=stamp, said=said)
    return Decision(change, passed)


def fits(operation: Operation, known: Mapping[str, int], net: Mapping[str, int]) -> bool:
    """Tell whether a store that holds this much, and gets that much, can count a supply as well."""
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


def wanted_items(operations: Iterable[Operation]) -> frozenset[str] | None:
    """Collect the items whose quantities answer all of these operations; None for the whole store."""
    wanted: set[str] = set()
    for operation in operations:
        if not operation.minimal:
            return None
        wanted.update(operation.items)
    return frozenset(wanted)
