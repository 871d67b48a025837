"""Puts the ledger right from a reading of all stores: at its beginning, and where the stream has a gap."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from bson import Int64, Timestamp
from msgspec.structs import replace
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from store_api.errors import DatabaseUnavailable
from store_api.ledger.balances import checkpoint_after, correct
from store_api.ledger.collection import LedgerCollections, Superseded
from store_api.ledger.pieces import pieces_of
from store_api.ledger.rows import CHECKPOINTS, MOVEMENTS, Batch, Kind
from store_api.ledger.states import STATE, STREAM, Reconciling, State
from store_api.stock import Stock
from store_api.storage.documents import ITEMS, quantities_in
from store_api.storage.schema import COLLECTION as STORES
from watchers.heartbeat import HEARTBEATS

log = logging.getLogger(__name__)

STORES_AT_ONCE: Final = 200
LINES_AT_ONCE: Final = 20_000
"""Stores, and about how many lines of them, that are put right in one batch: MongoDB gives it a minute."""

SNAPSHOT_GONE: Final = frozenset({239, 246})
"""SnapshotTooOld, SnapshotUnavailable: MongoDB keeps a moment for five minutes (error_codes.yml)."""


PIPELINE: Final = [
    {"$match": {"$or": [{"ns.coll": {"$in": [STORES, HEARTBEATS, None]}}, {"to.coll": STORES}]}}
]
"""What of the stream is followed."""


class Reconciler:
    """Compares the ledger with all stores at one moment, and writes a row for each difference.

    Calls wait for MongoDB.

    Args:
        ledger: what is put right.

    Attributes:
        rows: how many it has written.
        gaps: how many gaps it has put right.
    """

    def __init__(self, ledger: LedgerCollections) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self.rows = self.gaps = 0

    def reconcile(self, state: State | None) -> State:
        """Put the ledger right; gives the state after it, from which the change stream is followed.

        Args:
            state: how far it was; None where there is none yet.

        Raises:
            PyMongoError: it is not done yet, or not to its end.
            Superseded: another keeper is at it.
        """
        if state is not None and state.reconciling is not None:
            try:
                return self._go_on(state)
            except OperationFailure as error:
                if error.code not in SNAPSHOT_GONE:
                    raise
                state = self._ledger.state() or state
        return self._go_on(self._begin(state))

    def begin_if_due(self) -> None:
        """Let the ledger begin where there is none, or where the service has run without it, from now on.

        Changes after this are told by the stream; a keeper does the rest.

        Raises:
            PyMongoError: it may have begun.
        """
        state = self._ledger.state()
        if state is None or (state.off and state.reconciling is None):
            with suppress(DuplicateKeyError, Superseded):
                self._begin(state)

    def skip_ahead(self) -> None:
        """Go on after the last batch that there is, where the state is older than that.

        It is so when a backup was restored whose parts are of different moments. Whoever keeps the ledger
        next puts it right from a reading of all stores.
        """
        latest = [("t", DESCENDING), ("_id.b", DESCENDING)]
        with suppress(PyMongoError):
            kept = [self._database[name] for name in (MOVEMENTS, CHECKPOINTS)]
            found = [each.find_one({}, {"_id": 1}, sort=latest) for each in kept]
            last = max((each["_id"]["b"] for each in found if each is not None), default=0)
            older = {"_id": STREAM, "b": {"$lt": last}}
            ahead = {"b": Int64(last), "off": True, "reconciling": None}
            self._database[STATE].update_one(older, {"$set": ahead})

    def _begin(self, state: State | None) -> State:
        token = self._token()
        at = self._moment()
        is_first = state is None or (state.reconciling is not None and state.reconciling.kind == Kind.OPENING)
        reconciling = Reconciling(at, (Kind.OPENING if is_first else Kind.GAP).value, None)
        if state is None:
            begun = State(self._ledger.last_batch(), token, at, at, at.time, reconciling)
            self._ledger.begin(begun)
            return begun
        if not is_first:
            log.warning(
                "The ledger has a gap: rows of the kind `gap` say what has changed",
                extra={"action": "ledger_gap", "since": state.until.as_datetime().isoformat()},
            )
        begins = at.time if is_first else state.begins
        begun = State(state.batch + 1, token, max(at, state.until), at, begins, reconciling)
        self._ledger.put(state, begun, (), ())
        return begun

    def _go_on(self, state: State) -> State:
        while (reconciling := state.reconciling) is not None:
            there = dict(self._chunk(reconciling))
            last = max(there, default=None)
            known = self._ledger.known_stores(reconciling.after, last, STORES_AT_ONCE)
            if len(known) == STORES_AT_ONCE:
                last = known[-1]
            ids = sorted({*known, *(each for each in there if last is None or each <= last)})
            balances = self._ledger.balances(ids)
            batch = Batch(state.batch + 1)
            done: str | None = None
            for store_id in ids:
                balance, items = balances[store_id], there.get(store_id)
                if batch.buckets and batch.rows + len(balance.items) + len(items or ()) > LINES_AT_ONCE:
                    last = done
                    break
                existed, done = balance.exists, store_id
                rows = correct(balance, items, Kind(reconciling.kind))
                seconds = reconciling.at.time
                if pieces := pieces_of(balance, store_id, seconds, rows, LINES_AT_ONCE):
                    state = self._ledger.put_pieces(state, pieces)
                    self.rows += len(pieces) * LINES_AT_ONCE
                    rows = rows[len(pieces) * LINES_AT_ONCE :]
                    batch = Batch(state.batch + 1)
                if rows or balance.exists != existed:
                    batch.add(store_id, rows, seconds, balance.units, gone=not balance.exists)
            checkpoints = [
                checkpoint
                for store_id, seconds in batch.touched.items()
                if (checkpoint := checkpoint_after(batch.number, store_id, balances[store_id], seconds))
            ]
            rest = None if last is None else replace(reconciling, after=last)
            after = replace(state, batch=batch.number, reconciling=rest, off=False)
            self._ledger.put(state, after, batch.buckets, checkpoints)
            self.rows += batch.rows
            state = after
            self.gaps += rest is None and reconciling.kind == Kind.GAP
        return state

    def _chunk(self, reconciling: Reconciling) -> Iterator[tuple[str, Stock]]:
        """Read some stores after the one up to which it is done, as they stood at its moment."""
        begin = {} if reconciling.after is None else {"$gt": reconciling.after}
        reply = self._database.command(
            {
                "find": STORES,
                # An id that is no UTF-8 cannot be asked for, nor gone on from.
                "filter": {"_id": {"$type": "string", "$regex": "(*UTF)", **begin}},
                "collation": {"locale": "simple"},
                "projection": {ITEMS: 1},
                "sort": {"_id": 1},
                "limit": STORES_AT_ONCE,
                "batchSize": STORES_AT_ONCE,
                "singleBatch": True,
                "readConcern": {"level": "snapshot", "atClusterTime": reconciling.at},
            },
            codec_options=self._database.codec_options,
        )
        lines = 0
        for document in reply["cursor"]["firstBatch"]:
            _, quantities = quantities_in(document)
            items = {item_id: quantity for item_id, quantity in quantities.items() if quantity}
            lines += len(items)
            if lines > LINES_AT_ONCE and lines > len(items):
                return
            yield document["_id"], items

    def _token(self) -> Mapping[str, Any]:
        """Give the place in the change stream that is now."""
        # The place may be an event, and only those that are followed are found again.
        with self._database.watch(PIPELINE, max_await_time_ms=1) as stream:
            stream.try_next()
            token: Mapping[str, Any] | None = stream.resume_token
        if token is None:
            raise DatabaseUnavailable
        return token

    def _moment(self) -> Timestamp:
        """Give a moment at which all that was written before can be read."""
        client = self._database.client
        with client.start_session(causal_consistency=True) as session:
            client.admin.command("ping", session=session)
            self._database[STORES].find_one({}, {"_id": 1}, session=session)
        reply = self._database.command(
            {"find": STORES, "limit": 1, "projection": {"_id": 1}, "readConcern": {"level": "snapshot"}}
        )
        # Where there is no collection, nothing was read, and any moment up to now will do.
        at: Timestamp = reply["cursor"].get("atClusterTime") or reply["operationTime"]
        return at
