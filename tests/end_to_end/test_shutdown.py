"""A service that is told to end finishes what it was asked, lets its listeners go, and ends in seconds."""

import asyncio
import signal
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pymongo import MongoClient, UpdateOne

from bench.load.http_client import AnswerLost, Connection, ServiceUnreachable
from tests.support.listening import large_store, listening, never_reading
from tests.support.service import Service, new_store_id

CLIENTS = 20
SECONDS_TO_END = 8.0
"""On a machine that does much else; half of it is usual."""


class Load:
    """Clients that each supply an item of their own, piece by piece, until the service is gone."""

    def __init__(self, url: str, store_id: str) -> None:
        self.answered: Counter[str] = Counter()
        self.refused = 0
        self._path = f"/stores/{store_id}"
        self._clients = [asyncio.create_task(self._supply(url, f"item-{n}")) for n in range(CLIENTS)]

    async def _supply(self, url: str, item_id: str) -> None:
        connection = Connection(url)
        body = msgspec.json.encode({"operation": "supply", "item_id": item_id, "quantity": 1})
        try:
            while True:
                answer = await connection.request("POST", self._path, body)
                assert answer.status in (200, 503)
                self.answered[item_id] += answer.status == 200
        except ServiceUnreachable:
            self.refused += 1
        except AnswerLost as lost:
            lost.add_note(f"{url}, {item_id}, after {self.answered[item_id]} answers")
            raise

    async def until_every_client_was_answered(self) -> None:
        async with asyncio.timeout(10):
            while len(self.answered) < CLIENTS or min(self.answered.values()) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def finish(self) -> None:
        """Wait until every client was refused.

        Raises:
            AnswerLost: a request was sent and not answered.
        """
        await asyncio.gather(*self._clients)


async def be_told_to_end(
    service: Service, mongo: MongoClient[dict[str, Any]], number: signal.Signals, *, group: bool
) -> None:
    """Let a service be told so at its busiest, with every kind of client connected."""
    stores, store_id, large = mongo[service.database]["stores"], new_store_id(), new_store_id()
    stores.insert_one({"_id": large, "items": large_store()})
    idle = Connection(service.url)
    await idle.request("GET", "/health/live")
    async with listening(service, None) as socket, never_reading(service.port, large):
        stores.bulk_write([UpdateOne({"_id": large}, {"$inc": {"items.count": 1}})] * 150)
        load = Load(service.url, store_id)
        await load.until_every_client_was_answered()
        began = time.monotonic()
        service.tell(number, group=group)
        ended = asyncio.create_task(asyncio.to_thread(service.wait))
        assert await socket.closed() == 1001
        await load.finish()
        assert await ended == 0
        assert time.monotonic() - began < SECONDS_TO_END
    idle.close()
    store = stores.find_one({"_id": store_id})
    mongo.drop_database(service.database)
    assert store is not None
    assert store["items"] == load.answered
    assert load.refused == CLIENTS
    assert len(service.log("stopped")) == service.workers


@pytest.mark.parametrize(
    ("number", "group"), [(signal.SIGTERM, False), (signal.SIGINT, True)], ids=["SIGTERM", "Ctrl-C"]
)
async def test_what_was_asked_is_finished_and_every_listener_is_let_go(
    mongo_url: str,
    mongo: MongoClient[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    number: signal.Signals,
    group: bool,
) -> None:
    one, two = (
        Service(
            tmp_path_factory.mktemp("service"),
            {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "WORKERS": workers},
        )
        for workers in ("1", "2")
    )
    with one, two:
        for service in (one, two):
            service.wait_until_ready()
        await asyncio.gather(
            be_told_to_end(one, mongo, number, group=group), be_told_to_end(two, mongo, number, group=group)
        )
