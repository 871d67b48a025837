"""What stores held at one moment, and what of it tomorrow's report compares itself with; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from store_api.stock import Stock


class Trouble(Enum):
    """Why a store has no stock to tell of."""

    MISSING = "no such store"
    BROKEN = "its document is broken"


@dataclass(frozen=True, slots=True)
class Totals:
    """A store in two numbers: how many items it holds, and how many pieces in all."""

    items: int
    units: int


@dataclass(frozen=True, slots=True)
class StoreStock:
    """One store's stock, without items of which nothing is left; empty where there is trouble."""

    store_id: str
    stock: Mapping[str, int]
    trouble: Trouble | None = None

    @classmethod
    def of(cls, store_id: str, stock: Stock) -> "StoreStock":
        """Take what a store's document says."""
        return cls(store_id, {item_id: quantity for item_id, quantity in stock.items() if quantity})

    @property
    def totals(self) -> Totals:
        """Add it up."""
        return Totals(len(self.stock), sum(self.stock.values()))


@dataclass(frozen=True, slots=True)
class Stocktake:
    """The stock of all stores of a report, by store id, and when it was read (UTC)."""

    at: datetime
    stores: Sequence[StoreStock]

    @property
    def readable(self) -> list[StoreStock]:
        """The stores that have a stock to tell of."""
        return [store for store in self.stores if store.trouble is None]

    def totals(self) -> dict[str, Totals]:
        """Add up each readable store."""
        return {store.store_id: store.totals for store in self.readable}


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """A report that was sent.

    Args:
        day: of what day.
        stores: what each store held then.
        at: when that was read; None of one that an older bot sent.
    """

    day: date
    stores: Mapping[str, Totals]
    at: datetime | None = None

    @property
    def units(self) -> int:
        """All pieces of all stores."""
        return sum(totals.units for totals in self.stores.values())
