"""Group commit: operations that come while a write is in flight go out together, and each has its own answer.

What is decided and answered is said in `decide.py` and `conclude.py`, and who waits for a store in
`store_queue.py`; here are the lanes, and which stores share a write. A store is in one write at a time, so
that its operations keep their order; an idle service writes at once, with no timer.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from time import perf_counter

from store_api.commit import round_trip
from store_api.commit.decide import MOST_OPERATIONS
from store_api.commit.last_seen import LastSeen, Reading
from store_api.commit.ports import Stores
from store_api.commit.round_trip import Readings, Verdicts
from store_api.commit.store_queue import StoreQueue, Waiting
from store_api.commit.sweeper import Sweeper
from store_api.errors import OutcomeUnknown, Overloaded, StoreApiError
from store_api.stock import Answer, Operation, OperationKind, Report, Written, outcome_of

log = logging.getLogger(__name__)

MOST_WAITING = 8192
"""Operations that may wait at once; more than that are turned away."""

LANES = 3
"""Writes in flight at once."""

QUIET_TURNS = 8
"""Turns of the event loop in a row without a newcomer, after which a lane that waits for more goes on."""

STORES_AT_ONCE = 64
"""Stores that one write may change."""

_SILENT = (Written.UNKNOWN, Written.UNAVAILABLE)
"""After these the database is not asked again: the answers are known."""


class Committer:
    """Takes operations and answers each of them, whatever becomes of the request that brought it.

    Args:
        stores: where changes are written.
        lanes: writes in flight at once.
        most_waiting: operations that may wait.
        last_seen: remembers busy stores; None for one of the usual size.

    Attributes:
        outcomes: how many operations of each kind ended as what (see `outcome_of`), so far.
        on_written: called after each write, with the operations in it and the seconds it took.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        lanes: int = LANES,
        most_waiting: int = MOST_WAITING,
        last_seen: LastSeen | None = None,
    ) -> None:
        self._stores = stores
        self._last_seen = LastSeen() if last_seen is None else last_seen
        self._sweeper = Sweeper(stores)
        self.outcomes: Counter[tuple[OperationKind, str]] = Counter()
        self.on_written: Callable[[int, float], None] = lambda operations, seconds: None
        self._most_waiting = most_waiting
        self._waiting = 0
        self._taken = 0
        self._queues: dict[str, StoreQueue] = {}
        self._ready: deque[StoreQueue] = deque()
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
            queue = StoreQueue(operation.store_id, seen=self._last_seen.recall(operation.store_id))
            self._queues[operation.store_id] = queue
            self._ready.append(queue)
            if self._free_lanes:
                self._open_lane()
        queue.waiting.append(Waiting(operation, answer))
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

    def _take_share(self) -> Sequence[StoreQueue]:
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

    def _put_away(self, queue: StoreQueue) -> None:
        del self._queues[queue.store_id]
        if queue.seen is None:
            self._last_seen.forget(queue.store_id)
        else:
            self._last_seen.remember(queue.store_id, queue.seen)

    async def _write(self, queues: Sequence[StoreQueue]) -> None:
        """Decide a batch of each store, write them together, read them together, and answer."""
        began = perf_counter()
        for queue in queues:
            self._take_off(queue)
        verdicts, readings = await self._write_changes(queues)
        unread = [queue for queue in queues if queue.store_id not in readings]
        for queue in unread:
            if verdicts.get(queue.store_id) is Written.UNFIT:
                # What is wrong with the document may be anywhere in it.
                queue.flight.wanted = None
        for whole in (True, False):
            readings |= await self._read(
                [queue for queue in unread if (queue.flight.wanted is None) is whole], verdicts
            )
        self.on_written(sum(len(queue.flight.batch) for queue in queues), perf_counter() - began)
        for queue in queues:
            self._settle(queue, verdicts.get(queue.store_id), readings.get(queue.store_id))

    def _take_off(self, queue: StoreQueue) -> None:
        queue.take_off()

    async def _write_changes(self, queues: Sequence[StoreQueue]) -> tuple[Verdicts, Readings]:
        changes = [
            queue.flight.decision.change for queue in queues if queue.flight.decision.change is not None
        ]
        if len(queues) == 1 and changes:
            return await round_trip.write_one(self._stores, changes[0], queues[0].flight.wanted)
        return await round_trip.write_many(self._stores, changes)

    async def _read(self, queues: Sequence[StoreQueue], verdicts: Verdicts) -> Readings:
        """Read stores that are all wanted whole, or all in part; what was not written needs no reading."""
        store_ids = [queue.store_id for queue in queues if verdicts.get(queue.store_id) not in _SILENT]
        wanted = (
            frozenset[str]().union(*(queue.flight.wanted or () for queue in queues))
            if queues and queues[0].flight.wanted is not None
            else None
        )
        return await round_trip.read(self._stores, store_ids, wanted)

    def _settle(self, queue: StoreQueue, written: Written | None, reading: Reading) -> None:
        whole = queue.flight.wanted is None
        queue.learn(written, reading)
        if isinstance(reading, dict) and queue.seen is not None:
            # What is not in the document needs no sweep.
            self._sweeper.note(queue.store_id, reading, complete=whole)
        for waiting, answer in queue.land(written, reading):
            self._resolve(waiting, answer)

    def _resolve(self, waiting: Waiting, answer: Answer) -> None:
        self._waiting -= 1
        self.outcomes[waiting.operation.kind, outcome_of(answer)] += 1
        # Who went away has cancelled the future; the operation went on without them.
        if not waiting.answer.done():
            waiting.answer.set_result(answer)

    def _give_up(self, queues: Sequence[StoreQueue], error: Exception) -> None:
        """Answer whoever has no answer yet with the truth: nobody knows."""
        log.error("A write failed by our fault", extra={"action": "fault", "error": type(error).__name__})
        for queue in queues:
            for waiting in queue.abandon():
                self._resolve(waiting, OutcomeUnknown())
