"""What operations mean, one after the other: the plain truth that group commit must be equivalent to."""

from collections.abc import Iterable
from enum import Enum

from store_api.stock import LARGEST_QUANTITY, Operation, OperationKind, Stock


class Refused(Enum):
    """Why an operation cannot be served."""

    MISSING = "there is no such store"
    SHORT = "the store holds less"
    OVERFLOW = "the store cannot count that high"


def serve(stock: Stock | None, operation: Operation, most: float = LARGEST_QUANTITY) -> Stock | Refused:
    """Carry one operation out.

    Args:
        stock: what the store holds; None where there is no store.
        operation: what is done.
        most: the most pieces of one item.

    Returns:
        The stock after it, or why there is none.
    """
    match operation.kind:
        case OperationKind.CLEAN:
            return Refused.MISSING if stock is None else {}
        case OperationKind.SUPPLY:
            after = dict(stock or {})
            for item_id, quantity in operation.items.items():
                after[item_id] = after.get(item_id, 0) + quantity
            return Refused.OVERFLOW if any(quantity > most for quantity in after.values()) else after
        case OperationKind.DEMAND:
            if stock is None:
                return Refused.MISSING
            after = dict(stock)
            for item_id, quantity in operation.items.items():
                after[item_id] = after.get(item_id, 0) - quantity
            return Refused.SHORT if any(quantity < 0 for quantity in after.values()) else after


def serve_all(
    stock: Stock | None, operations: Iterable[Operation], most: float = LARGEST_QUANTITY
) -> Stock | Refused | None:
    """Carry operations out in their order; the first that cannot be served ends it."""
    for operation in operations:
        after = serve(stock, operation, most)
        if isinstance(after, Refused):
            return after
        stock = after
    return stock


def serve_or_skip(stock: Stock | None, operations: Iterable[Operation]) -> tuple[Stock | None, list[bool]]:
    """Carry out what can be served, in order; give the stock after it, and who was served."""
    served = []
    for operation in operations:
        after = serve(stock, operation)
        served.append(not isinstance(after, Refused))
        if not isinstance(after, Refused):
            stock = after
    return stock, served


def what_is_left(stock: Stock | None) -> Stock | None:
    """Forget the items of which nothing is left: whether they are written down makes no difference."""
    return None if stock is None else {item_id: quantity for item_id, quantity in stock.items() if quantity}
