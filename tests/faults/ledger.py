"""What must be in the stores at the end, as far as those who wrote can know."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

Net = Mapping[str, int]
"""What an operation adds to each item; a demand adds less than nothing."""


class Ledger:
    """Counts what was acknowledged, and what may or may not have been applied; for several threads.

    An operation belongs to the age it began in: what was on its way when everything was deleted may have come
    before or after.
    """

    def __init__(self) -> None:
        self.age = 0
        self.acknowledged = 0
        self.unknown = 0
        self._sure: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._least: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._most: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._deleting = False
        self._lock = Lock()

    def applied(self, store_id: str, net: Net, age: int) -> None:
        """Count what was acknowledged."""
        with self._lock:
            self.acknowledged += 1
            if age == self.age and not self._deleting:
                self._sure[store_id].update(net)
            else:
                self._doubt(store_id, net)

    def maybe(self, store_id: str, net: Net) -> None:
        """Count what may or may not have been applied."""
        with self._lock:
            self.unknown += 1
            self._doubt(store_id, net)

    @contextmanager
    def deleted(self) -> Iterator[None]:
        """Forget all that was counted, since meanwhile everything is deleted."""
        with self._lock:
            self._deleting = True
            for counted in (self._sure, self._least, self._most):
                counted.clear()
        yield
        with self._lock:
            self._deleting = False
            self.age += 1

    def contradictions(self, store_id: str, items: Net) -> list[str]:
        """List the items whose quantity cannot be."""
        with self._lock:
            sure, least, most = self._sure[store_id], self._least[store_id], self._most[store_id]
            return [
                f"{item_id}: {items.get(item_id, 0)} is not {sure[item_id]}"
                f" {least[item_id]:+} {most[item_id]:+}"
                for item_id in items.keys() | sure.keys()
                if not least[item_id] <= items.get(item_id, 0) - sure[item_id] <= most[item_id]
            ]

    def _doubt(self, store_id: str, net: Net) -> None:
        for item_id, quantity in net.items():
            (self._most if quantity > 0 else self._least)[store_id][item_id] += quantity
