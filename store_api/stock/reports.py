"""What is told of stores: a report, an answer to an operation, a line of the overview; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from store_api.errors import StoreApiError
from store_api.stock.operations import Stock


@dataclass(frozen=True, slots=True)
class Report:
    """What a store holds: its lines in the document's order.

    Args:
        store_id: the store.
        lines: the quantity of each item, in pieces.
    """

    store_id: str
    lines: Mapping[str, int]

    @classmethod
    def of(cls, store_id: str, stock: Stock) -> "Report":
        """Report a whole stock; an item of which nothing is left is not in it."""
        if 0 in stock.values():
            return cls(store_id, {item_id: quantity for item_id, quantity in stock.items() if quantity})
        return cls(store_id, stock)

    @classmethod
    def of_items(cls, store_id: str, stock: Stock, items: Iterable[str]) -> "Report":
        """Report just these items, those of which nothing is left included."""
        return cls(store_id, {item_id: stock.get(item_id, 0) for item_id in items})


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """One store of the overview: how many items it holds, and how many pieces in all."""

    store_id: str
    items: int
    units: int


Answer = Report | StoreApiError
"""What an operation ends as."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The answer to an operation that had ended before it was asked for again, under its key.

    Args:
        answer: the report as it is now, or the refusal as it was then.
    """

    answer: Answer


Reply = Answer | Replayed
"""What a client is told of its operation."""


def outcome_of(reply: Reply) -> str:
    """Name what an operation ended as, to be counted: "applied", "replayed", or the slug of its error."""
    if isinstance(reply, Replayed):
        return "replayed"
    return reply.slug if isinstance(reply, StoreApiError) else "applied"
