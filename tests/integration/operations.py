"""Operations as tests write them."""

from collections.abc import Mapping

from store_api.stock import Operation, OperationKind


def supply(store_id: str, items: Mapping[str, int], *, minimal: bool = False) -> Operation:
    """Bring pieces of some items."""
    return Operation(store_id, OperationKind.SUPPLY, items, minimal)


def demand(store_id: str, items: Mapping[str, int], *, minimal: bool = False) -> Operation:
    """Take pieces of some items."""
    return Operation(store_id, OperationKind.DEMAND, items, minimal)


def clean(store_id: str, *, minimal: bool = False) -> Operation:
    """Empty a store."""
    return Operation(store_id, OperationKind.CLEAN, {}, minimal)
