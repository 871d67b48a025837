"""Group commit: operations that come while a write is in flight go out together, and each has its own answer.

What is decided and answered: `decide.py`, `conclude.py`; who waits for a store: `store_queue.py`. A store is
in one write at a time, so that its operations keep their order; an idle service writes at once. Stores that
others hold (`held_stores.py`) or that are in doubt (`doubts.py`) wait apart; a slow lane is replaced.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter

from store_api.batches.decide import MOST_OPERATIONS
from store_api.batches.last_seen import LastSeen, Reading
from store_api.batches.numbers import Numbers
from store_api.claims import Claims
from store_api.commit import round_trip
from store_api.commit.doubts import Doubts
from store_api.commit.held_stores import HeldStores
from store_api.commit.keyed import KeyedOperations
from store_api.commit.lanes import LANES, Lanes
from store_api.commit.ports import PATIENCE_SECONDS, Stores
from store_api.commit.round_trip import Readings, Verdicts
from store_api.commit.store_queue import Queues, StoreQueue, Waiting
from store_api.commit.sweeper import Sweeper
from store_api.errors import OutcomeUnknown, Overloaded, StoreApiError
from store_api.stock import Answer, Operation, OperationKind, Replayed, Reply, Report, Written, outcome_of

log = logging.getLogger(__name__)

MOST_WAITING = 8192
"""Operations that may wait at once; more than that are turned away."""

QUIET_TURNS = 8
"""Turns of the event loop in a row without a newcomer, after which a lane that waits for more goes on."""


class Committer:
    """Takes operations and answers each of them, whatever becomes of the request that brought it.

    Args:
        stores: where changes are written.
        lanes, most_waiting: writes in flight at once, and operations that may wait.
        last_seen: remembers busy stores; None for one of the usual size.
        numbers: numbers the writes; None for the usual clock.
        claims: keeps the keys of operations; None where no operation has one.
        says: whether writes say what they are made of, for the ledger.

    Attributes:
        outcomes: how many operations of each kind ended as what (`outcome_of`).
        on_written: called after each write, with the operations in it and the seconds it took.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        lanes: int = LANES,
        most_waiting: int = MOST_WAITING,
        last_seen: LastSeen | None = None,
        numbers: Numbers | None = None,
        claims: Claims | None = None,
        says: bool = False,
    ) -> None:
        self._stores = stores
        self._numbers = Numbers() if numbers is None else numbers
        self._sweeper = Sweeper(stores, self._numbers)
        self.outcomes: Counter[tuple[OperationKind, str]] = Counter()
        self.on_written: Callable[[int, float], None] = lambda operations, seconds: None
        self._most_waiting = most_waiting
        self._waiting = 0
        self._taken = 0
        self._queues = Queues(LastSeen() if last_seen is None else last_seen, says=says)
        self._lanes = Lanes(lanes, self._write_together, self._gather)
        self._held = HeldStores(self._write_alone, self._take_back, self._resolve)
        self.keyed = KeyedOperations(claims, stores, self._numbers, self._resolve, self._join, self.answer)
        self.doubts = Doubts(self.keyed.settle, self._land)

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
        reply = await self.answer(operation)
        answer = reply.answer if isinstance(reply, Replayed) else reply
        if isinstance(answer, StoreApiError):
            raise answer
        return answer

    def answer(self, operation: Operation) -> asyncio.Future[Reply]:
        """Do what `submit` does, but give its errors as values: refusals are everyday answers."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if operation.key is not None and self.keyed.follow(operation, answer):
            return answer
        queue = self._queues.find(operation.store_id)
        # Those who wait for held stores take no room from the others.
        waiting = self._waiting - self._held.waiting
        if queue is not None and queue.held:
            waiting = self._held.waiting
        if waiting >= self._most_waiting:
            self.outcomes[operation.kind, Overloaded.slug] += 1
            answer.set_result(Overloaded())
            return answer
        self._waiting += 1
        waits = Waiting(operation, answer)
        self.keyed.begin(waits)
        self._join(waits)
        return answer

    def _join(self, waiting: Waiting) -> None:
        """Put an operation at the end of the queue of its store."""
        self._taken += 1
        store_id = waiting.operation.store_id
        queue = self._queues.find(store_id)
        if queue is None:
            queue = self._queues.begin(store_id)
            self._lanes.add(queue)
        queue.waiting.append(waiting)
        if queue.held:
            self._held.join(queue, waiting)

    async def close(self) -> None:
        """Wait until every operation taken has its answer."""
        await self._held.close()
        while self._waiting or len(self.doubts) or not (self._lanes.is_idle and self.keyed.is_idle):
            await self._lanes.close()
            await self.doubts.close()
            await self._held.close()
            await self.keyed.close()
        await self._sweeper.close()

    async def _write_together(self, queues: Sequence[StoreQueue]) -> None:
        """Write what waits for stores, and put each of them where it belongs after that."""
        verdicts = await self._write(queues, PATIENCE_SECONDS)
        for queue in queues:
            written = verdicts.get(queue.store_id)
            if written is Written.HELD:
                self._held.put(queue)
            elif written is Written.UNKNOWN:
                self.doubts.put(queue)
            elif queue.waiting:
                self._lanes.ready.append(queue)
            else:
                self._queues.put_away(queue)

    async def _gather(self) -> None:
        """Let those who were just answered join those who wait: one large batch beats two small ones.

        Without it two halves of the clients take turns, and each pays for a whole write.
        """
        quiet = 0
        while self._lanes.ready and quiet < QUIET_TURNS and self._waiting < MOST_OPERATIONS:
            before = self._taken
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._taken == before else 0

    async def _write(self, queues: Sequence[StoreQueue], patience: float) -> Verdicts:
        """Decide a batch of each store, write them together, read them together, and answer."""
        began = perf_counter()
        for queue in queues:
            self._take_off(queue)
        try:
            verdicts, readings = await round_trip.carry_claimed(self._stores, self.keyed, queues, patience)
            flown = [queue for queue in queues if queue.flight.batch]
            self.on_written(sum(len(queue.flight.batch) for queue in flown), perf_counter() - began)
            known = [queue for queue in flown if verdicts.get(queue.store_id) is not Written.UNKNOWN]
            await self._settle(known, verdicts, readings)
        except Exception as error:  # noqa: BLE001  (a fault of ours must leave nobody waiting)
            self._give_up(queues, error)
            return {}
        return verdicts

    async def _write_alone(self, queue: StoreQueue, patience: float) -> Written | None:
        return (await self._write([queue], patience)).get(queue.store_id)

    def _take_back(self, queue: StoreQueue) -> None:
        """Let a store that was held take part again, or find out what became of its latest try."""
        if queue.flight.batch:
            self.doubts.put(queue)
            return
        if queue.waiting:
            self._lanes.add(queue)
        else:
            self._queues.put_away(queue)

    def _take_off(self, queue: StoreQueue) -> None:
        queue.take_off(self._numbers.writer, self._numbers.next())

    async def _land(self, queue: StoreQueue, written: Written) -> None:
        """End a flight of which nobody knew where it went, and let its store take part again."""
        try:
            readings = await round_trip.read_after(self._stores, queue, written)
            await self._settle([queue], {queue.store_id: written}, readings)
        except Exception as error:  # noqa: BLE001  (a fault of ours must leave nobody waiting)
            self._give_up([queue], error)
        self._take_back(queue)

    async def _settle(self, queues: Sequence[StoreQueue], verdicts: Verdicts, readings: Readings) -> None:
        keyed: list[tuple[Waiting, Answer]] = []
        try:
            for queue in queues:
                landed = self._land_one(queue, verdicts.get(queue.store_id), readings.get(queue.store_id))
                for waiting, answer in landed:
                    if waiting.operation.key is None:
                        self._resolve(waiting, answer)
                    else:
                        keyed.append((waiting, answer))
        finally:
            if keyed:
                await self.keyed.keep(keyed)

    def _land_one(
        self, queue: StoreQueue, written: Written | None, reading: Reading
    ) -> list[tuple[Waiting, Answer]]:
        if queue.is_first and written is Written.APPLIED:
            self._sweeper.note_first(queue.store_id)
        queue.learn(written, reading)
        # What is not in the document needs no sweep.
        if isinstance(reading, dict) and queue.seen is not None:
            self._sweeper.note(queue.store_id, reading, complete=queue.flight.wanted is None)
        return queue.land(written, reading)

    def _resolve(self, waiting: Waiting, reply: Reply) -> None:
        self._waiting -= 1
        self.keyed.end(waiting, reply)
        self.outcomes[waiting.operation.kind, outcome_of(reply)] += 1
        # Who went away has cancelled the future; the operation went on without them.
        if not waiting.answer.done():
            waiting.answer.set_result(reply)

    def _give_up(self, queues: Sequence[StoreQueue], error: Exception) -> None:
        """Answer whoever has no answer yet with the truth: nobody knows."""
        log.error("A write failed by our fault", extra={"action": "fault", "error": type(error).__name__})
        for queue in queues:
            for waiting in queue.abandon():
                self._resolve(waiting, OutcomeUnknown())
