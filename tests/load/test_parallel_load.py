"""The owner's load test: after a large parallel load of demand and supply, every unit is accounted for."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from bench.load.http_client import Connection
from tests.support.listening import Socket, listening
from tests.support.programs import begun
from tests.support.service import ROOT, Service, environment

CLIENTS = 200
OPERATIONS = 20_000
STORES = [f"store-{number}" for number in range(5)]
ITEMS = [f"item-{number}" for number in range(20)]

Balance = dict[str, Counter[str]]


def random_request(source: random.Random) -> tuple[str, str, dict[str, int], bytes]:
    """Give a store, a path, what it adds to each item, and the body that asks for it."""
    store_id = source.choice(STORES)
    operation = source.choice(("demand", "demand", "demand", "supply", "supply"))
    sign = 1 if operation == "supply" else -1
    count = 1 if source.random() < 0.5 else source.randint(1, 6)
    lines = [(source.choice(ITEMS), source.randint(1, 7)) for _ in range(count)]
    net: Counter[str] = Counter()
    for item_id, quantity in lines:
        net[item_id] += sign * quantity
    members = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in lines]
    if count == 1:
        return store_id, "", dict(net), json.dumps({"operation": operation, **members[0]}).encode()
    return store_id, "/group_op", dict(net), json.dumps({"operation": operation, "items": members}).encode()


async def run_client(url: str, number: int, balance: Balance, statuses: Counter[int]) -> None:
    source = random.Random(number)
    connection = Connection(url)
    for _ in range(OPERATIONS // CLIENTS):
        store_id, path, net, body = random_request(source)
        minimal = {"Prefer": "return=minimal"} if source.random() < 0.3 else {}
        answer = await connection.request("POST", f"/stores/{store_id}{path}", body, minimal)
        statuses[answer.status] += 1
        assert answer.status in (200, 409), answer
        quantities = [line["quantity"] for line in json.loads(answer.body).get("store", {}).get("report", [])]
        assert min(quantities, default=0) >= 0
        if answer.status == 200:
            balance[store_id].update(net)
    connection.close()


async def follow(socket: Socket, last: dict[str, dict[str, int]]) -> None:
    while True:
        report = await socket.report()
        assert min(report.items.values(), default=1) > 0
        last[report.store_id] = report.items


def left(items: Mapping[str, int], balance: Mapping[str, int]) -> dict[str, int]:
    found = {item_id: quantity + balance.get(item_id, 0) for item_id, quantity in items.items()}
    return {item_id: quantity for item_id, quantity in found.items() if quantity}


async def until_all_have_seen(
    wanted: dict[str, dict[str, int]],
    seen: list[dict[str, dict[str, int]]],
    following: list[asyncio.Task[None]],
) -> None:
    """Wait until the last frame of every store that every socket had is how the store stands."""
    async with asyncio.timeout(10):
        while not all(
            last and all(wanted[store_id] == items for store_id, items in last.items()) for last in seen
        ):
            assert not any(task.done() for task in following)
            await asyncio.sleep(0.02)
    assert sum(map(len, seen)) == 4 * len(STORES)


@pytest.mark.load
async def test_every_unit_is_accounted_for(mongo_url: str, tmp_path: Path) -> None:
    database = f"test_{uuid4().hex}"
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": database, "WORKERS": "2"}
    source = random.Random(1)
    initial = {store_id: {item_id: source.randint(0, 60) for item_id in ITEMS} for store_id in STORES}
    balance: Balance = {store_id: Counter() for store_id in STORES}
    statuses: Counter[int] = Counter()
    seen: list[dict[str, dict[str, int]]] = []
    with MongoClient[dict[str, Any]](mongo_url) as mongo, Service(tmp_path, settings) as service:
        service.wait_until_ready()
        stores = mongo[database]["stores"]
        stores.insert_many({"_id": store_id, "items": items} for store_id, items in initial.items())
        async with AsyncExitStack() as opened:
            following = []
            # Two for each: they are spread over both workers.
            for store_id in [*STORES, None] * 2:
                socket = await opened.enter_async_context(listening(service, store_id))
                seen.append({})
                following.append(asyncio.create_task(follow(socket, seen[-1])))
            foreign = await asyncio.create_subprocess_exec(
                *begun(sys.executable, "-m", "tests.load.foreign_program", mongo_url, database),
                ",".join(STORES),
                ",".join(ITEMS),
                cwd=ROOT,
                env=environment({}),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert foreign.stdout is not None
            assert (await foreign.stdout.readline()) == b"writing\n"
            began = time.monotonic()
            clients = [run_client(service.url, number, balance, statuses) for number in range(CLIENTS)]
            await asyncio.gather(*clients)
            took = time.monotonic() - began
            said, _ = await foreign.communicate(b"")
            for store_id, net in json.loads(said).items():
                balance[store_id].update(net)
            wanted = {store_id: left(initial[store_id], balance[store_id]) for store_id in STORES}
            held = {document["_id"]: left(document["items"], {}) for document in stores.find()}
            assert held == wanted
            await until_all_have_seen(wanted, seen, following)
            for task in following:
                task.cancel()
        assert [line for line in service.log() if line["action"] == "fault"] == []
    with MongoClient[dict[str, Any]](mongo_url) as mongo:
        mongo.drop_database(database)
    assert sum(statuses.values()) == OPERATIONS
    assert min(statuses[200], statuses[409]) > OPERATIONS // 20
    rate = f"{OPERATIONS} operations in {took:.1f} s, {OPERATIONS / took:,.0f} a second"
    sys.stdout.write(f"\n{rate}: {dict(statuses)}\n")
