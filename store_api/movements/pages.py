"""Puts a page of movements together from the buckets that are read, and knows when it has enough; pure."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from store_api.movements.wishes import Position, Wish, is_seen

MOST_ROWS: Final = 20_000
MOST_BUCKETS: Final = 5_000
"""Rows, and buckets, that are looked at for one page, but for those of the batch that is begun."""

Row = Mapping[str, Any]


class Movement(NamedTuple):
    """A row of the ledger, and where it stands.

    Args:
        place: where.
        store_id: of which store.
        row: as it is kept, see `ledger/rows.py`.
    """

    place: Position
    store_id: str
    row: Row


class Following(NamedTuple):
    """Where the next page begins.

    Args:
        after: the place after which it does.
        second: nothing of it is older than this, or newer where the newest come first.
    """

    after: Position
    second: int


class Page(NamedTuple):
    """Movements.

    Args:
        movements: in the order that was wanted.
        next: where more may follow; None where nothing does.
        complete_until: the last second of which the ledger has everything; None where it has no such second.
    """

    movements: list[Movement]
    next: Following | None
    complete_until: int | None


class Gathered:
    """Gathers a page, batch by batch; or bucket by bucket, where they come in the order of their rows.

    Args:
        wish: what is wanted.
        in_order: whether they do.

    Attributes:
        movements: those that were found, more than are wanted, perhaps.
        next: where more may follow.
    """

    def __init__(self, wish: Wish, *, in_order: bool) -> None:
        self.movements: list[Movement] = []
        self.next: Following | None = None
        self._wish = wish
        self._in_order = in_order
        self._batch: int | None = None
        self._of_batch: list[tuple[int, str, Row]] = []
        self._seen: Following | None = None
        self._rows = self._buckets = 0

    def take(self, bucket: Mapping[str, Any]) -> bool:
        """Take a bucket; False where the page is full, or enough was looked at."""
        store_id, batch = bucket["_id"]["s"], int(bucket["_id"]["b"])
        if (batch != self._batch or self._in_order) and not self._go_on(batch):
            return False
        seen = Following(Position(batch, int(bucket.get("end", 0))), int(bucket["t"]))
        if not self._is_beyond(seen.after):
            # All of it was seen for the page before: it counts for nothing, or there would be no next page.
            return True
        self._rows += bucket["count"]
        self._buckets += 1
        if self._seen is None:
            self._seen = seen
        else:
            farther: Callable[..., Any] = min if self._wish.descending else max
            self._seen = Following(*map(farther, self._seen, seen))
        if is_seen(bucket, self._wish):
            self._of_batch += [(row["n"], store_id, row) for row in bucket["rows"]]
        return True

    def end(self) -> None:
        """Take note that nothing follows."""
        self._put_in_order()
        self._note_full()

    def _is_beyond(self, end: Position) -> bool:
        after = self._wish.after
        return after is None or (end < after if self._wish.descending else end > after)

    def _go_on(self, batch: int) -> bool:
        self._put_in_order()
        self._batch = batch
        if self._note_full():
            return False
        if self._rows >= MOST_ROWS or self._buckets >= MOST_BUCKETS:
            self.next = self._seen
            return False
        return True

    def _put_in_order(self) -> None:
        room = self._wish.limit + 1 - len(self.movements)
        if self._of_batch and self._batch is not None and room > 0:
            # Most of a batch of all stores is looked at for its place alone.
            self._of_batch.sort(key=itemgetter(0), reverse=self._wish.descending)
            self.movements += [
                Movement(Position(self._batch, int(number)), store_id, row)
                for number, store_id, row in self._of_batch[:room]
            ]
        self._of_batch = []

    def _note_full(self) -> bool:
        if len(self.movements) <= self._wish.limit:
            return False
        last = self.movements[self._wish.limit - 1]
        self.next = Following(last.place, int(last.row["t"]))
        return True
