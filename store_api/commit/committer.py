"""Group commit: operations that come while a write is in flight go out together, and each has its own answer.

What is decided, merged, proven and answered is `batch.py`'s; here is who waits where, and which writes are in
flight. A store is in one write at a time, so that its operations keep their order; an idle service writes at
once, with no timer.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import msgspec

from store_api.commit.decide import (
    MOST_OPERATIONS,
    Decision,
    Reading,
    Seen,
    batch_size,
    conclude,
    decide,
    seen_after,
    wanted_items,
)
from store_api.commit.last_seen import StockMemory
from store_api.commit.ports import Stores
from store_api.commit.sweeper import Sweeper
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
    StoreApiError,
)
from store_api.stock.operations import (
    Answer,
    Change,
    Operation,
    OperationKind,
    Report,
    Written,
    outcome_of,
    written_despite,
)

log = logging.getLogger(__name__)

MOST_WAITING = 8192
"""Operations that may wait at once; more than that are turned away."""

LANES = 3
"""Writes in flight at once."""

QUIET_TURNS = 8
"""Turns of the event loop in a row without a newcomer, after which a lane that waits for more goes on."""

STORES_AT_ONCE = 64
"""Stores that one write may change."""

MOST_ROUNDS = 100
"""How often others may come between the decision and the write before a batch is turned away."""

MOST_UNFIT = 2
"""How often a whole, sound document may refuse an update in a row before it counts as broken."""

_SILENT = (Written.UNKNOWN, Written.UNAVAILABLE)
"""After these the database is not asked again: the answers are known."""


_NOTHING = Decision(None, ())


class _Waiting(msgspec.Struct, eq=False):
    operation: Operation
    answer: asyncio.Future[Answer]


class _StoreQueue(msgspec.Struct, eq=False):
    """What waits for one store, and the batch in flight for it."""

    store_id: str
    waiting: deque[_Waiting] = msgspec.field(default_factory=deque)
    batch: list[_Waiting] = msgspec.field(default_factory=list)
    decision: Decision = _NOTHING
    wanted: frozenset[str] | None = None
    seen: Seen | None = None
    rounds: int = 0
    unfit: int = 0
    again: int = 0

    @property
    def operations(self) -> list[Operation]:
        return [waiting.operation for waiting in self.batch]


class Committer:
    """Takes operations and answers each of them, whatever becomes of the request that brought it.

    Args:
        stores: where changes are written.
        lanes: writes in flight at once.
        most_waiting: operations that may wait.

    Attributes:
        outcomes: how many operations of each kind ended as what (see `outcome_of`), so far.
        on_written: called after each write, with the operations in it and the seconds it took.
    """

    def __init__(self, stores: Stores, *, lanes: int = LANES, most_waiting: int = MOST_WAITING) -> None:
        self._stores = stores
        self._memory = StockMemory()
        self._sweeper = Sweeper(stores)
        self.outcomes: Counter[tuple[OperationKind, str]] = Counter()
        self.on_written: Callable[[int, float], None] = lambda operations, seconds: None
        self._most_waiting = most_waiting
        self._waiting = 0
        self._taken = 0
        self._queues: dict[str, _StoreQueue] = {}
        self._ready: deque[_StoreQueue] = deque()
        self._most_lanes = self._free_lanes = lanes
        self._lanes: set[asyncio.Task[None]] = set()

    async def submit(self, operation: Operation) -> Report:
        """Carry one operation out and report the store at a moment after it.

        A caller that is cancelled does not stop the operation.

        Raises:
            NotApplied: refused, for the reason its kind names.
            OutcomeUnknown: it may have been applied.
            AppliedUnreported: it was applied, but the store could not be read after it.
            BrokenDocument: the store's document is no stock.
        """
        answer = await self.answer(operation)
        if isinstance(answer, StoreApiError):
            raise answer
        return answer

    def answer(self, operation: Operation) -> asyncio.Future[Answer]:
        """Do what `submit` does, but give its errors as values: refusals are everyday answers."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self._waiting >= self._most_waiting:
            self.outcomes[operation.kind, Overloaded.slug] += 1
            answer.set_result(Overloaded())
            return answer
        self._waiting += 1
        self._taken += 1
        queue = self._queues.get(operation.store_id)
        if queue is None:
            queue = _StoreQueue(operation.store_id, seen=self._memory.recall(operation.store_id))
            self._queues[operation.store_id] = queue
            self._ready.append(queue)
            if self._free_lanes:
                self._open_lane()
        queue.waiting.append(_Waiting(operation, answer))
        return answer

    async def close(self) -> None:
        """Wait until every operation taken has its answer."""
        while self._lanes:
            await asyncio.wait(self._lanes)
        await self._sweeper.close()

    def _open_lane(self) -> None:
        self._free_lanes -= 1
        lane = asyncio.create_task(self._run_lane())
        self._lanes.add(lane)
        lane.add_done_callback(self._lanes.discard)

    async def _run_lane(self) -> None:
        while self._ready:
            queues = self._take_share()
            try:
                await self._write(queues)
            except Exception as error:  # noqa: BLE001  (a fault of ours must leave nobody waiting)
                self._give_up(queues, error)
            for queue in queues:
                if queue.waiting:
                    self._ready.append(queue)
                else:
                    self._put_away(queue)
            await self._gather()
        self._free_lanes += 1

    def _take_share(self) -> Sequence[_StoreQueue]:
        """Take as many stores as leave the other lanes their share: MongoDB writes each lane's one by one."""
        share = min(STORES_AT_ONCE, -(-len(self._ready) // self._most_lanes))
        queues = [self._ready.popleft() for _ in range(share)]
        if self._ready and self._free_lanes:
            self._open_lane()
        return queues

    async def _gather(self) -> None:
        """Let those who were just answered join those who wait: one large batch beats two small ones.

        Without it two halves of the clients take turns, and each pays for a whole write.
        """
        quiet = 0
        while self._ready and quiet < QUIET_TURNS and self._waiting < MOST_OPERATIONS:
            before = self._taken
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._taken == before else 0

    def _put_away(self, queue: _StoreQueue) -> None:
        del self._queues[queue.store_id]
        if queue.seen is None:
            self._memory.forget(queue.store_id)
        else:
            self._memory.remember(queue.store_id, queue.seen)

    async def _write(self, queues: Sequence[_StoreQueue]) -> None:
        """Decide a batch of each store, write them together, read them together, and answer."""
        began = perf_counter()
        for queue in queues:
            self._take_batch(queue)
        changes = [queue.decision.change for queue in queues if queue.decision.change is not None]
        written: dict[str, Written]
        readings: dict[str, Reading] = {}
        if len(queues) == 1 and changes:
            written, readings = await self._apply_one(changes[0], queues[0].wanted)
        else:
            written = await self._apply_many(changes)
            readings = {
                change.store_id: change.leaves
                for change in changes
                if change.leaves is not None and written[change.store_id] is Written.APPLIED
            }
        unread = [queue for queue in queues if queue.store_id not in readings]
        for queue in unread:
            if written.get(queue.store_id) is Written.UNFIT:
                # What is wrong with the document may be anywhere in it.
                queue.wanted = None
        for whole in (True, False):
            readings |= await self._read(
                [queue for queue in unread if (queue.wanted is None) is whole], written
            )
        self.on_written(sum(len(queue.batch) for queue in queues), perf_counter() - began)
        for queue in queues:
            self._settle(queue, written.get(queue.store_id), readings[queue.store_id])

    def _take_batch(self, queue: _StoreQueue) -> None:
        size = batch_size(waiting.operation for waiting in queue.waiting)
        # Those who are decided again go by themselves: what they need has been read, and newcomers, whose
        # items may be unknown, could make the guard fail for them again and again.
        queue.batch = [queue.waiting.popleft() for _ in range(min(size, queue.again or size))]
        operations = queue.operations
        queue.wanted = wanted_items(operations)
        queue.decision = decide(operations, queue.seen)

    async def _apply_one(
        self, change: Change, wanted: frozenset[str] | None
    ) -> tuple[dict[str, Written], dict[str, Reading]]:
        store_id = change.store_id
        try:
            stock = await self._stores.apply(change, wanted)
        except BrokenDocument as broken:
            return {store_id: Written.APPLIED}, {store_id: broken}
        except AppliedUnreported:
            return {store_id: Written.APPLIED}, {store_id: DatabaseUnavailable()}
        except StoreApiError as error:
            return {store_id: written_despite(error)}, {}
        if stock is None:
            return {store_id: Written.NOT_MATCHED}, {}
        return {store_id: Written.APPLIED}, {store_id: stock}

    async def _apply_many(self, changes: Sequence[Change]) -> dict[str, Written]:
        if not changes:
            return {}
        try:
            written = await self._stores.apply_many(changes)
        except StoreApiError as error:
            written = [written_despite(error)] * len(changes)
        return {change.store_id: verdict for change, verdict in zip(changes, written, strict=True)}

    async def _read(
        self, queues: Sequence[_StoreQueue], written: Mapping[str, Written]
    ) -> dict[str, Reading]:
        """Read stores that are all wanted whole, or all in part; what was not written needs no reading."""
        store_ids = [queue.store_id for queue in queues if written.get(queue.store_id) not in _SILENT]
        found: Mapping[str, Reading] = {}
        unread: Reading = None
        if store_ids:
            wanted = (
                None
                if queues[0].wanted is None
                else frozenset[str]().union(*(queue.wanted or () for queue in queues))
            )
            try:
                found = await self._stores.read_many(store_ids, wanted)
            except DatabaseUnavailable as unavailable:
                unread = unavailable
        return {queue.store_id: found.get(queue.store_id, unread) for queue in queues}

    def _settle(self, queue: _StoreQueue, written: Written | None, reading: Reading) -> None:
        self._note(queue, written, reading)
        answers = conclude(queue.operations, queue.decision, written, reading)
        queue.rounds = queue.rounds + 1 if not any(answers) else 0
        queue.unfit = queue.unfit + 1 if queue.rounds and written is Written.UNFIT else 0
        if queue.unfit > MOST_UNFIT:
            answers = [BrokenDocument(queue.store_id, "MongoDB cannot update it")] * len(answers)
        elif queue.rounds > MOST_ROUNDS:
            answers = [Overloaded()] * len(answers)
        if all(answers):
            queue.rounds = queue.unfit = 0
        batch, queue.batch = queue.batch, []
        again = [waiting for waiting, answer in zip(batch, answers, strict=True) if answer is None]
        queue.again = len(again)
        queue.waiting.extendleft(reversed(again))
        for waiting, answer in zip(batch, answers, strict=True):
            if answer is not None:
                self._resolve(waiting, answer)

    def _note(self, queue: _StoreQueue, written: Written | None, reading: Reading) -> None:
        """Keep what was read for the next decision, and for the sweeper."""
        whole = queue.wanted is None
        found = reading
        if isinstance(reading, dict) and queue.wanted is not None:
            found = {item_id: reading.get(item_id, 0) for item_id in queue.wanted}
        queue.seen = seen_after(queue.seen, queue.decision.change, written, found, complete=whole)
        if isinstance(reading, dict) and queue.seen is not None:
            # What is not in the document needs no sweep.
            self._sweeper.note(queue.store_id, reading, complete=whole)

    def _resolve(self, waiting: _Waiting, answer: Answer) -> None:
        self._waiting -= 1
        self.outcomes[waiting.operation.kind, outcome_of(answer)] += 1
        # Who went away has cancelled the future; the operation went on without them.
        if not waiting.answer.done():
            waiting.answer.set_result(answer)

    def _give_up(self, queues: Sequence[_StoreQueue], error: Exception) -> None:
        """Answer whoever has no answer yet with the truth: nobody knows."""
        log.error("A write failed by our fault", extra={"action": "fault", "error": type(error).__name__})
        for queue in queues:
            batch, queue.batch = queue.batch, []
            queue.rounds = queue.unfit = queue.again = 0
            for waiting in batch:
                self._resolve(waiting, OutcomeUnknown())
