"""A service in full swing on a replica set of three: what is done to the set, and what is true after it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient, UpdateOne
from pymongo.errors import AutoReconnect

from tests.faults.ledger import Ledger
from tests.faults.watching import Follower, HealthProbe, until
from tests.faults.writers import ITEMS, RISING, ApiWriter, DirectWriter
from tests.support.listening import listening
from tests.support.mongod import ReplicaSetOfThree
from tests.support.service import Service, new_store_id

PROMISE_SECONDS = 5.0
"""How soon after a primary is there every socket has news again."""

ANSWER_SECONDS = 25.0
"""How long a writer's last operation may take: longer than the service's own deadline for commands."""

BUSY = 2
"""Stores that are written to."""

Mongo = MongoClient[dict[str, Any]]


@dataclass(frozen=True)
class World:
    """A replica set of three, and a service that uses it.

    Args:
        url: the set's, with whatever name and password it asks for.
    """

    members: ReplicaSetOfThree
    service: Service
    url: str

    def member(self, index: int) -> Mongo:
        """Connect to one member alone."""
        parts = urlsplit(self.url)
        name, _, _ = parts.netloc.rpartition("@")
        host = f"{self.members.addresses[index]}:{self.members.ports[index]}"
        return MongoClient(
            f"mongodb://{name + '@' if name else ''}{host}/?directConnection=true",
            w="majority",
            journal=True,
            timeoutMS=30_000,
        )

    @contextmanager
    def primary(self) -> Iterator[Mongo]:
        """Connect to the primary alone, once there is one."""
        with self.member(self.members.primary(30.0)) as mongo:
            yield mongo


@contextmanager
def world_of(
    members: ReplicaSetOfThree, folder: Path, url: str | None = None, **settings: str
) -> Iterator[World]:
    """Start a service on a replica set, and stop it; none of what it said may be a fault of ours."""
    url = url or members.url
    with Service(folder, {"MONGO_URL": url, **settings}) as service:
        service.wait_until_ready()
        yield World(members, service, url)
        pid = service.pid
        assert pid == service.pid
        assert service.stop() == 0
    said = [line["action"] for line in service.log()]
    assert not {"fault", "part_died"} & set(said)


@dataclass
class Scene:
    """Writers that write, dashboards that listen, and what they know."""

    world: World
    stores: list[str]
    ledger: Ledger
    followers: list[Follower] = field(default_factory=list)
    api: list[ApiWriter] = field(default_factory=list)
    direct: list[DirectWriter] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = HealthProbe(self.world.service)
        self._pid = self.world.service.pid
        self._said_before = len(self.world.service.log())
        self._began = time.monotonic()

    # The fault

    async def is_unready(self) -> None:
        """Wait until the service says that it is not ready."""
        await until(lambda: self.health.was_unready(self._began), lambda: "not ready", 10.0)

    async def in_full_swing(self) -> None:
        """Wait until everybody writes and listens, as the fault is to find it."""
        writers: list[ApiWriter | DirectWriter] = [*self.api, *self.direct]
        busy = [follower for follower in self.followers if follower.stores & set(self.stores[:BUSY])]
        written = [len(writer.acknowledged_at) + 5 for writer in writers]
        seen = [follower.frames + 5 for follower in busy]
        await until(
            lambda: (
                all(len(each.acknowledged_at) >= count for each, count in zip(writers, written, strict=True))
                and all(each.frames >= count for each, count in zip(busy, seen, strict=True))
                and self.health.is_ready
            ),
            lambda: "everybody writes and listens",
            20.0,
        )
        self._began = time.monotonic()

    def said(self, action: str) -> list[dict[str, Any]]:
        """Give the service's log lines of an action since the scene began."""
        return [line for line in self.world.service.log()[self._said_before :] if line["action"] == action]

    # What must be true after it

    async def has_news(self, fault: str, *, hangs: bool = False) -> None:
        """Assert that every socket has news, and the API writes, soon after a primary is there.

        Args:
            fault: what happened, for the printed figures.
            hangs: whether a member hangs. Another one that copied from it must give it up first, and only
                then is a write durable and news at all: the promise counts from there.
        """
        marker = f"marker-{len(self.figures)}"
        there = await asyncio.wait_for(self._marked_by_a_primary(marker), 30.0)
        marked = time.monotonic() - there
        await until(
            lambda: all(follower.has_seen(marker) for follower in self.followers),
            lambda: f"{self._blind_to(marker)} saw a write of {marked:.2f} s; {self.said('stream_failed')}",
            PROMISE_SECONDS if hangs else PROMISE_SECONDS - marked,
        )
        sockets = time.monotonic() - there
        await until(lambda: self._first_answer(there) is not None, lambda: "the API writes", ANSWER_SECONDS)
        answered = (self._first_answer(there) or there) - there
        await until(lambda: self.health.is_ready, lambda: "ready again", PROMISE_SECONDS)
        ready = max(0.0, self.health.readiness[-1][0] - there)
        self.figures.append(
            f"{fault}: primary there after {there - self._began:.2f} s; from then on {marked:.2f} s until a"
            f" write is durable, {sockets:.2f} s until all {len(self.followers)} sockets have news,"
            f" {answered:.2f} s until the API writes, {ready:.2f} s until ready"
        )

    async def comes_good(
        self, fault: str, *, afresh: bool | None, unready: bool = False, reset: bool = False
    ) -> None:
        """Assert everything that is promised, and print how long it took.

        Args:
            fault: what happened, for the printed figures.
            afresh: whether the stream had to begin afresh; else it had not; None: it never failed at all.
            unready: whether the service must have said meanwhile that it was not ready.
            reset: whether the stores themselves were set back.
        """
        await self.has_news(fault)
        await asyncio.wait_for(self._stop_writing(), ANSWER_SECONDS)
        truth = await self._ends_on_the_truth()
        opened = [line["afresh"] for line in self.said("stream_opened")]
        counted = f"{self.ledger.acknowledged} acknowledged, {self.ledger.unknown} unknown; afresh: {opened}"
        sys.stdout.write("\n" + "\n".join([*self.figures, counted]))
        self._check(truth, unready=unready, reset=reset)
        # Members that only hang may let the stream go on where it was, and then it is not opened at all.
        assert opened == [] if afresh is None else any(opened) is afresh, self.world.service.complaints

    async def _marked_by_a_primary(self, marker: str) -> float:
        """Write a marker to all stores; give when the primary that took it was there.

        A member that hung takes itself for the primary until it hears of another: that one does not count.
        """
        while True:
            primary = await asyncio.to_thread(self.world.members.primary, 30.0)
            there = time.monotonic()
            with suppress(AutoReconnect):
                await asyncio.to_thread(self._mark, primary, marker)
                return there

    def _mark(self, primary: int, marker: str) -> None:
        # The stores may have been dropped: whoever comes first creates them.
        change = {"$set": {f"items.{marker}": 1}}
        with self.world.member(primary) as mongo:
            mongo[self.world.service.database]["stores"].bulk_write(
                [UpdateOne({"_id": store_id}, change, upsert=True) for store_id in self.stores], ordered=False
            )
        for store_id in self.stores:
            self.ledger.applied(store_id, {marker: 1}, self.ledger.age)

    def _blind_to(self, marker: str) -> str:
        blind = [follower.name for follower in self.followers if not follower.has_seen(marker)]
        return f"{len(blind)} sockets ({', '.join(blind[:6])}) never"

    def _first_answer(self, since: float) -> float | None:
        began = [at for writer in self.api for at in writer.acknowledged_at if at >= since]
        return min(began, default=None)

    async def _stop_writing(self) -> None:
        writers: list[ApiWriter | DirectWriter] = [*self.api, *self.direct]
        await asyncio.gather(*(writer.finish() for writer in writers))

    async def _ends_on_the_truth(self) -> dict[str, dict[str, int]]:
        truth: dict[str, dict[str, int]] = {}
        with self.world.primary() as mongo:
            stores = mongo[self.world.service.database]["stores"]

            def all_know() -> bool:
                for document in stores.find({"_id": {"$in": self.stores}}):
                    truth[document["_id"]] = {name: left for name, left in document["items"].items() if left}
                return all(
                    follower.last[store_id] == truth[store_id]
                    for follower in self.followers
                    for store_id in follower.stores & truth.keys()
                )

            await until(all_know, lambda: f"all know {truth}", PROMISE_SECONDS)
        return truth

    def _check(self, truth: dict[str, dict[str, int]], *, unready: bool, reset: bool) -> None:
        assert truth.keys() == set(self.stores)
        wrong = {store_id: self.ledger.contradictions(store_id, items) for store_id, items in truth.items()}
        assert not any(wrong.values()), wrong
        assert [follower.closed for follower in self.followers] == [None] * len(self.followers)
        assert [surprise for writer in self.api for surprise in writer.surprises] == []
        assert self.world.service.pid == self._pid
        self.health.check()
        assert self.health.liveness == {200}
        assert self.health.was_unready(self._began) or not unready
        if not reset:
            assert [each for follower in self.followers for each in follower.set_back] == []


