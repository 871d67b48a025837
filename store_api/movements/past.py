"""What the ledger's rows say of a store: what it held at a moment, and how many pieces when; pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from store_api.ledger.rows import items_in, replay
from store_api.stock import Stock

MOST_POINTS: Final = 300
"""Points of a store's pieces over time."""

Bucket = Mapping[str, Any]


class Point(NamedTuple):
    """How many pieces a store held, from a second on."""

    second: int
    units: int


class Past:
    """A store as it was: begins with a checkpoint, and takes over buckets in their order.

    Args:
        checkpoint: the last one that is not newer than the moment; None where there is none.
        second: the moment: all that happened in this second is in.
    """

    def __init__(self, checkpoint: Mapping[str, Any] | None, second: int) -> None:
        self._second = second
        self._items: Stock = {} if checkpoint is None else items_in(checkpoint)
        self._exists = checkpoint is not None and bool(checkpoint["exists"])

    @property
    def stock(self) -> Stock | None:
        """What it held; None where there was no such store."""
        return self._items if self._exists else None

    def take(self, bucket: Bucket) -> bool:
        """Take a bucket over; False where it, or a part of it, is later: so are all that follow."""
        if bucket["t"] <= self._second:
            replay(self._items, bucket["rows"])
            self._exists = not bucket["gone"]
            return True
        earlier = [row for row in bucket["rows"] if row["t"] <= self._second]
        if earlier:
            replay(self._items, earlier)
            self._exists = True
        return False


def units_after(bucket: Bucket, second: int) -> int | None:
    """Tell how many pieces a store held after a second, by a bucket; None where all of it is later."""
    units = int(bucket["u"])
    if bucket["t"] <= second:
        return units
    later = [row["d"] for row in bucket["rows"] if row["t"] > second]
    return units - sum(later) if len(later) < len(bucket["rows"]) else None


def thinned(points: Sequence[Point], begin: int, end: int, most: int = MOST_POINTS) -> list[Point]:
    """Leave out points where there are too many: of each stretch of time the last one stays.

    Args:
        points: in their order.
        begin, end: the seconds between which they are; what is not between them goes.
        most: how many may stay.
    """
    between = [point for point in points if begin <= point.second <= end]
    if len(between) <= most:
        return between
    step = (end - begin) // (most - 1) + 1
    last_of = {(point.second - begin) // step: point for point in between[1:]}
    # The first one is what there was at the beginning, and says more than the last of its stretch.
    return [between[0], *last_of.values()]
