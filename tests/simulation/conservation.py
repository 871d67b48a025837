"""Nothing comes from nowhere and nothing is lost: the books of a store, by what its clients were told."""

from collections import Counter
from collections.abc import Iterable, Mapping

from store_api.errors import NotApplied, OutcomeUnknown
from store_api.stock import Change, Operation, OperationKind, Reply, Stock
from tests.simulation.invariants import require
from tests.simulation.witness import Request


def check_books(
    store_id: str, initial: Stock, final: Stock, requests: Iterable[Request], others: Iterable[Change]
) -> None:
    """Balance the books of a store that nobody emptied, deleted or replaced.

    Args:
        store_id: which store.
        initial: what it held at first.
        final: what it holds after everything has happened.
        requests: what clients asked for, and what they were told.
        others: what other programs added and took.

    Raises:
        Violation: more or less is there than can be, given what nobody knows of some requests.
    """
    least = Counter(initial)
    for change in others:
        if change.store_id == store_id:
            _add(least, change.increments)
    most = Counter(least)
    for request in requests:
        if request.operation.store_id == store_id:
            _book(request, least, most)
    for item_id in least.keys() | most.keys() | final.keys():
        require(
            least[item_id] <= final.get(item_id, 0) <= most[item_id],
            f"{store_id} holds {final.get(item_id, 0)} of {item_id}; "
            f"it must be from {least[item_id]} to {most[item_id]}",
        )


def _book(request: Request, least: Counter[str], most: Counter[str]) -> None:
    answer = request.received[0] if request.received else None
    difference = _difference(request.operation)
    supplies = request.operation.kind is OperationKind.SUPPLY
    if _is_unknown(answer):
        _add(most if supplies else least, difference)
    elif not _is_refused(answer):
        _add(least, difference)
        _add(most, difference)


def _is_unknown(answer: Reply | None) -> bool:
    return answer is None or isinstance(answer, OutcomeUnknown)


def _is_refused(answer: Reply | None) -> bool:
    return isinstance(answer, NotApplied) or getattr(answer, "applied", True) is False


def _difference(operation: Operation) -> dict[str, int]:
    sign = 1 if operation.kind is OperationKind.SUPPLY else -1
    return {item_id: sign * quantity for item_id, quantity in operation.items.items()}


def _add(quantities: Counter[str], difference: Mapping[str, int]) -> None:
    for item_id, quantity in difference.items():
        quantities[item_id] += quantity
