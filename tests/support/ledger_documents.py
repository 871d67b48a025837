"""A ledger without a keeper: its documents as a keeper would have written them."""

from itertools import count
from typing import Any

from bson import Timestamp
from pymongo.database import Database

from store_api.ledger.retention import RETENTION
from store_api.ledger.rows import MOVEMENTS, NOBODY, Batch, Kind, Names, row_of
from store_api.ledger.states import STATE, STREAM


class LedgerDocuments:
    """Writes rows, and how far they are complete.

    Args:
        database: where.
    """

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._movements = database[MOVEMENTS]
        self._state = database[STATE]
        self._numbers = count(1)

    def add(self, store_id: str, seconds: int, *rows: tuple[str, int, int, Kind, Names]) -> None:
        """Add a batch of one store and one second: of which item, by how many to how many, kind and names."""
        batch = Batch(next(self._numbers))
        for row in rows:
            batch.add(store_id, [row_of(*row)], seconds, 0)
        self._movements.insert_many(batch.buckets)

    def sell(self, store_id: str, seconds: int, item_id: str, pieces: int, left: int, actor: str) -> None:
        """Add a row of one demand."""
        self.add(store_id, seconds, (item_id, -pieces, left, Kind.DEMAND, Names(actor)))

    def open(self, store_id: str, seconds: int, item_id: str, pieces: int) -> None:
        """Add an opening row."""
        self.add(store_id, seconds, (item_id, pieces, pieces, Kind.OPENING, NOBODY))

    def is_whole(self, begins: int, until: int, /, **others: Any) -> None:
        """Say from which second on, and up to which, the ledger has all rows."""
        state = {"until": Timestamp(until + 1, 1), "begins": begins, "reconciling": None, "off": False}
        self._state.replace_one({"_id": STREAM}, {**state, **others}, upsert=True)

    def let_go(self, before: int) -> None:
        """Say that rows before a second are gone."""
        self._state.replace_one({"_id": RETENTION}, {"before": before}, upsert=True)