@asynccontextmanager
async def scene_of(world: World, *, many: int = 0) -> AsyncIterator[Scene]:
    """Set the scene: two stores that are written to and listened to, and `many` more that are listened to."""
    stores = [new_store_id() for _ in range(BUSY + many)]
    ledger = Ledger()
    await asyncio.to_thread(_found, world, stores, ledger)
    async with AsyncExitStack() as left:
        scene = Scene(world, stores, ledger)
        left.push_async_callback(scene.health.stop)
        listened = [[store_id] for store_id in (stores[0], *stores)]
        if not many:
            # With one that listens to all, the feed would read all stores at once.
            listened += [stores, stores]
        for number, heard in enumerate(listened):
            socket = await left.enter_async_context(
                listening(world.service, heard[0] if len(heard) == 1 else None, snapshot=number % 2 == 0)
            )
            follower = Follower(socket, f"socket {number} of {len(heard)} stores", frozenset(heard))
            scene.followers.append(follower)
            left.push_async_callback(follower.stop)
        busy = stores[:BUSY]
        scene.api += [ApiWriter(world.service.url, busy, ledger, seed) for seed in range(4)]
        scene.direct += [DirectWriter(world.url, world.service.database, busy, ledger) for _ in range(2)]
        left.push_async_callback(scene._stop_writing)
        yield scene


def _found(world: World, stores: list[str], ledger: Ledger) -> None:
    """Give each store so much that no demand is ever refused."""
    items = dict.fromkeys(ITEMS, 1_000_000)
    with world.primary() as mongo:
        mongo[world.service.database]["stores"].insert_many(
            [{"_id": store_id, "items": {RISING: 1, **items}} for store_id in stores]
        )
    for store_id in stores:
        ledger.applied(store_id, {RISING: 1, **items}, ledger.age)
