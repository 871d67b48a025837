"""What the ledger costs and how fast it is read: catching up, delay, pages, the past, memory."""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bson import Int64
from pymongo import MongoClient, UpdateOne

from bench.contestants import running
from bench.histories import History, write_pages
from bench.load.crowd import children_of, memory_of
from bench.load.wrk import run_wrk
from bench.scenes import Scene, fill, scenes, write_requests
from bench.writes import SCRIPT
from store_api.embedded import EmbeddedMongo
from store_api.keeping.program import look_for_garbage_seldom
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import Keeper
from store_api.ledger.reconciling import Reconciler
from store_api.stock import Operation, OperationKind, said_of

PORT, MONGO_PORT = 8799, 27799
CAUGHT_UP = 100_000
STORES, ITEMS = 1_000, 20
REPEATS = 50
DAY_SECONDS = 86_400

Database = Any


def ledger_figures() -> Iterator[tuple[str, str]]:
    """Measure the ledger by itself, and as a service reads it."""
    yield "ledger: rows a second, the keeper alone, catching up", catching_up()
    yield from delay()
    yield from reading()
    yield from memory()


@contextmanager
def _mongo() -> Iterator[tuple[str, "MongoClient[dict[str, Any]]"]]:
    with (
        tempfile.TemporaryDirectory(prefix="store_api-bench-") as folder,
        EmbeddedMongo(Path(folder) / "mongo", MONGO_PORT) as mongo,
        MongoClient[dict[str, Any]](mongo.url) as client,
    ):
        yield mongo.url, client


def _fill(database: Database, stores: int, items: int) -> None:
    database.create_collection("stores")
    stock = {f"item-{number}": 10**6 for number in range(items)}
    for begin in range(0, stores, 1000):
        ids = range(begin, min(stores, begin + 1000))
        database.stores.insert_many([{"_id": f"store-{number}", "items": stock, "rev": 0} for number in ids])


def _write(database: Database, store_ids: list[str], items: int, count: int, source: random.Random) -> None:
    """Write operations as the service does, each alone, with what they say of themselves."""
    number = int(time.time() * 1000)
    updates: list[UpdateOne] = []
    for _ in range(count):
        number += 2
        store_id, item_id = source.choice(store_ids), f"item-{source.randrange(items)}"
        kind, quantity = source.choice(_KINDS), source.randint(1, 5)
        said = said_of("bench", number, [Operation(store_id, kind, {item_id: quantity})])
        increment = quantity if kind is OperationKind.SUPPLY else -quantity
        written = {"writers.bench": Int64(number), "last": said}
        updates.append(
            UpdateOne({"_id": store_id}, {"$inc": {f"items.{item_id}": increment, "rev": 1}, "$set": written})
        )
        if len(updates) == 1000:
            database.stores.bulk_write(updates)
            updates.clear()
    if updates:
        database.stores.bulk_write(updates)


_KINDS = (OperationKind.DEMAND, OperationKind.SUPPLY)


def catching_up() -> str:
    """Let a keeper add what was written while there was none."""
    with _mongo() as (_, client):
        database = client["ledger"]
        _fill(database, STORES, ITEMS)
        ledger = LedgerCollections(client, database.name)
        ledger.prepare()
        Reconciler(ledger).reconcile(None)
        ids = [f"store-{number}" for number in range(STORES)]
        _write(database, ids, ITEMS, CAUGHT_UP, random.Random(1))
        look_for_garbage_seldom()
        keeper = Keeper(ledger, random.random, time.time)
        began = time.perf_counter()
        asyncio.run(_catch_up(keeper, CAUGHT_UP))
        took = time.perf_counter() - began
        return f"{CAUGHT_UP / took:,.0f} ({CAUGHT_UP:,} changes of {STORES:,} stores in {took:.1f} s)"


async def _catch_up(keeper: Keeper, rows: int) -> None:
    running_keeper = asyncio.create_task(keeper.run())
    while keeper.counts["rows"] < rows and not running_keeper.done():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    keeper.stop()
    await running_keeper


def delay() -> Iterator[tuple[str, str]]:
    """Tell how long after its commit a change of another program has its row, while a service is loaded."""
    for name in ("hot store, 20 items", "1,000 stores of 20 items"):
        scene = next(scene for scene in scenes() if scene.name == name)
        with _mongo() as (url, client), tempfile.TemporaryDirectory() as folder:
            database = client["ledger"]
            fill(database)
            with running("store_api", PORT, {"MONGO_URL": url, "MONGO_DB": database.name}):
                _await_ledger(database)
                found = asyncio.run(_delays(database, scene, Path(folder) / "requests"))
            *_, p99 = quantiles(found, n=100)
            yield (
                f"ledger: from a commit to its row, {name}, 256 connections at the full rate",
                f"{median(found):.2f} s in the middle, {p99:.2f} s at most of 99 % ({len(found)} changes)",
            )


