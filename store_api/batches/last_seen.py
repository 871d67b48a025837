"""What was last seen of busy stores: old news that saves a round trip, and never proves anything; pure."""

from collections.abc import Mapping

import msgspec

from store_api.errors import BrokenDocument, DatabaseUnavailable, StoreApiError
from store_api.stock import UNSTAMPED, Change, Stamp, Stock, Written, added

TRUSTED = 8
"""How many times in a row a store must be found as it was left before more is asked of it than is needed:
others who write to it now and then would make every second guard fail."""

MOST_FORETOLD = 10_000
"""Items of a store beyond which what a change leaves is read, and not foretold."""

MOST_ITEMS = 100_000
"""Items remembered in all: about 10 MB."""


Reading = Stock | BrokenDocument | DatabaseUnavailable | None
"""What a store was found to hold; None where there is no store."""


class Seen(msgspec.Struct, frozen=True):
    """What was last seen of a store; it may be old.

    Args:
        stock: the quantities seen; None where there was no store.
        complete: whether an item that is not in it was not in the store.
        as_left: how many times in a row it was found just as it was left, up to `TRUSTED`.
        stamp: that of our last write there, where one is known.
    """

    stock: Stock | None
    complete: bool
    as_left: int = 0
    stamp: Stamp = UNSTAMPED

    @property
    def steady(self) -> bool:
        """Whether nobody else seems to write to the store, so that it is likely to be just like this."""
        return self.as_left >= TRUSTED


def foretold(seen: Seen, increments: Mapping[str, int]) -> Stock | None:
    """Tell what increments make of a store that is just as it was seen; None where only a reading can tell.

    In which order MongoDB adds new items is not foretold.
    """
    stock = seen.stock
    if (
        stock is None
        or not seen.complete
        or len(stock) > MOST_FORETOLD
        or not increments.keys() <= stock.keys()
    ):
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
    if written in (Written.UNKNOWN, Written.LOST, Written.UNAVAILABLE) or isinstance(reading, StoreApiError):
        return None
    if written in (Written.NOT_MATCHED, Written.UNFIT, Written.FENCED):
        # Whatever the reason, what is asked for next had better be less.
        return Seen(reading, complete or reading is None)
    expected = seen.stock if seen is not None else None
    if seen is not None and change is not None:
        expected = foretold(seen, change.increments) if change.leaves is None else change.leaves
    as_left = TRUSTED if seen is None else seen.as_left
    if expected is not None:
        as_left = min(as_left + 1, TRUSTED) if reading is expected or reading == expected else 0
    stamp = UNSTAMPED if seen is None else seen.stamp
    if change is not None and written is Written.APPLIED:
        stamp = change.stamp
    return Seen(reading, complete or reading is None, as_left, stamp)


class LastSeen:
    """Remembers the stocks seen last, as many as fit.

    Args:
        most_items: how many items, of all stores.
    """

    def __init__(self, most_items: int = MOST_ITEMS) -> None:
        self._most_items = most_items
        self._items = 0
        self._seen: dict[str, Seen] = {}

    def recall(self, store_id: str) -> Seen | None:
        """Give what was last seen of a store."""
        return self._seen.get(store_id)

    def remember(self, store_id: str, seen: Seen) -> None:
        """Keep what was seen just now; the stores seen longest ago make room for it."""
        self.forget(store_id)
        self._seen[store_id] = seen
        self._items += 1 + len(seen.stock or ())
        while self._items > self._most_items:
            self.forget(next(iter(self._seen)))

    def forget(self, store_id: str) -> None:
        """Forget a store."""
        seen = self._seen.pop(store_id, None)
        if seen is not None:
            self._items -= 1 + len(seen.stock or ())
