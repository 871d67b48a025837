"""A thousand dashboards that come at once, and again after the service was killed, are served in seconds."""

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.support import open_files
from tests.support.service import Service, new_store_id

pytestmark = pytest.mark.load

SOCKETS = 1000
PROMISE_SECONDS = 20.0
"""Two or three on a quiet machine."""

ONE_AFTER_THE_OTHER_SECONDS = 0.05

TEXT = 1


class Dashboard:
    """One of very many: as little of a websocket as can be.

    Attributes:
        frames: the frames it got since it last connected.
    """

    def __init__(self, port: int, store_id: str) -> None:
        self.frames: list[bytes] = []
        self._port = port
        self._store_id = store_id
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Hang up."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(ONE_AFTER_THE_OTHER_SECONDS)

    async def _listen(self) -> None:
        reading, writing = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            self.frames = []
            writing.write(
                f"GET /ws/stores/{self._store_id}?snapshot=true HTTP/1.1\r\nHost: localhost\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            head = await reading.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.partition(b"\r\n")[0]:
                # MongoDB's change stream is not open yet, says the service; it will be.
                raise ConnectionError
            while True:
                opcode, length = await reading.readexactly(2)
                payload = await reading.readexactly(length)
                if opcode & 0x0F == TEXT:
                    self.frames.append(payload)
        finally:
            writing.close()


@pytest.fixture
def service(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    open_files.need(SOCKETS + 200)
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service


async def all_have(dashboards: list[Dashboard], frame: bytes) -> float:
    """Wait until this is everybody's newest frame, and give the seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(PROMISE_SECONDS):
        while not all(each.frames[-1:] == [frame] for each in dashboards):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return time.monotonic() - began


def frame_of(store_id: str, quantity: int) -> bytes:
    return b'{"store":{"store_id":"%s","report":[{"item_id":"a","quantity":%d}]}}' % (
        store_id.encode(),
        quantity,
    )


async def test_a_thousand_at_once_and_again_after_the_service_was_killed(
    service: Service, mongo_url: str
) -> None:
    store_id = new_store_id()
    with MongoClient[dict[str, Any]](mongo_url, w="majority", journal=True) as mongo:
        stores = mongo[service.database]["stores"]
        stores.insert_one({"_id": store_id, "items": {"a": 1}})
        dashboards = [Dashboard(service.port, store_id) for _ in range(SOCKETS)]
        joined = await all_have(dashboards, frame_of(store_id, 1))
        stores.update_one({"_id": store_id}, {"$inc": {"items.a": 1}})
        told = await all_have(dashboards, frame_of(store_id, 2))
        service.kill()
        for each in dashboards:
            each.frames.clear()
        await asyncio.to_thread(service.start)
        back = await all_have(dashboards, frame_of(store_id, 2))
        stores.update_one({"_id": store_id}, {"$inc": {"items.a": 1}})
        await all_have(dashboards, frame_of(store_id, 3))
        await asyncio.gather(*(each.stop() for each in dashboards))
        mongo.drop_database(service.database)
    sys.stdout.write(
        f"\n{SOCKETS} sockets: all joined in {joined:.2f} s, all told in {told:.2f} s,"
        f" all back {back:.2f} s after the service was killed and started again\n"
    )
