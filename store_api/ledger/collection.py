"""The ledger in MongoDB: what goes in goes in whole, once, and after all that went in before.

Each batch is one transaction: its buckets, its checkpoints, and the place in the change stream up to which
the ledger is complete. It goes through only where the batch before it is the last one (`b`), so that two
keepers, or one that was stopped for an hour, cannot write a change twice, or leave one out.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from bson import MaxKey
from msgspec.structs import replace
from pymongo import ASCENDING, DESCENDING, MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from store_api.ledger.balances import BY, Balance
from store_api.ledger.pieces import Piece
from store_api.ledger.rows import (
    CHECKPOINTS,
    INDEXES,
    MOVEMENTS,
    Row,
    indexes_in_mongosh,
    items_in,
    replay,
)
from store_api.ledger.states import STATE, STREAM, State, fields_of, state_in
from store_api.storage.driver_errors import UNAUTHORIZED

log = logging.getLogger(__name__)

SESSION: Final = "session"
"""The document that says in which session of MongoDB's the keeper writes."""

DUPLICATE_KEY: Final = 11000

LATE_SECONDS: Final = 120.0
"""How long a session that was left may come to life again: MongoDB ends its transactions after 60 s."""

READERS: Final = 8
"""Stores that are read again at once, after a start."""

Documents = Collection[dict[str, Any]]


class Superseded(Exception):
    """Another keeper has gone on from here."""


