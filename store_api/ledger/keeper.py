"""The keeper: follows the stores' changes, and adds their rows to the ledger, batch by batch."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson import Timestamp
from msgspec.structs import replace
from pymongo.errors import OperationFailure, PyMongoError

from store_api.errors import StoreApiError
from store_api.ledger.balances import carry, most_rows_of
from store_api.ledger.collection import LedgerCollections, Superseded
from store_api.ledger.pieces import pieces_of
from store_api.ledger.reconciling import PIPELINE, Reconciler
from store_api.ledger.remembered import RememberedBalances
from store_api.ledger.rows import Batch, Row
from store_api.ledger.states import State
from store_api.storage.schema import COLLECTION as STORES
from watchers.changes import StoreChange, store_change_of
from watchers.resume import Next, after_error, after_event, pause_seconds
from watchers.stream_reader import Answer, StreamReader

log = logging.getLogger(__name__)

GATHER_SECONDS: Final = 0.4
"""How long changes are gathered for one batch: the more of a store's there are, the less each row costs."""

MOST_GATHERED: Final = 4_000
"""Changes that go into one batch, but for those of the answer that is begun."""

MOST_ROWS: Final = 20_000
"""Rows after which a batch is written: a transaction must be smaller than some part of MongoDB's cache."""

Event = Mapping[str, Any]


class StreamLost(Exception):
    """What the stream could have told is gone: only a reading of all stores puts the ledger right."""


