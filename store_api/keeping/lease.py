"""Who keeps the ledger: one at a time, by MongoDB's clock.

The lease saves work and is no guard: two keepers at once write no row twice (`collection.py`).
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import pymongo.collection
from bson import Int64
from pymongo.errors import DuplicateKeyError

LEASE: Final = "lease"

LEASE_SECONDS: Final = 10
"""How long a lease holds after it was renewed last."""

RENEW_SECONDS: Final = 3.0

RELEASED: Final = [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}]
"""Lets another have a lease at once."""

Documents = pymongo.collection.Collection[dict[str, Any]]


class Lease:
    """The lease of one database's ledger, as one process has it or not; calls wait for MongoDB.

    Args:
        states: the collection of it.
        owner: a name that no other process has.
    """

    def __init__(self, states: Documents, owner: str) -> None:
        self._states = states
        self._owner = owner

    def take(self) -> bool:
        """Take the lease, or renew it; False where another has it.

        Raises:
            PyMongoError: MongoDB did not say.
        """
        is_ours = {"$eq": ["$owner", self._owner]}
        free = {"$or": [{"$lt": ["$until", "$$NOW"]}, is_ours]}
        taken = {
            "owner": self._owner,
            "until": {"$add": ["$$NOW", LEASE_SECONDS * 1000]},
            "taken": {"$add": ["$taken", {"$cond": [is_ours, 0, 1]}]},
        }
        with suppress(DuplicateKeyError):
            nobody = {"owner": "", "until": datetime(1970, 1, 1, tzinfo=UTC), "taken": Int64(0)}
            self._states.update_one({"_id": LEASE}, {"$setOnInsert": nobody}, upsert=True)
        done = self._states.update_one({"_id": LEASE, "$expr": free}, [{"$set": taken}])
        return done.matched_count == 1

    def release(self) -> None:
        """Let another have it at once.

        Raises:
            PyMongoError: it may have it later, when it has run out.
        """
        self._states.update_one({"_id": LEASE, "owner": self._owner}, RELEASED)
