"""Operations on a store's stock: what clients wish, and what of it a stock can serve; pure.

A stock is a mapping from item id to quantity, in pieces, in the document's order, zeros included. The module
knows no driver, no clock and no event loop.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from store_api.errors import (
    Shortage,
)

LARGEST_QUANTITY = 2**63 - 1
"""The most pieces of one item that a store can count (a BSON long)."""

Stock = dict[str, int]


class OperationKind(StrEnum):
    """What an operation does to a store."""

    DEMAND = "demand"
    SUPPLY = "supply"
    CLEAN = "clean"


class Key(msgspec.Struct, frozen=True):
    """What a client names an operation by, so that it can be sent again without fear.

    Args:
        client: whose key it is: the same value of two clients is two keys.
        value: what the client has chosen.
        fingerprint: what the operation is, in bytes: one key is for one operation.
    """

    client: str
    value: str
    fingerprint: bytes


class Operation(msgspec.Struct, frozen=True):
    """One client's wish, all or nothing.

    Args:
        store_id: the store it is about.
        kind: what is done.
        items: how many pieces of which item; a positive number each, empty for a clean.
        minimal: whether its answer holds just its own items.
        key: what its client names it by; None where it does not.
        actor: who asks for it; None where nobody was asked who they are.
        reference: what its client says that it belongs to, an order or a receipt.
        reason: why its client says that it is done.
    """

    store_id: str
    kind: OperationKind
    items: Mapping[str, int]
    minimal: bool = False
    key: Key | None = None
    actor: str | None = None
    reference: str | None = None
    reason: str | None = None


def sum_items(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up the quantities of items that are named more than once, in the order of their first mention."""
    items: dict[str, int] = {}
    for item_id, quantity in lines:
        items[item_id] = items.get(item_id, 0) + quantity
    return items


def shortages(items: Mapping[str, int], stock: Stock) -> tuple[Shortage, ...]:
    """List what `stock` cannot serve of `items`."""
    return tuple(
        Shortage(item_id, wanted, stock.get(item_id, 0))
        for item_id, wanted in items.items()
        if stock.get(item_id, 0) < wanted
    )
