"""A service that starts before MongoDB does, and one whose MongoDB dies under it, come good by themselves."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from pymongo import MongoClient

from store_api.embedded import EmbeddedMongo
from tests.support.listening import Report, apply_changes, listening, read_report
from tests.support.mongod import found_mongod, free_port, wait_until
from tests.support.service import Service, new_store_id
from tests.support.supplier import Supplier, nothing_is_lost

PASSWORD = "p4ssw0rd-that-nobody-may-see"  # noqa: S105
BODY = "b0dy-that-nobody-may-see"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
LINE = {"item_id": BODY, "quantity": 1}
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/stores", None),
    ("GET", "/stores/north", None),
    ("GET", "/stores/north/xlsx_report", None),
    ("POST", "/stores/north", {"operation": "supply", **LINE}),
    ("POST", "/stores/north", {"operation": "demand", **LINE}),
    ("POST", "/stores/north/group_op", {"operation": "supply", "items": [LINE]}),
    ("POST", "/stores/north/clean", None),
    ("GET", "/ws/stores", None),
    ("GET", "/ws/stores/north?snapshot=true", None),
]
WRONG_CALLS: list[tuple[str, str, Any]] = [
    ("POST", "/stores/north", {"operation": BODY, **LINE}),
    ("POST", "/stores/north", {"operation": "supply", "item_id": BODY, "quantity": BODY}),
    ("POST", "/stores/north/group_op", {BODY: BODY}),
    ("PUT", "/stores/north", {BODY: BODY}),
    ("POST", "/nowhere", {BODY: BODY}),
]


class Mongo:
    """The service's own MongoDB, which asks for a password."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._mongo = EmbeddedMongo(folder, self.port, found_mongod())

    @property
    def url(self) -> str:
        return f"mongodb://store_api:{PASSWORD}@127.0.0.1:{self.port}/?replicaSet=rs0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self._mongo.start()

    def let_the_service_in(self) -> None:
        with MongoClient[dict[str, Any]](self._mongo.url) as client:
            client.admin.command("createUser", "store_api", pwd=PASSWORD, roles=["root"])

    def kill(self) -> None:
        os.kill(int((self._folder / "db" / "mongod.lock").read_text()), signal.SIGKILL)
        self._mongo.stop()

    def items_of(self, store_id: str) -> dict[str, int]:
        with MongoClient[dict[str, Any]](self._mongo.url) as client:
            store = client["store_api"]["stores"].find_one({"_id": store_id})
        assert store is not None
        items: dict[str, int] = store["items"]
        return items


@dataclass
class World:
    """A service that was started without MongoDB, what it answered then, and the MongoDB that came later."""

    service: Service
    mongo: Mongo
    readiness: tuple[int, int]
    answers: list[tuple[httpx.Response, float]]
    wrong_answers: list[httpx.Response]


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    headers = UPGRADE if path.startswith("/ws") else None
    answer = await client.request(method, path, json=body, headers=headers)
    return answer, time.monotonic() - began


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    mongo = Mongo(tmp_path_factory.mktemp("mongo"))
    with Service(tmp_path_factory.mktemp("service"), {"MONGO_URL": mongo.url}) as service:
        wait_until(lambda: service.readiness() != 0, "the port is open")
        async with service.client() as client:
            alive = (await client.get("/health/live")).status_code
            answers = await asyncio.gather(*(ask(client, *call) for call in CALLS))
            wrong_answers = [answer for answer, _ in [await ask(client, *call) for call in WRONG_CALLS]]
        wait_until(lambda: bool(service.log("stream_failed")), "it has said that it found nobody")
        readiness = (service.readiness(), alive)
        with mongo:
            mongo.let_the_service_in()
            service.wait_until_ready()
            yield World(service, mongo, readiness, answers, wrong_answers)
            service.stop()


def test_the_port_opens_without_mongodb_and_says_that_the_service_is_not_ready(world: World) -> None:
    assert world.readiness == (503, 200)


def test_without_mongodb_every_operation_is_soon_a_503_that_says_when_to_try_again(world: World) -> None:
    for answer, seconds in world.answers:
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["outcome"] == "not applied"
        assert seconds < 6


def test_without_mongodb_what_is_wrong_is_still_told(world: World) -> None:
    assert [answer.status_code for answer in world.wrong_answers] == [422, 422, 422, 405, 404]


def test_a_failing_service_logs_neither_passwords_nor_bodies_nor_traces(world: World) -> None:
    said = world.service.output + world.service.complaints
    for secret in (PASSWORD, BODY, "Traceback"):
        assert secret not in said
    lines = world.service.log()
    assert lines
    assert all(line["action"] and line["at"] and line["level"] and line["message"] for line in lines)


async def test_when_mongodb_comes_everything_comes_good_without_a_restart(world: World) -> None:
    store_id = new_store_id()
    async with world.service.client() as client, listening(world.service, store_id) as socket:
        answer = await client.post(f"/stores/{store_id}", json={"operation": "supply", **LINE})
        assert answer.status_code == 200
        assert await socket.report() == read_report(answer.content) == Report(store_id, {BODY: 1})


async def test_when_mongodb_is_killed_nothing_acknowledged_is_lost_and_every_socket_ends_on_the_truth(
    world: World,
) -> None:
    store_id = new_store_id()
    async with (
        listening(world.service, store_id) as one,
        listening(world.service, store_id, snapshot=True) as other,
        listening(world.service, None) as every,
        listening(world.service, store_id, snapshot=True, only_changes=True) as changes,
    ):
        suppliers = [Supplier(world.service, store_id, name) for name in "abcde"]
        await asyncio.gather(*(supplier.after(10) for supplier in suppliers))
        await asyncio.to_thread(world.mongo.kill)
        await asyncio.to_thread(world.mongo.start)
        await asyncio.gather(*(supplier.after(10) for supplier in suppliers))
        await asyncio.gather(*(supplier.finish() for supplier in suppliers))
        items = world.mongo.items_of(store_id)
        for socket in (one, other, every):
            await socket.until(Report(store_id, items))
        stock: dict[str, int] = {}
        while stock != items:
            apply_changes(await changes.frame(), stock)
    nothing_is_lost(suppliers, items)
    assert world.service.readiness() == 200


def test_a_service_that_is_told_to_end_while_mongodb_is_away_ends_in_seconds(world: World) -> None:
    world.mongo.kill()
    began = time.monotonic()
    assert world.service.stop() == 0
    assert time.monotonic() - began < 8
    world.mongo.start()
    world.service.start()
    world.service.wait_until_ready()
