"""Rows of the ledger, and the documents that they are kept in; pure.

A bucket has rows of one store, those of one batch of the keeper's, at most `MOST_ROWS`:

    {"_id": {"s": "abc111", "b": 17, "p": 0}, "t": 1795692505, "u": 120, "gone": false,
     "rows": [{"n": 4, "t": 1795692504, "i": "chair", "d": -3, "q": 7, "o": "demand",
               "a": "till-7", "r": "R-1009", "w": "sale"}, ...]}

`b` numbers the keeper's batches and `n` the rows within one, in the order of the commits; `t` is the second
of the replica set's own time, of a bucket that of its last row; `u` is how many pieces its store has
after it. Where another program has said who it is, `by` has what it said (`balances.py`).
A checkpoint is what a store held after a batch, so that a moment of the past is near to one of them:

    {"_id": {"s": "abc111", "b": 17}, "t": 1795692505, "exists": true, "items": {"chair": 7}}
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import bson
import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel

from store_api.stock import Stock
from store_api.storage.documents import ITEMS, field_of, item_id_of
from store_api.storage.schema import in_mongosh

MOVEMENTS: Final = "movements"
CHECKPOINTS: Final = "ledger_checkpoints"

INDEXES: Final = {
    MOVEMENTS: [
        IndexModel([("t", ASCENDING), ("_id.b", ASCENDING)], name="by time"),
        IndexModel([("_id.s", ASCENDING), ("rows.i", ASCENDING), ("_id.b", ASCENDING)], name="by item"),
        IndexModel(
            [("rows.r", ASCENDING), ("_id.b", ASCENDING)],
            name="by reference",
            partialFilterExpression={"rows.r": {"$exists": True}},
        ),
        IndexModel(
            [("rows.a", ASCENDING), ("_id.b", ASCENDING)],
            name="by actor",
            partialFilterExpression={"rows.a": {"$exists": True}},
        ),
    ],
    CHECKPOINTS: [
        IndexModel([("_id.s", ASCENDING), ("t", DESCENDING), ("_id.b", DESCENDING)], name="by time")
    ],
}
"""The indexes of these collections, without those of `_id`."""

MOST_ROWS: Final = 1_000
"""Rows of one bucket."""

LARGEST_SUM: Final = 2**63 - 1
"""The most pieces that a bucket can say its store holds."""

MOST_BYTES: Final = 16_750_000
"""Of a checkpoint: MongoDB takes 16,777,216."""

MANY_ITEMS: Final = 30_000
"""Fewer never come to so many bytes, however long their ids are."""

Row = dict[str, Any]
"""One row as it is kept, see above; what nobody knows is left out."""


class Kind(StrEnum):
    """What moved the stock, as its row says."""

    SUPPLY = "supply"
    DEMAND = "demand"
    CLEAN = "clean"
    DIRECT = "direct"
    OPENING = "opening"
    GAP = "gap"


class Names(msgspec.Struct, frozen=True, gc=False):
    """Who moved the stock, for what and why; None where nobody says.

    Args:
        actor: who asked.
        reference: what it belongs to, an order or a receipt.
        reason: why.
    """

    actor: str | None = None
    reference: str | None = None
    reason: str | None = None


NOBODY: Final = Names()


def row_of(item_id: str, delta: int, quantity: int, kind: Kind, names: Names = NOBODY) -> Row:
    """Write a row; its batch adds when it was, and which one it is."""
    row: Row = {"i": item_id, "d": delta, "q": quantity, "o": kind.value}
    if names.actor is not None:
        row["a"] = names.actor
    if names.reference is not None:
        row["r"] = names.reference
    if names.reason is not None:
        row["w"] = names.reason
    return row


def checkpoint_of(store_id: str, batch: int, seconds: int, items: Stock, *, exists: bool) -> Row:
    """Write a checkpoint: what a store held after a batch."""
    fields = {field_of(item_id): quantity for item_id, quantity in items.items()}
    return {"_id": {"s": store_id, "b": batch}, "t": seconds, "exists": exists, ITEMS: fields}


def is_too_large(checkpoint: Row) -> bool:
    """Tell whether MongoDB would refuse a checkpoint: others may make stores that just fit without it."""
    return len(checkpoint[ITEMS]) >= MANY_ITEMS and len(bson.encode(checkpoint)) > MOST_BYTES


def items_in(checkpoint: Mapping[str, Any]) -> Stock:
    """Read the stock out of a checkpoint."""
    return {item_id_of(field): int(quantity) for field, quantity in checkpoint[ITEMS].items()}


def replay(items: Stock, rows: Iterable[Mapping[str, Any]]) -> int:
    """Carry rows over into a stock, in place, in their order; gives how many there were."""
    count = 0
    for row in rows:
        count += 1
        if row["q"]:
            items[row["i"]] = int(row["q"])
        else:
            items.pop(row["i"], None)
    return count


def indexes_in_mongosh(database: str) -> str:
    """Write what an administrator runs where the service's user may make no indexes."""
    commands = []
    for name, models in INDEXES.items():
        indexes = [{**model.document, "key": dict(model.document["key"])} for model in models]
        commands.append(in_mongosh(database, {"createIndexes": name, "indexes": indexes}))
    return "; ".join(commands)


class Batch:
    """Rows that go in together.

    Args:
        number: of the batch.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows = 0
        self.buckets: list[Row] = []
        self.touched: dict[str, int] = {}
        self._open: dict[str, Row] = {}
        self._parts: dict[str, int] = {}

    def add(self, store_id: str, rows: list[Row], seconds: int, units: int, *, gone: bool = False) -> None:
        """Add the rows of one change; none at all says that its store is there, or gone.

        Args:
            store_id: the store.
            rows: its rows, in their order.
            seconds: of the change.
            units: what the store holds after it, in pieces.
            gone: whether the store is gone after it.
        """
        for row in rows:
            row["n"] = self.rows
            row["t"] = seconds
            self.rows += 1
        self.touched[store_id] = seconds
        for begin in range(0, len(rows) or 1, MOST_ROWS):
            bucket = self._bucket(store_id, rows[begin : begin + MOST_ROWS])
            bucket["t"], bucket["u"], bucket["gone"] = seconds, min(units, LARGEST_SUM), gone
        if gone:
            # What comes after it is another store, under the same id.
            del self._open[store_id]

    def _bucket(self, store_id: str, rows: list[Row]) -> Row:
        """Put rows into the store's open bucket, or into a new one where they do not fit."""
        bucket = self._open.get(store_id)
        if bucket is not None and len(bucket["rows"]) + len(rows) <= MOST_ROWS:
            bucket["rows"] += rows
            return bucket
        part = self._parts[store_id] = self._parts.get(store_id, -1) + 1
        bucket = {"_id": {"s": store_id, "b": self.number, "p": part}, "t": 0, "rows": rows}
        self._open[store_id] = bucket
        self.buckets.append(bucket)
        return bucket

    def note_by(self, store_id: str, by: Mapping[str, str]) -> None:
        """Note what another program has said of itself in a store's document."""
        if (bucket := self._open.get(store_id)) is not None:
            bucket["by"] = by
