"""What was last seen of busy stores: old news that saves a round trip, and never proves anything."""

from store_api.commit.decide import Seen

MOST_ITEMS = 100_000
"""Items remembered in all: about 10 MB."""


class StockMemory:
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
