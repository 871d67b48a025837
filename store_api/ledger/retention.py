"""Lets old rows go: what a store held at the end of them is written down first."""

import logging
from typing import Any, Final

from bson import Int64, MaxKey
from pymongo import ASCENDING, DESCENDING

from store_api.ledger.balances import BY
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.rows import CHECKPOINTS, MOVEMENTS, checkpoint_of, is_too_large, items_in, replay
from store_api.ledger.states import STATE

log = logging.getLogger(__name__)

RETENTION: Final = "retention"
"""The document that says from which second on the ledger is whole."""

BUCKETS_AT_ONCE: Final = 10_000
"""Buckets that are looked at, and that go, before others have their turn."""

DAY_SECONDS: Final = 86_400


class Retention:
    """Lets rows go that are older than so many days; calls wait for MongoDB.

    Args:
        ledger: whose rows.
        days: how many.
    """

    def __init__(self, ledger: LedgerCollections, days: int) -> None:
        self._movements = ledger.database[MOVEMENTS]
        self._checkpoints = ledger.database[CHECKPOINTS]
        self._state = ledger.database[STATE]
        self._seconds = days * DAY_SECONDS

    def let_go(self, now: float) -> int:
        """Let go what is too old; gives how many buckets went.

        It may be ended at any step, and begun again: what goes has been summed up before.

        Args:
            now: seconds since 1970.
        """
        before = int(now) - self._seconds
        old = {"t": {"$lt": before}}
        if self._movements.find_one(old, {"_id": 1}) is None:
            return 0
        self._state.update_one({"_id": RETENTION}, {"$max": {"before": Int64(before)}}, upsert=True)
        gone = 0
        while True:
            rows = self._movements.find(old, {"_id.s": 1}, sort=[("t", ASCENDING)], limit=BUCKETS_AT_ONCE)
            deleted = sum(self._let_go_of(store_id, before) for store_id in {row["_id"]["s"] for row in rows})
            gone += deleted
            if not deleted:
                break
        log.info("Old rows of the ledger are gone", extra={"action": "ledger_retention", "buckets": gone})
        return gone

    def _let_go_of(self, store_id: str, before: int) -> int:
        """Sum up a store's old rows in a checkpoint, and let them go."""
        whole = {"$gt": {"s": store_id}, "$lt": {"s": store_id, "b": MaxKey()}}
        kept = self._movements.find_one(
            {"_id": whole, "t": {"$gte": before}}, {"_id": 1}, sort=[("_id", ASCENDING)]
        )
        end = {"s": store_id, "b": kept["_id"]["b"] if kept else MaxKey()}
        # A bucket of the batch that the first row to be kept is in is kept, too, and what comes meanwhile.
        going = {"_id": {"$gt": {"s": store_id}, "$lt": end}, "t": {"$lt": before}}
        base = self._checkpoints.find_one(going, sort=[("_id", DESCENDING)])
        items = items_in(base) if base else {}
        begin = base["_id"]["b"] if base else -1
        by = base.get(BY) if base else None
        after = {"_id": {"$gt": {"s": store_id, "b": begin, "p": MaxKey()}, "$lt": end}, "t": going["t"]}
        last: dict[str, Any] | None = None
        for bucket in self._movements.find(after, sort=[("_id", ASCENDING)]):
            last = bucket
            replay(items, bucket["rows"])
            by = bucket.get(BY, by)
        if last is not None:
            summed = checkpoint_of(store_id, last["_id"]["b"], last["t"], items, exists=not last["gone"])
            if by is not None:
                summed[BY] = by
            if is_too_large(summed):
                return 0
            self._checkpoints.replace_one({"_id": summed["_id"]}, summed, upsert=True)
            begin = last["_id"]["b"]
        self._checkpoints.delete_many({"_id": {"$gt": {"s": store_id}, "$lt": {"s": store_id, "b": begin}}})
        return self._movements.delete_many(going).deleted_count