class Keeper:
    """Keeps the ledger until it is stopped, through every fault.

    Args:
        ledger: where it is kept.
        random: gives a number from 0 to 1, for the jitter of pauses.
        now: gives the seconds since 1970.

    Attributes:
        counts: "rows", "gaps", and "unexplained": rows that contradict what their change said of itself.
        lag: how many seconds after its commit the oldest change of the last batch was in, by both clocks.
    """

    def __init__(
        self, ledger: LedgerCollections, random: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._random = random
        self._now = now
        self._balances = RememberedBalances(ledger)
        self._failures = 0
        self._is_lost = False
        self._stopping = False
        self.counts: Counter[str] = Counter()
        self.lag = 0.0

    def stop(self) -> None:
        """Let `run` end after the batch in hand."""
        self._stopping = True

    async def run(self) -> None:
        """Keep the ledger until stopped."""
        while not self._stopping:
            try:
                await self._keep()
            except Superseded:
                log.info("Another keeper was at the ledger", extra={"action": "ledger_superseded"})
                self._failures += 1
                await asyncio.to_thread(Reconciler(self._ledger).skip_ahead)
            except StreamLost:
                self._is_lost = True
            except (PyMongoError, StoreApiError) as error:
                self._note_failure(error, "go on")
            if self._failures and not self._stopping:
                await asyncio.sleep(pause_seconds(self._failures, self._random))

    def _note_failure(self, error: Exception, following: str) -> None:
        self._failures += 1
        what = {"error": type(error).__name__, "code": getattr(error, "code", None), "next": following}
        log.warning("The ledger waits", extra={"action": "ledger_failed", **what, "failures": self._failures})

    async def _keep(self) -> None:
        """Follow the stores from where the ledger is, until that fails."""
        self._balances.clear()
        await asyncio.to_thread(self._ledger.take_over)
        state = await self._begin()
        reader = StreamReader(self._ledger.database, PIPELINE, state.token, lambda: False)
        try:
            first: Answer | None = await self._answer(reader, was_open=False)
            while not self._stopping:
                events, is_alive = await self._gather(reader, first)
                first = None
                state = await self._add(state, events)
                if not is_alive:
                    raise StreamLost
                self._failures = 0
        finally:
            reader.close()

    async def _begin(self) -> State:
        state = await asyncio.to_thread(self._ledger.state)
        if state is not None and state.reconciling is None and not (state.off or self._is_lost):
            return state
        reconciler = Reconciler(self._ledger)
        state = await asyncio.to_thread(reconciler.reconcile, state)
        self.counts["rows"] += reconciler.rows
        self.counts["gaps"] += reconciler.gaps
        self._is_lost = False
        return state

    async def _answer(self, reader: StreamReader, *, was_open: bool = True) -> Answer:
        """Wait for what the stream says next; it is lost where it cannot be taken up where the ledger is."""
        try:
            return await reader.answer()
        except PyMongoError as error:
            verdict = after_error(
                error.code if isinstance(error, OperationFailure) else None,
                server_answered=isinstance(error, OperationFailure),
                was_open=was_open,
                resumable=error.has_error_label("ResumableChangeStreamError"),
            )
            if verdict is not Next.BEGIN_AFRESH:
                raise
            self._note_failure(error, verdict.value)
            raise StreamLost from error

    async def _gather(self, reader: StreamReader, first: Answer | None) -> tuple[list[Event], bool]:
        """Wait for changes, and for those that come within a moment; tells also whether more can follow.

        An event after which nothing known is worth anything ends them: the ledger stays before it. What the
        stream has said `first` may have in it what came while nobody kept the ledger.
        """
        events: list[Event] = []
        deadline = None
        while len(events) < MOST_GATHERED:
            try:
                async with asyncio.timeout_at(deadline):
                    answer = first or await self._answer(reader)
            except TimeoutError:
                break
            first = None
            for event in answer.events:
                if after_event(event["operationType"]) is Next.BEGIN_AFRESH:
                    return events, False
                events.append(event)
            if not answer.alive:
                return events, False
            if self._stopping:
                break
            if deadline is None and events:
                deadline = asyncio.get_running_loop().time() + GATHER_SECONDS
        return events, True

    async def _add(self, state: State, events: Sequence[Event]) -> State:
        """Add the rows of events to the ledger; gives how far it is then."""
        if not events:
            return state
        changes = list(map(_change_of, events))
        await self._balances.read(change.store_id for change in changes if change is not None)
        batch = Batch(state.batch + 1)
        is_old, before = True, None
        for event, change in zip(events, changes, strict=True):
            if change is not None and not (is_old := is_old and change.at <= state.floor):
                is_large = most_rows_of(self._balances[change.store_id], change) > MOST_ROWS
                if is_large and before is not None:
                    # What may take several batches is told apart from what came before it.
                    state = await self._put(state, batch, before)
                    batch = Batch(state.batch + 1)
                rows = self._carry(change)
                if is_large and rows is not None:
                    state, rows = await self._put_pieces(state, change, rows)
                    batch = Batch(state.batch + 1)
                self._take(batch, change, rows)
                if batch.rows >= MOST_ROWS:
                    state = await self._put(state, batch, event)
                    batch = Batch(state.batch + 1)
            before = event
        first = next(filter(None, changes), None)
        state = await self._put(state, batch, events[-1])
        if first is not None and first.committed_at is not None:
            self.lag = max(0.0, self._now() - first.committed_at.timestamp())
        self._balances.make_room(change.store_id for change in changes if change is not None)
        return state

    async def _put(self, state: State, batch: Batch, last: Event) -> State:
        """Write a batch, which has all up to an event; gives how far the ledger is then."""
        until: Timestamp = max(state.until, last["clusterTime"])
        number = batch.number if batch.buckets else state.batch
        after = replace(state, batch=number, token=last["_id"], until=until)
        checkpoints = self._balances.checkpoints(batch)
        await asyncio.to_thread(self._ledger.put, state, after, batch.buckets, checkpoints)
        self.counts["rows"] += batch.rows
        return after

    async def _put_pieces(
        self, state: State, change: StoreChange, rows: list[Row]
    ) -> tuple[State, list[Row]]:
        """Write most rows of a change that are too many for one batch; gives those that are left.

        The place in the stream stays before the change: whoever meets it again finds what differs still.
        """
        pieces = pieces_of(self._balances[change.store_id], change.store_id, change.at.time, rows, MOST_ROWS)
        state = await asyncio.to_thread(self._ledger.put_pieces, state, pieces)
        self.counts["rows"] += len(pieces) * MOST_ROWS
        return state, rows[len(pieces) * MOST_ROWS :]

    def _carry(self, change: StoreChange) -> list[Row] | None:
        """Carry a change over; gives its rows, or None where it is none of ours: a sweep, a fence."""
        balance = self._balances[change.store_id]
        existed, by = balance.exists, balance.by
        moved = carry(balance, change)
        if not moved.rows and balance.exists == existed and balance.by == by:
            return None
        self.counts["unexplained"] += moved.unexplained
        return moved.rows

    def _take(self, batch: Batch, change: StoreChange, rows: list[Row] | None) -> None:
        if rows is None:
            return
        balance = self._balances[change.store_id]
        batch.add(change.store_id, rows, change.at.time, balance.units, gone=change.deleted)
        if balance.by is not None:
            batch.note_by(change.store_id, balance.by)
        if balance.rows is not None:
            balance.rows += len(rows)


def _change_of(event: Event) -> StoreChange | None:
    return store_change_of(event) if event["ns"].get("coll") == STORES else None
