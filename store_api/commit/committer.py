"""Group commit: operations that come while a write is in flight go out together, and each has its own answer.

What is decided and answered is said in `decide.py` and `conclude.py`, and who waits for a store in
`store_queue.py`; here are the lanes, and which stores share a write. A store is in one write at a time, so
that its operations keep their order; an idle service writes at once, with no timer. Stores that a
transaction of another program holds are in no lane, see `held_stores.py`; a lane whose write is slow is
replaced by another.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from time import perf_counter

from store_api.batches.decide import MOST_OPERATIONS
from store_api.batches.last_seen import LastSeen, Reading
from store_api.commit import round_trip
from store_api.commit.held_stores import HeldStores
from store_api.commit.ports import PATIENCE_SECONDS, Stores
from store_api.commit.round_trip import Pace, Verdicts
from store_api.commit.store_queue import StoreQueue, Waiting
from store_api.commit.sweeper import Sweeper
from store_api.errors import OutcomeUnknown, Overloaded, StoreApiError, StoreHeld
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
        self._pace = Pace(on_slow=self._replace_lane)
        self._held = HeldStores(self._write_alone, self._take_back, self._turn_away)

    @property
    def held_stores(self) -> int:
        """How many stores a transaction of another program holds right now."""
        return len(self._held)

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
        queue = self._queues.get(operation.store_id)
        # Those who wait for held stores take no room from the others.
        waiting = self._waiting - self._held.waiting
        if queue is not None and queue.held:
            waiting = self._held.waiting
        if waiting >= self._most_waiting:
            self.outcomes[operation.kind, Overloaded.slug] += 1
            answer.set_result(Overloaded())
            return answer
        self._waiting += 1
        self._taken += 1
        if queue is None:
            queue = StoreQueue(operation.store_id, seen=self._last_seen.recall(operation.store_id))
            self._queues[operation.store_id] = queue
            self._ready.append(queue)
            if self._free_lanes:
                self._open_lane()
        waits = Waiting(operation, answer)
        queue.waiting.append(waits)
        if queue.held:
            self._held.join(queue, waits)
        return answer

    async def close(self) -> None:
        """Wait until every operation taken has its answer."""
        await self._held.close()
        while self._lanes:
            await asyncio.wait(self._lanes)
            await self._held.close()
        await self._sweeper.close()

    def _open_lane(self) -> None:
        self._free_lanes -= 1
        lane = asyncio.create_task(self._run_lane())
        self._lanes.add(lane)
        lane.add_done_callback(self._lanes.discard)

    async def _run_lane(self) -> None:
        is_replaced = False
        while self._ready and not is_replaced:
            queues = self._take_share()
            with self._pace.watching() as watch:
                verdicts = await self._write(queues, PATIENCE_SECONDS)
            is_replaced = watch.is_slow
            for queue in queues:
                if verdicts.get(queue.store_id) is Written.HELD:
                    self._held.put(queue)
                elif queue.waiting:
                    self._ready.append(queue)
                else:
                    self._put_away(queue)
            if not is_replaced:
                await self._gather()
        if not is_replaced:
            self._free_lanes += 1
        elif self._ready and self._free_lanes:
            self._open_lane()

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

    async def _write(self, queues: Sequence[StoreQueue], patience: float) -> Verdicts:
        """Decide a batch of each store, write them together, read them together, and answer."""
        began = perf_counter()
        for queue in queues:
            self._take_off(queue)
        try:
            verdicts, readings = await round_trip.carry(self._stores, queues, patience)
            self.on_written(sum(len(queue.flight.batch) for queue in queues), perf_counter() - began)
            for queue in queues:
                self._settle(queue, verdicts.get(queue.store_id), readings.get(queue.store_id))
        except Exception as error:  # noqa: BLE001  (a fault of ours must leave nobody waiting)
            self._give_up(queues, error)
            return {}
        return verdicts

    async def _write_alone(self, queue: StoreQueue, patience: float) -> Written | None:
        return (await self._write([queue], patience)).get(queue.store_id)

    def _take_back(self, queue: StoreQueue) -> None:
        """Let a store that was held take part again."""
        if not queue.waiting:
            self._put_away(queue)
            return
        self._ready.append(queue)
        if self._free_lanes:
            self._open_lane()

    def _replace_lane(self) -> None:
        """Let another lane begin in the place of one whose write is slow."""
        self._free_lanes += 1
        if self._ready:
            self._open_lane()

    def _turn_away(self, waited: Sequence[Waiting]) -> None:
        for waiting in waited:
            self._resolve(waiting, StoreHeld())

    def _take_off(self, queue: StoreQueue) -> None:
        queue.take_off()

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
