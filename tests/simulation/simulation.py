"""The real committer in a world of chance: one seed is one world, and always the same one."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from store_api.batches import decide, last_seen
from store_api.commit import committer, held_stores, lanes, store_queue, sweeper
from store_api.stock import Change, Operation, OperationKind, Reply
from store_api.storage.documents import ITEMS
from tests.simulation.conservation import check_books
from tests.simulation.evidence import Evidence
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import History, truth_of
from tests.simulation.invariants import Violation, check, require
from tests.simulation.scenery import Scenery, draw_nature, draw_scenery
from tests.simulation.virtual_time import NothingWillEverHappen, run
from tests.simulation.witness import Request, WatchedCommitter, Witness

_MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (committer, decide, lanes, last_seen, store_queue, sweeper)
}

LONGEST = 1000.0
"""What takes longer than this, in virtual seconds, never ends."""

BROKEN_ITEMS = ("gone", {"a": "many"}, {"a": -2}, {"a": 1.5}, None)


class Simulation:
    """One world, from its beginning to its end.

    Args:
        seed: which one.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.scenery: Scenery = draw_scenery(self.chance)
        self.history = History()
        self.repository = FakeRepository(self.history, draw_nature(self.chance))
        self.witness = Witness(self.history)
        for store_id, stock in self.scenery.initial.items():
            self.repository.put(store_id, {"_id": store_id, ITEMS: stock})

    def play(self) -> None:
        """Let everything happen, then judge it.

        Raises:
            Violation: what must never happen did.
        """
        with pytest.MonkeyPatch.context() as patch:
            for name, bound in self.scenery.bounds.items():
                module, _, constant = name.partition(".")
                patch.setattr(_MODULES[module], constant, bound)
            try:
                run(self._play())
            except (NothingWillEverHappen, TimeoutError) as never:
                waiting = [request.number for request in self.witness.requests if not request.answers]
                raise Violation(f"these wait for ever: {waiting}") from never
            check(Evidence.of(self.history, self.witness))
        self._check_books()

    async def _play(self) -> None:
        self.committer = WatchedCommitter(
            self.repository,
            self.witness,
            lanes=self.scenery.lanes,
            most_waiting=self.scenery.most_waiting,
            most_items=self.scenery.most_items,
        )
        async with asyncio.timeout(LONGEST):
            people = [self._be_client() for _ in range(self.scenery.clients)]
            await asyncio.gather(*people, self._be_others())
            self.witness.closing = asyncio.get_running_loop().time()
            await self.committer.close()
            await self.repository.await_late()
        require(self.committer.is_idle, "the committer is closed, and not idle")
        require(self.committer.free_lanes == self.scenery.lanes, "a lane was lost")
        most = self.scenery.lanes + held_stores.TRIES_AT_ONCE + lanes.MOST_SLOW
        require(self.repository.most_at_once <= most, "too many commands at once")
        require(len(asyncio.all_tasks()) == 1, "a task was left behind")

    async def _be_client(self) -> None:
        left = self.scenery.requests
        while left:
            burst = min(left, self.chance.randint(1, self.scenery.burst))
            left -= burst
            futures = [self._ask(self._draw_operation()) for _ in range(burst)]
            await asyncio.wait(futures)
            await asyncio.sleep(self.chance.random() * self.scenery.thinking)

    def _ask(self, operation: Operation) -> asyncio.Future[Reply]:
        request = self.witness.submitted(operation)
        request.turned_away = self.committer.is_full(operation.store_id)
        future = self.committer.answer(operation)
        if future.done():
            request.note_answer(future.result(), self.history.tick())
        future.add_done_callback(lambda done: self._receive(request, done))
        if self.chance.random() < self.scenery.leaves:
            asyncio.get_running_loop().call_later(self.chance.random() * 0.02, future.cancel)
        return future

    @staticmethod
    def _receive(request: Request, done: asyncio.Future[Reply]) -> None:
        if not done.cancelled():
            request.received.append(done.result())

    def _draw_operation(self) -> Operation:
        store_id = self.chance.choice(self.scenery.stores)
        minimal = self.chance.random() < self.scenery.minimal
        if self.chance.random() < self.scenery.cleans:
            return Operation(store_id, OperationKind.CLEAN, {}, minimal)
        supplies = self.chance.random() < self.scenery.supplies
        kind = OperationKind.SUPPLY if supplies else OperationKind.DEMAND
        return Operation(store_id, kind, self._draw_items(), minimal)

    def _draw_items(self) -> dict[str, int]:
        count = self.chance.randint(1, min(3, len(self.scenery.items)))
        items = self.chance.sample(self.scenery.items, count)
        return {item_id: self.chance.randint(1, self.scenery.largest) for item_id in items}

    async def _be_others(self) -> None:
        for _ in range(self.scenery.others):
            await asyncio.sleep(self.chance.random() * 0.05)
            store_id = self.chance.choice(self.scenery.stores)
            if self.chance.random() < self.scenery.destruction:
                self._destroy(store_id)
                continue
            items = self._draw_items()
            taken = {item_id: -quantity for item_id, quantity in items.items()}
            self.repository.change_by_another(
                self.chance.choice(
                    (Change(store_id, items, {}, creates=True), Change(store_id, taken, items))
                )
            )

    def _destroy(self, store_id: str) -> None:
        self.history.replaced.add(store_id)
        items = self.chance.choice((*BROKEN_ITEMS, self._draw_items()))
        self.repository.put(store_id, None if items is None else {"_id": store_id, ITEMS: items})

    def _check_books(self) -> None:
        emptied = {
            request.operation.store_id
            for request in self.witness.requests
            if request.operation.kind is OperationKind.CLEAN
        }
        for store_id in set(self.scenery.stores) - emptied - self.history.replaced:
            final = truth_of(self.repository.documents.get(store_id))
            require(final is None or isinstance(final, dict), f"{store_id} broke by itself")
            check_books(
                store_id,
                self.scenery.initial.get(store_id, {}),
                final if isinstance(final, dict) else {},
                self.witness.requests,
                self.history.others,
            )

    def story(self) -> Iterator[str]:
        """Tell what happened, in order."""
        happened = [
            (version.moment, f"{store_id} holds {version.document!r}")
            for store_id, versions in self.history.versions.items()
            for version in versions
        ]
        happened += [
            (fault.moment, f"{sorted(fault.store_ids)}: {fault.what}") for fault in self.history.faults
        ]
        happened += [(commit.moment, f"applied {commit.change}") for commit in self.history.commits]
        for request in self.witness.requests:
            happened.append((request.submitted, f"request {request.number} {request.operation}"))
            happened.append((request.answered, f"answer {request.number} {request.answers!r}"))
        for moment, what in sorted(happened):
            yield f"{moment:5} {what}"