class LedgerCollections:
    """The ledger of one database, for the one who keeps it; calls wait for MongoDB, each in a thread.

    Args:
        client: with retries.
        database: its name.
    """

    def __init__(self, client: "MongoClient[dict[str, Any]]", database: str) -> None:
        self._client = client
        self.database = client.get_database(
            database,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("majority"),
        )
        self._movements: Documents = self.database[MOVEMENTS]
        self._checkpoints: Documents = self.database[CHECKPOINTS]
        self._state: Documents = self.database[STATE]
        self._session: ClientSession | None = None
        self._left: list[tuple[float, Any]] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="balances")

    def prepare(self) -> None:
        """Make the collections and their indexes, where they are missing.

        A user who may not gets a warning, and the ledger is kept without.
        """
        try:
            for name, indexes in INDEXES.items():
                self.database[name].create_indexes(indexes)
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            log.warning(
                "May not make the indexes of the ledger, and goes on without; "
                "an administrator must run in mongosh what is in `run`",
                extra={"action": "ledger_indexes_not_ours", "run": indexes_in_mongosh(self.database.name)},
            )

    def state(self) -> State | None:
        """Tell how far the ledger is; None where there is none yet."""
        document = self._state.find_one({"_id": STREAM})
        if document is None:
            return None
        return state_in(document)

    def last_batch(self) -> int:
        """Find the number of the last batch by its rows: the word that says it may be gone."""
        last = self._movements.find_one({}, {"_id": 1}, sort=[("t", DESCENDING), ("_id.b", DESCENDING)])
        return int(last["_id"]["b"]) if last else 0

    def begin(self, state: State) -> None:
        """Write a first state down, unless there is one.

        Raises:
            DuplicateKeyError: there is.
        """
        self._state.insert_one({"_id": STREAM, **fields_of(state)})

    def put(self, before: State, after: State, buckets: Sequence[Row], checkpoints: Sequence[Row]) -> None:
        """Add a batch, and go on to the state after it: all of that, or nothing.

        Raises:
            Superseded: the state is not the one before any more.
            PyMongoError: it may be in, or not; the state tells.
        """
        if not buckets and not checkpoints:
            self._go_on(before, after, None)
            return
        session = self.take_over()
        try:
            with session.start_transaction():
                if buckets:
                    self._movements.insert_many(buckets, session=session)
                if checkpoints:
                    self._checkpoints.insert_many(checkpoints, session=session)
                # Last, so that a process that is stopped in the midst of it hardly ever holds this document.
                self._go_on(before, after, session)
        except BulkWriteError as error:
            # A number that is taken is another's.
            raise (
                Superseded if error.details["writeErrors"][0]["code"] == DUPLICATE_KEY else error
            ) from error
        except PyMongoError:
            self._session = None
            raise

    def put_pieces(self, state: State, pieces: Sequence[Piece]) -> State:
        """Add pieces of a change, each a batch; gives the state after them, which is before the change still.

        Raises:
            Superseded: another keeper has gone on.
            PyMongoError: some of them may be in; the state tells.
        """
        for piece in pieces:
            batch, checkpoints = piece.batch_after(state.batch)
            after = replace(state, batch=batch.number)
            self.put(state, after, batch.buckets, checkpoints)
            state = after
        return state

    def take_over(self) -> ClientSession:
        """Give the session to write in; a new one ends those before it, in which somebody may have died.

        Else MongoDB would hold what was written in them, and let everybody wait for it, for a minute. Each is
        ended again and again for that long: what was sent in it may arrive late, and begin it anew.
        """
        if self._session is None:
            session = self._client.start_session(causal_consistency=False)
            ours = {"$set": {"lsid": session.session_id}}
            old = self._state.find_one_and_update({"_id": SESSION}, ours, upsert=True)
            now = time.monotonic()
            self._left = [(since, lsid) for since, lsid in self._left if since > now - LATE_SECONDS]
            if old is not None:
                self._left.append((now, old["lsid"]))
                with suppress(OperationFailure):
                    self._client.admin.command({"killSessions": [lsid for _, lsid in self._left]})
            self._session = session
        return self._session

    def _go_on(self, before: State, after: State, session: ClientSession | None) -> None:
        done = self._state.update_one(
            {"_id": STREAM, "b": before.batch, "until": {"$lte": after.until}},
            {"$set": fields_of(after)},
            session=session,
        )
        if done.matched_count != 1:
            raise Superseded

    def balances(self, store_ids: Iterable[str]) -> dict[str, Balance]:
        """Read what the ledger has of stores."""
        ids = list(store_ids)
        return dict(zip(ids, self._readers.map(self.balance, ids), strict=True))

    def balance(self, store_id: str) -> Balance:
        """Read what the ledger has of a store: its last checkpoint, and the rows after it."""
        ends = {"_id": {"$gt": {"s": store_id}, "$lt": {"s": store_id, "b": MaxKey()}}}
        checkpoint = self._checkpoints.find_one(ends, sort=[("_id", DESCENDING)])
        if checkpoint is None:
            return Balance({})
        balance = Balance(items_in(checkpoint), exists=checkpoint["exists"], rows=0, by=checkpoint.get(BY))
        begin = {"s": store_id, "b": checkpoint["_id"]["b"], "p": MaxKey()}
        later = {"_id": {"$gt": begin, "$lt": {"s": store_id, "b": MaxKey()}}}
        fields = {"rows.i": 1, "rows.q": 1, "gone": 1, BY: 1}
        count = 0
        for bucket in self._movements.find(later, fields, sort=[("_id", ASCENDING)]):
            count += replay(balance.items, bucket["rows"])
            balance.exists = not bucket["gone"]
            balance.by = bucket.get(BY, balance.by)
        balance.rows = count
        balance.units = sum(balance.items.values())
        return balance

    def known_stores(self, after: str | None, last: str | None, most: int) -> list[str]:
        """List the first stores, so many, that the ledger has after one up to another; None is no bound."""
        begin = {"$gt": {"s": after, "b": MaxKey()} if after is not None else {"s": ""}}
        end = {} if last is None else {"$lt": {"s": last, "b": MaxKey()}}
        found = self._checkpoints.aggregate(
            [
                {"$match": {"_id": {**begin, **end}}},
                {"$group": {"_id": "$_id.s"}},
                {"$sort": {"_id": 1}},
                {"$limit": most},
            ],
            allowDiskUse=True,
        )
        return [row["_id"] for row in found]
