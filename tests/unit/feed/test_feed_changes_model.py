"""Whatever comes in whatever order: changes, applied one by one, make true reports, to the last one."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store_api.feed import feed
from store_api.feed import subscribers as queues
from store_api.stock import Report, Stock, StorePatterns
from tests.support.feed_world import BROKEN, BROKEN_TOLD, Ear, World, quantities, turns
from watchers.changes import StoreChange

pytestmark = pytest.mark.unwatched

STORES = ("a", "b")
ITEMS = ("chair", "table", "lamp")
WRITES = ("update", "update", "update", "sweep", "rev", "replace", "set whole", "delete")
MOVES = ("deliver", "deliver", "deliver", "turn", "answer", "answer old", "leave", "take", "take")
JOINS = ("join one", "join one", "join all", "join some")
FAULTS = ("fail", "gap", "break", "break as update", "half broken")

Steps = list[tuple[tuple[str, int], Stock]]
ABSENT_OR_SO_MANY = (None, None, None, 0, 1, 2)

# Drawn as a whole: Hypothesis takes longer to put dictionaries together than all else here takes.
some_items = st.sampled_from(
    [
        {item_id: number for item_id, number in zip(ids, numbers, strict=True) if number is not None}
        for ids in permutations(ITEMS)
        for numbers in product(ABSENT_OR_SO_MANY, repeat=len(ITEMS))
    ]
).map(dict)


def schedules(*actions: str) -> st.SearchStrategy[Steps]:
    step = st.tuples(st.sampled_from(list(product(actions, range(6)))), some_items)
    return st.lists(step, min_size=15, max_size=60)


@pytest.fixture(autouse=True, scope="module")
def _retries_come_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "RETRY_SECONDS", 0)
        yield


@dataclass(eq=False)
class Client:
    """Somebody who hears changes, applies them, and remembers what that made of each store."""

    ear: Ear
    twin: Ear
    stores: dict[str, Stock] = field(default_factory=lambda: defaultdict(dict))
    passed: list[tuple[str, Stock]] = field(default_factory=list)

    async def take(self, most: int = 10**6) -> None:
        """Take so many frames, if so many wait."""
        subscriber = self.ear.subscriber
        while subscriber is not None and subscriber.waiting and most:
            store_id, lines = quantities(await subscriber.next() or "")
            most -= 1
            if lines == BROKEN_TOLD:
                self.passed.append((store_id, lines))
                continue
            for item_id, quantity in lines.items():
                self.stores[store_id][item_id] = quantity
                if not quantity:
                    del self.stores[store_id][item_id]
            self.passed.append((store_id, dict(self.stores[store_id])))


class Play:
    """A world, and the clients that hear its changes; each has a twin that hears whole reports."""

    def __init__(self) -> None:
        self.world = World()
        self.clients: list[Client] = []

    async def run(self, steps: Steps) -> None:
        self.world.begin_afresh()
        await turns()
        for (action, number), items in steps:
            store_id = STORES[number % len(STORES)]
            if not self._write(action, store_id, items):
                await self._move(action, number, store_id)
        await self.world.settle()

    def _write(self, action: str, store_id: str, items: Stock) -> bool:
        now = self.world.past[-1].get(store_id)
        whole = now is not None and now["items"] != "nonsense"
        stock: Stock = now["items"] if now is not None and whole else {}
        match action:
            case "update" | "half broken" if whole:
                self.world.change(store_id, {"items": {**stock, **items}}, as_update=True)
                if action == "half broken":
                    # What is not understood comes last, when the rest could have been taken over.
                    self._tell_otherwise({"items.chair.legs": 4})
            case "sweep" if whole:
                self.world.change(store_id, {"items": Report.of("", stock).lines}, as_update=True)
            case "rev" if now is not None:
                self.world.change(store_id, now, as_update=whole)
            case "set whole" if now is not None:
                self.world.change(store_id, {"items": items}, as_update=True)
                self._tell_otherwise({"items": items}, instead=True)
            case "delete" if now is not None:
                self.world.change(store_id, None)
            case "update" | "replace":
                self.world.change(store_id, {"items": items})
            case "break" | "break as update":
                self.world.change(store_id, BROKEN, as_update=action != "break" and now is not None)
            case _:
                return action in WRITES or action == "half broken"
        return True

    def _tell_otherwise(self, updated: dict[str, object], *, instead: bool = False) -> None:
        told = self.world.changes[-1]
        before = {} if instead else told.updated
        removed = () if instead else told.removed
        self.world.changes[-1] = StoreChange(told.store_id, told.at, None, {**before, **updated}, removed)

    async def _move(self, action: str, number: int, store_id: str) -> None:
        world = self.world
        match action:
            case "deliver":
                world.deliver(1 + number % 3)
            case "turn":
                await turns(number)
            case "join one" | "join all" | "join some":
                key = store_id if action == "join one" else None
                only = StorePatterns.of([store_id]) if action == "join some" else None
                ear = world.join(key, snapshot=True, only_changes=True, only=only)
                self.clients.append(Client(ear, twin=world.join(key, snapshot=True, only=only)))
                await turns(number)
            case "leave" if self.clients:
                client = self.clients.pop(number % len(self.clients))
                world.leave(client.ear)
                world.leave(client.twin)
            case "take" if self.clients:
                await self.clients[number % len(self.clients)].take(1 + number // 2)
            case "answer" | "answer old" if world.readings:
                reading = world.readings[number % len(world.readings)]
                world.answer(reading, after=0 if action == "answer old" else None)
            case "fail" if world.readings:
                world.fail(world.readings[number % len(world.readings)])
            case "gap" if world.beginning is None:
                world.begin_afresh()

    def reports(self, store_id: str) -> list[Stock]:
        """All reports of a store so far."""
        found: list[Stock] = []
        for stores in self.world.past:
            items = stores.get(store_id, {}).get("items", {})
            found.append(BROKEN_TOLD if items == "nonsense" else dict(Report.of(store_id, items).lines))
        return found


@settings(max_examples=400, deadline=None)
@given(schedules(*WRITES, *MOVES, *JOINS, *FAULTS))
def test_changes_make_the_very_reports_that_others_are_sent_one_by_one(steps: Steps) -> None:
    async def run() -> None:
        play = Play()
        await play.run(steps)
        for client in play.clients:
            assert (client.ear.refusal is None) == (client.twin.refusal is None)
            if client.twin.subscriber is not None:
                await client.take()
                assert client.passed == await client.twin.frames()
        await play.world.end()

    asyncio.run(run())


@settings(max_examples=400, deadline=None)
@given(schedules(*WRITES, *MOVES, *JOINS, *FAULTS), st.integers(0, 3), st.integers(60, 300))
def test_who_falls_behind_passes_through_true_reports_and_ends_on_the_last(
    steps: Steps, most_frames: int, most_bytes: int
) -> None:
    async def run() -> None:
        play = Play()
        await play.run(steps)
        for client in play.clients:
            await client.take()
            assert all(client.ear.hears(whose) for whose, _ in client.passed)
            for store_id in filter(client.ear.hears, STORES):
                check_true(client, store_id, play.reports(store_id))
        await play.world.end()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "MOST_FRAMES", most_frames)
        patch.setattr(queues, "MOST_BYTES", most_bytes)
        asyncio.run(run())


def check_true(client: Client, store_id: str, known: list[Stock]) -> None:
    """No report is older than the one before, and the last is how the store stands."""
    position = 0
    reports = [report for whose, report in client.passed if whose == store_id]
    for report in reports:
        assert report in known[position:], "never was, or older than the one before"
        position = known.index(report, position)
    if client.ear.subscriber is None or client.ear.subscriber.is_broken:
        return
    if known[-1] == BROKEN_TOLD:
        assert reports[-1] == BROKEN_TOLD, "nobody said that it is broken"
    else:
        assert client.stores[store_id] == known[-1], "the last is not how the store stands"


@settings(max_examples=200, deadline=None)
@given(schedules(*WRITES, *MOVES, *JOINS), st.integers(0, 3))
def test_who_reads_the_store_after_joining_may_apply_to_that(steps: Steps, most_frames: int) -> None:
    """A reading may be newer than the first changes: they say how much there is, not how much more."""

    async def run() -> None:
        play = Play()
        await play.run([*steps, (("join one", 0), {})])
        silent = play.world.join("a", only_changes=True)
        await play.world.settle()
        client = Client(silent, silent)
        for number, ((action, _), items) in enumerate(steps):
            play._write(action, "a", items)
            if number == len(steps) // 2:
                client.stores["a"] = dict(play.reports("a")[-1] or {})
        play.world.deliver(len(steps))
        await client.take()
        assert client.stores["a"] == play.reports("a")[-1]
        await play.world.end()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "MOST_FRAMES", most_frames)
        asyncio.run(run())
