"""The ground floor, pure: operations on a store's stock and the reports that come of them.

A stock is a mapping from item id to quantity, in pieces, in the document's order, zeros included. The module
knows no driver, no clock and no event loop.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

import msgspec

from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    NotApplied,
    Shortage,
    StoreApiError,
    UnfitDocument,
)

LARGEST_QUANTITY = 2**63 - 1
"""The most pieces of one item that a store can count (a BSON long)."""

Stock = dict[str, int]


class OperationKind(StrEnum):
    """What an operation does to a store."""

    DEMAND = "demand"
    SUPPLY = "supply"
    CLEAN = "clean"


class Operation(msgspec.Struct, frozen=True):
    """One client's wish, all or nothing.

    Args:
        store_id: the store it is about.
        kind: what is done.
        items: how many pieces of which item; a positive number each, empty for a clean.
        minimal: whether its answer holds just its own items.
    """

    store_id: str
    kind: OperationKind
    items: Mapping[str, int]
    minimal: bool = False


class Change(msgspec.Struct, frozen=True):
    """One guarded write to one store, applied whole or not at all.

    Args:
        store_id: the store it is about.
        increments: what is added to each item, in pieces; negative for a demand.
        least: the pieces of each item that must be there for the change to happen.
        creates: whether a missing store is created.
        empties: whether everything in the store goes, before the increments.
        found: the stock that must be there, exactly, for the change to happen; None where `least` is enough.
        leaves: the stock that the change makes of what must be found.
    """

    store_id: str
    increments: Mapping[str, int]
    least: Mapping[str, int]
    creates: bool = False
    empties: bool = False
    found: Stock | None = None
    leaves: Stock | None = None


@dataclass(slots=True)
class Report:
    """What a store holds: its lines in the document's order.

    Args:
        store_id: the store.
        lines: the quantity of each item, in pieces.
        encoded: its JSON once somebody asked for it; a batch shares one report.
    """

    store_id: str
    lines: Mapping[str, int]
    encoded: bytes | None = field(default=None, compare=False, repr=False)

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


def differences(before: Stock, after: Stock) -> Stock:
    """List the lines in which a report of `after` differs from one of `before`; a quantity of 0 is gone."""
    changed = {item_id: quantity for item_id, quantity in after.items() if quantity != before.get(item_id, 0)}
    changed.update((item_id, 0) for item_id, quantity in before.items() if quantity and item_id not in after)
    return changed


def sum_items(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up the quantities of items that are named more than once, in the order of their first mention."""
    items: dict[str, int] = {}
    for item_id, quantity in lines:
        items[item_id] = items.get(item_id, 0) + quantity
    return items


def added(stock: Stock, increments: Mapping[str, int]) -> Stock:
    """Add increments to items that are in a stock, which keep their order."""
    left = dict(stock)
    for item_id, increment in increments.items():
        left[item_id] += increment
    return left


def shortages(items: Mapping[str, int], stock: Stock) -> tuple[Shortage, ...]:
    """List what `stock` cannot serve of `items`."""
    return tuple(
        Shortage(item_id, wanted, stock.get(item_id, 0))
        for item_id, wanted in items.items()
        if stock.get(item_id, 0) < wanted
    )


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """One store of the overview: how many items it holds, and how many pieces in all."""

    store_id: str
    items: int
    units: int


class Written(Enum):
    """What became of one guarded change."""

    APPLIED = "applied"
    NOT_MATCHED = "its guard did not hold"
    UNFIT = "the document could not take it"
    UNAVAILABLE = "it was never sent, or refused for a reason that is not the store's"
    UNKNOWN = "the database did not say"


def written_despite(error: StoreApiError) -> Written:
    """Tell what became of changes whose writing ended in an error."""
    match error:
        case UnfitDocument():
            return Written.UNFIT
        case BrokenDocument() | AppliedUnreported():
            return Written.APPLIED
        case NotApplied():
            return Written.UNAVAILABLE
        case _:
            return Written.UNKNOWN


Answer = Report | StoreApiError
"""What an operation ends as."""


def outcome_of(answer: Answer) -> str:
    """Name what an operation ended as, to be counted: "applied", or the slug of its error."""
    return answer.slug if isinstance(answer, StoreApiError) else "applied"
