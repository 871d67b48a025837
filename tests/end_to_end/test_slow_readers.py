"""A subscriber that does not read costs nobody else anything, and one that never reads is closed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from bson import Timestamp
from pymongo import UpdateOne
from sanic import Sanic

from store_api.feed import Feed, changes_subscriber
from store_api.feed import subscribers as queues
from store_api.gate.gate import OPEN_GATE
from store_api.http.progress import Connection
from store_api.storage.documents import Snapshot
from store_api.web import socket_writers as socket_writers
from store_api.web.fast_path import WholeRequest
from store_api.web.socket_writers import wire_of
from store_api.web.sockets import Sockets
from tests.end_to_end.conftest import Stores
from tests.support.listening import large_store, listening, never_reading
from tests.support.mongod import free_port
from tests.support.service import Service
from watchers.changes import StoreChange


async def test_a_reader_that_never_reads_costs_the_others_nothing(
    service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": large_store()})
    async with never_reading(service.port, store_id), listening(service, store_id) as reading:
        for before in range(0, 160, 20):
            stores.bulk_write([UpdateOne({"_id": store_id}, {"$inc": {"items.count": 1}})] * 20)
            counts = [(await reading.items())["count"] for _ in range(20)]
            assert counts == list(range(before + 1, before + 21))


async def test_a_reader_that_fell_behind_ends_on_the_newest_report(
    service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": large_store()})
    async with never_reading(service.port, store_id) as behind, listening(service, store_id) as reading:
        stores.bulk_write([UpdateOne({"_id": store_id}, {"$inc": {"items.count": 1}})] * 300)
        while (await reading.items())["count"] < 300:
            pass
        counts = [(await behind.items())["count"]]
        while counts[-1] < 300:
            counts.append((await behind.items())["count"])
        assert counts == sorted(set(counts))
        assert len(counts) < 300


class World:
    """One store, whose sockets are served in this process with less patience than usual."""

    def __init__(self, store_id: str, items: dict[str, int] | None = None) -> None:
        self.feed = Feed(self._read, wire_of)
        self.port = free_port()
        self._store_id = store_id
        self._items = items or large_store()
        self.count = 1

    async def _read(self, _: str | None) -> Snapshot:
        return Snapshot(
            {self._store_id: {"_id": self._store_id, "items": dict(self._items)}}, Timestamp(1, 1)
        )

    def change(self, times: int) -> None:
        for _ in range(times):
            self.count += 1
            at = Timestamp(1, self.count)
            self.feed.take(StoreChange(self._store_id, at, updated={"items.count": self.count}))

    @asynccontextmanager
    async def served(self, send_seconds: float, ping_seconds: float = 20) -> AsyncIterator[None]:
        await self.feed.begin_afresh()
        app = Sanic(f"slow_readers_{uuid4().hex}", request_class=WholeRequest, configure_logging=False)
        served = Sockets(self.feed, send_seconds=send_seconds, ping_seconds=ping_seconds)
        looking = asyncio.create_task(served.run())
        app.blueprint(served.blueprint(OPEN_GATE.guard))
        app.config.TOUCHUP = False
        app.config.update({"WEBSOCKET_PING_INTERVAL": None})
        app.enable_websocket()
        server = await app.create_server("127.0.0.1", self.port, protocol=Connection, access_log=False)
        assert server is not None
        await server.startup()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            looking.cancel()
            for connection in list(server.connections):
                connection.abort()
            await server.close()  # type: ignore[no-untyped-call]


async def test_a_reader_that_never_reads_is_closed_with_1013(store_id: str) -> None:
    world = World(store_id)
    async with (
        world.served(send_seconds=0.1),
        never_reading(world.port, store_id) as stuck,
        never_reading(world.port, store_id) as reading,
        asyncio.timeout(10),
    ):
        while len(world.feed.subscriptions) == 2:
            world.change(20)
            while (await reading.items())["count"] < world.count:
                pass
        assert await stuck.closed() == 1013
        world.change(1)
        assert (await reading.items())["count"] == world.count


async def test_who_would_need_more_changed_lines_than_are_kept_is_closed_with_1013(
    store_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_writers, "MOST_UNSENT", -1)
    monkeypatch.setattr(queues, "MOST_FRAMES", 1)
    monkeypatch.setattr(changes_subscriber, "MOST_MERGED_LINES", 1)
    world = World(store_id)
    async with world.served(10), never_reading(world.port, store_id, "?only=changes") as behind:
        for number in (1, 2):
            change = StoreChange(store_id, Timestamp(1, 1 + number), updated={f"items.new-{number}": 1})
            world.feed.take(change)
        assert await behind.closed() == 1013


async def shaken_hands(world: World, store_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a websocket by hand, which answers no ping and has little room for what comes."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    plug.connect(("127.0.0.1", world.port))
    reading, writing = await asyncio.open_connection(sock=plug, limit=1024)
    lines = (
        f"GET /ws/stores/{store_id} HTTP/1.1",
        "Host: test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    writing.write("\r\n".join((*lines, "", "")).encode())
    assert b" 101 " in await reading.readline()
    while len(world.feed.subscriptions) != 1:  # noqa: ASYNC110
        await asyncio.sleep(0)
    return reading, writing


async def test_a_connection_whose_other_end_is_gone_is_found_by_ping(store_id: str) -> None:
    world = World(store_id)
    async with world.served(10, ping_seconds=0.1), asyncio.timeout(10):
        reading, writing = await shaken_hands(world, store_id)
        # It says nothing more: no pong comes, as when its network is gone.
        await reading.read()
        while len(world.feed.subscriptions):  # noqa: ASYNC110
            await asyncio.sleep(0)
        writing.close()


MEGABYTE = 1024 * 1024


def huge_store() -> dict[str, int]:
    """Make up what is in a store whose frame is about 8 MB."""
    return {f"item-{number:060}": 1 for number in range(80_000)}


@pytest.mark.parametrize(
    ("send_seconds", "ping_seconds"), [(0.3, 20), (10, 0.2)], ids=["frames wait", "a ping waits"]
)
async def test_who_reads_large_frames_slowly_is_not_closed_as_long_as_it_reads(
    store_id: str, send_seconds: float, ping_seconds: float
) -> None:
    world = World(store_id, huge_store())
    async with world.served(send_seconds, ping_seconds), asyncio.timeout(60):
        reading, writing = await shaken_hands(world, store_id)
        world.change(2)
        waiting = 2 * 80_000 * 93
        while waiting > MEGABYTE:  # what is in this end's system already is nobody's to know
            assert len(world.feed.subscriptions) == 1
            waiting -= len(await reading.read(128 * 1024))
            await asyncio.sleep(0.01)
        writing.transport.abort()


async def test_one_who_pings_without_end_is_cut_off(store_id: str) -> None:
    world = World(store_id)
    ping = bytes((0x89, 0x80 | 125, 0, 0, 0, 0)) + b"x" * 125
    async with world.served(10), asyncio.timeout(10):
        _, writing = await shaken_hands(world, store_id)
        with suppress(ConnectionError):
            while len(world.feed.subscriptions):
                writing.write(ping * 1000)
                await writing.drain()
        while len(world.feed.subscriptions):  # noqa: ASYNC110
            await asyncio.sleep(0)
        writing.close()
