"""A world around a feed: stores that change, a change stream that lags, and reads that answer when told.

It stands in for MongoDB only in what the feed relies on: a read shows the stores as they were at one moment
between its question and its answer, and the stream brings every change in order, some time after it happened.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bson import Timestamp

from store_api.errors import DatabaseUnavailable, StoreApiError
from store_api.feed import Feed, Subscriber
from store_api.stock import StorePatterns
from store_api.storage.documents import Snapshot
from store_api.web.socket_writers import wire_of
from watchers.changes import StoreChange

BROKEN = {"items": "nonsense"}
"""A document that is no stock."""

BROKEN_TOLD = {"broken": -1}
"""What stands for the lines of a frame that tells that a store is broken."""

AN_EMPTY_STORE: dict[str, dict[str, int]] = {"items": {}}

Document = dict[str, Any]


def moment(number: int) -> Timestamp:
    """The time of the change of this number, from 1; 0 is before all."""
    return Timestamp(1 + number, 1)


async def turns(count: int = 12) -> None:
    """Let everything that can go on go on, a few steps far."""
    for _ in range(count):
        await asyncio.sleep(0)


def quantities(frame: str) -> tuple[str, dict[str, int]]:
    """Read a frame: whose report it is, and its lines."""
    told = json.loads(frame)
    if "broken" in told:
        return told["broken"]["store_id"], dict(BROKEN_TOLD)
    store = told["store"]
    return store["store_id"], {line["item_id"]: line["quantity"] for line in store["report"]}


@dataclass(eq=False)
class Reading:
    """A read that the feed waits for; None reads all stores.

    Args:
        asked_after: how many changes had happened when it was asked for.
    """

    store_id: str | None
    asked_after: int
    answer: "asyncio.Future[Snapshot]"


@dataclass(eq=False)
class Ear:
    """Somebody who listens, or tries to.

    Args:
        first_possible: the changes up to this number cannot be among its frames.
        first_certain: the changes after this number must be; known once it listens.
        only: of all stores, those that it may see; None is each.
    """

    store_id: str | None
    snapshot: bool
    only_changes: bool
    first_possible: int
    first_certain: int | None = None
    subscriber: Subscriber | None = None
    refusal: StoreApiError | None = None
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    only: StorePatterns | None = None

    def hears(self, store_id: str) -> bool:
        """Tell whether it is to be told of a store."""
        if self.store_id is not None:
            return store_id == self.store_id
        return self.only is None or store_id in self.only

    async def frames(self) -> list[tuple[str, dict[str, int]]]:
        """Take all frames that wait."""
        assert self.subscriber is not None
        found = []
        while self.subscriber.waiting:
            frame = await self.subscriber.next()
            assert frame is not None
            found.append(quantities(frame))
        return found


class World:
    """Stores, a stream and reads, moved by hand; the feed under test is `feed`."""

    def __init__(self) -> None:
        self.feed = Feed(self._read, wire_of)
        self.readings: list[Reading] = []
        self.ears: list[Ear] = []
        self.changes: list[StoreChange] = []
        self.past: list[dict[str, Document]] = [{}]
        self.delivered = 0
        self.gaps = 0
        self.beginning: asyncio.Task[None] | None = None
        self._tasks: dict[Ear, asyncio.Task[None]] = {}

    # The stores

    def change(self, store_id: str, document: Document | None, *, as_update: bool = False) -> None:
        """Make a document what is given (None: gone); an update tells it field by field."""
        at = moment(len(self.past))
        if document is None:
            change = StoreChange(store_id, at, deleted=True)
        elif as_update and document["items"] == "nonsense":
            change = StoreChange(store_id, at, updated=document)
        elif as_update:
            change = StoreChange(store_id, at, *self._update(store_id, document["items"]))
        else:
            change = StoreChange(store_id, at, document={"_id": store_id, **document})
        now = {name: found for name, found in self.past[-1].items() if name != store_id}
        if document is not None:
            now[store_id] = {"_id": store_id, **document}
        self.past.append(now)
        self.changes.append(change)

    def _update(self, store_id: str, now: dict[str, Any]) -> tuple[None, dict[str, Any], list[str]]:
        before = self.past[-1].get(store_id, AN_EMPTY_STORE)["items"]
        before = {} if before == "nonsense" else before
        updated = {f"items.{name}": value for name, value in now.items() if before.get(name) != value}
        return (
            None,
            {**updated, "rev": len(self.past)},
            [f"items.{name}" for name in before.keys() - now.keys()],
        )

    def deliver(self, count: int = 1) -> None:
        """Let the stream bring its next changes; it brings none while the feed begins afresh."""
        for change in self.changes[self.delivered : self.delivered + count]:
            if self.beginning is not None:
                return
            self.delivered += 1
            self.feed.take(change)

    def begin_afresh(self) -> None:
        """Break the stream: what was not delivered yet never will be, and the feed is told."""
        self.gaps += 1
        self.delivered = len(self.changes)
        self.beginning = asyncio.create_task(self._begin_afresh())

    async def _begin_afresh(self) -> None:
        while True:
            try:
                await self.feed.begin_afresh()
            except StoreApiError:
                self.gaps += 1
                self.delivered = len(self.changes)
            else:
                self.beginning = None
                return

    # The reads

    async def _read(self, store_id: str | None) -> Snapshot:
        reading = Reading(store_id, len(self.changes), asyncio.get_running_loop().create_future())
        self.readings.append(reading)
        return await reading.answer

    def answer(self, reading: Reading, *, after: int | None = None) -> None:
        """Answer a read with the stores as they were after so many changes; None is now."""
        self.readings.remove(reading)
        number = len(self.changes) if after is None else max(after, reading.asked_after)
        stores = self.past[number]
        if reading.store_id is not None:
            stores = {name: found for name, found in stores.items() if name == reading.store_id}
        if not reading.answer.done():
            reading.answer.set_result(Snapshot(stores, moment(number)))

    def fail(self, reading: Reading, error: Exception | None = None) -> None:
        """Let a read fail."""
        self.readings.remove(reading)
        if not reading.answer.done():
            reading.answer.set_exception(error or DatabaseUnavailable())

    # The subscribers

    def join(
        self,
        store_id: str | None,
        *,
        snapshot: bool = False,
        only_changes: bool = False,
        only: StorePatterns | None = None,
    ) -> Ear:
        """Let somebody begin to listen."""
        ear = Ear(store_id, snapshot, only_changes, self.delivered, only=only)
        self._tasks[ear] = asyncio.create_task(self._listen(ear))
        self.ears.append(ear)
        return ear

    async def _listen(self, ear: Ear) -> None:
        try:
            async with self.feed.listen(
                ear.store_id, snapshot=ear.snapshot, only_changes=ear.only_changes, only=ear.only
            ) as ear.subscriber:
                ear.first_certain = len(self.changes)
                await ear.leave.wait()
        except StoreApiError as error:
            ear.refusal = error

    def leave(self, ear: Ear) -> None:
        """Let somebody go away, listening already or not."""
        self.ears.remove(ear)
        ear.leave.set()
        if ear.subscriber is None:
            self._tasks[ear].cancel()

    async def settle(self) -> None:
        """Answer every read and deliver every change until nothing is left to come."""
        for _ in range(200):
            await turns()
            if not self.readings and self.beginning is None and self.delivered == len(self.changes):
                return
            for reading in list(self.readings):
                self.answer(reading)
            self.deliver(len(self.changes))
        raise AssertionError("the feed never comes to rest")

    async def end(self) -> None:
        """Let everybody go and see that nothing is left behind."""
        for ear in list(self.ears):
            self.leave(ear)
        await self.settle()
        for task in self._tasks.values():
            assert task.done()
            assert task.cancelled() or task.exception() is None
        assert len(self.feed.subscriptions) == 0
        self.begin_afresh()
        await turns()
        assert self.readings == [], "what nobody listens to is still held"


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """A world whose change stream is open; at the end everybody goes, and nothing may be left behind."""
    world = World()
    world.begin_afresh()
    await turns()
    yield world
    await world.end()


@asynccontextmanager
async def open_world_of_two() -> AsyncIterator[World]:
    """An open world of the stores `a` and `b`, of one chair each; its change stream told so already."""
    async with open_world() as world:
        for store_id in ("a", "b"):
            world.change(store_id, items(1))
        world.deliver(2)
        yield world


async def listening(
    world: World,
    store_id: str | None = "s",
    *,
    snapshot: bool = False,
    only_changes: bool = False,
    only: StorePatterns | None = None,
) -> Ear:
    """Somebody who listens already."""
    ear = world.join(store_id, snapshot=snapshot, only_changes=only_changes, only=only)
    await world.settle()
    return ear


def items(chairs: int) -> dict[str, dict[str, int]]:
    """A document of so many chairs."""
    return {"items": {"chair": chairs}}


async def told(ear: Ear) -> list[int | str | None]:
    """The chairs of each frame that waits; None where there are none, "broken" where the store is."""
    return ["broken" if lines == BROKEN_TOLD else lines.get("chair") for _, lines in await ear.frames()]