async def _delays(database: Database, scene: Scene, data: Path) -> list[float]:
    write_requests(scene, data, seed=1)
    loading = asyncio.create_task(
        asyncio.to_thread(run_wrk, f"http://127.0.0.1:{PORT}", SCRIPT, data, connections=256, seconds=12)
    )
    found: list[float] = []
    await asyncio.sleep(2)
    while not loading.done():
        number = len(found) + 1
        await asyncio.to_thread(database.stores.update_one, *_marked(number), upsert=True)
        began = time.perf_counter()
        row = {"_id.s": "marked", "rows.i": "mark", "rows.q": number}
        while not await asyncio.to_thread(database.movements.find_one, row, {"_id": 1}):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        found.append(time.perf_counter() - began)
    await loading
    return found


def _marked(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"_id": "marked"}, {"$set": {"items.mark": number}}


def _await_ledger(database: Database) -> None:
    """Wait until a ledger has been opened, or put right."""
    while not database["ledger_state"].find_one({"_id": "stream", "off": False, "reconciling": None}):
        time.sleep(0.05)


def reading() -> Iterator[tuple[str, str]]:
    """Read pages and reports of the past over HTTP, from a ledger of a year."""
    with _mongo() as (url, client):
        database = client["ledger"]
        database.create_collection("stores")
        ledger = LedgerCollections(client, database.name)
        now = int(time.time())
        history = History(ledger, begin=now - 300 * DAY_SECONDS)
        pages = write_pages(history, rows=10_000_000)
        history.store("old", items=13_247, rows=1_000_000, until=now - DAY_SECONDS - 60)
        history.store("young", items=13_247, rows=0, until=now - DAY_SECONDS - 60)
        for store_id in ("young", "old"):
            history.more(store_id, rows=100_000, until=now - 60)
        history.end()
        with running("store_api", PORT, {"MONGO_URL": url, "MONGO_DB": database.name}):
            _await_ledger(database)
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - DAY_SECONDS))
            for store_id, before in (("young", 0), ("old", 1_000_000)):
                yield (
                    f"ledger: the report of a day ago, 13,247 items, 100,000 rows since, {before:,} before",
                    _timed(partial(str, f"/stores/{store_id}?at={moment}")),
                )
            for what, path in pages.items():
                yield f"ledger: a page of 100 rows of 10 million, {what}", _timed(path)


def _timed(path: Callable[[], str]) -> str:
    connection = HTTPConnection("127.0.0.1", PORT, timeout=60)
    times = []
    for _ in range(REPEATS):
        asked = path()
        began = time.perf_counter()
        connection.request("GET", asked)
        response = connection.getresponse()
        body = response.read()
        times.append(time.perf_counter() - began)
        if response.status != 200:
            raise SystemExit(f"{asked}: {response.status} {body[:300]!r}")
    rows = len(json.loads(body).get("movements", ()))
    *_, p99 = quantiles(times, n=100)
    told = f", {rows} rows" if rows else ""
    return f"{median(times) * 1000:.1f} ms in the middle, {p99 * 1000:.1f} ms for 99 %{told}"


def memory() -> Iterator[tuple[str, str]]:
    """Tell how much memory a keeper needs that has seen a change of every store."""
    for stores, items in ((10_000, 20), (457, 1_500)):
        with _mongo() as (url, client):
            database = client["ledger"]
            _fill(database, stores, items)
            with running("store_api", PORT, {"MONGO_URL": url, "MONGO_DB": database.name}) as service:
                (keeper,) = _keepers(service.pid)
                at_rest = memory_of(keeper)
                for number in range(stores):
                    _write(database, [f"store-{number}"], items, 1, random.Random(number))
                database.stores.update_one(*_marked(1), upsert=True)
                while not database.movements.find_one({"_id.s": "marked"}, {"_id": 1}):
                    time.sleep(0.05)
                yield (
                    f"ledger: memory of the keeper, {stores:,} stores of {items:,} items, each changed",
                    f"{at_rest / 1e6:.0f} MB at rest, {memory_of(keeper) / 1e6:.0f} MB after it",
                )


def _keepers(parent: int) -> list[int]:
    """Wait for the keeper that a service starts."""
    while not (found := children_of(parent, "store_api.keeping.program")):
        time.sleep(0.05)
    return found
