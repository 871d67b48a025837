"""Finds out which documents somebody's transaction holds, without waiting and without changing anything."""

import time
from collections.abc import Sequence
from typing import Any

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure

HELD = 112
"""WriteConflict, the server's word for a document that somebody's transaction holds."""

FEW = 8
"""Documents among which no probe looks any further: each is sent alone anyway."""

PROBE_SECONDS = 0.1
"""How long MongoDB may take for a probe, which waits for no document."""

_FAILS = [{"$set": {"probe": {"$toInt": {"$concat": ["not so: ", "$_id"]}}}}]
"""An update that no document can take: of this text MongoDB cannot make a number."""


class Session:
    """A session for one command at a time, and the number of its latest command.

    It is never ended: the driver would use it again, and count from the beginning.
    """

    def __init__(self, database: "Database[dict[str, Any]]") -> None:
        self.own: ClientSession = database.client.start_session(causal_consistency=False)
        # The driver may have used it before, and counts from 1.
        self.number = int(time.time() * 1000)


class Probe:
    """Finds out which documents are held, without waiting and without changing anything.

    In a transaction a write to a held document fails at once (112). This one is a single command whose last
    statement always fails, so that MongoDB itself ends the transaction, whatever becomes of this process.
    """

    def __init__(self, database: "Database[dict[str, Any]]", collection: str) -> None:
        self._database = database
        self._collection = collection
        self.bypass = False
        self._session = Session(database)

    def find_held(self, ids: Sequence[str]) -> list[str]:
        """Give a few of these documents, among them all that somebody's transaction holds."""
        if not self.is_any_held(ids):
            return []
        if len(ids) <= FEW:
            return list(ids)
        half = len(ids) // 2
        return self.find_held(ids[:half]) + self.find_held(ids[half:])

    def is_any_held(self, ids: Sequence[str]) -> bool:
        """Tell whether somebody's transaction holds one of these documents or more."""
        self._session.number += 1
        touched = [{"q": {"_id": one_id}, "u": {"$set": {"probe": 0}}, "upsert": True} for one_id in ids]
        try:
            self._database.command(
                {
                    "update": self._collection,
                    "updates": [*touched, {"q": {"_id": ids[0]}, "u": _FAILS}],
                    "bypassDocumentValidation": self.bypass,
                    "txnNumber": Int64(self._session.number),
                    "startTransaction": True,
                    "autocommit": False,
                    "maxTimeMS": int(PROBE_SECONDS * 1000),
                },
                session=self._session.own,
                codec_options=self._database.codec_options,
            )
        except OperationFailure as error:
            return error.code == HELD
        except ConnectionFailure:
            # Whoever asks sends again, and sees.
            pass
        return False
