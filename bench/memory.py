"""How much memory the service needs under load, and how that grows with items and with stores."""

import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from pymongo import MongoClient

from bench.contestants import running
from bench.load.crowd import memory_of
from bench.load.wrk import run_wrk
from bench.scenes import PLENTY, Scene, Sent, write_requests
from bench.writes import SCRIPT
from store_api.embedded import EmbeddedMongo
from store_api.storage.documents import VALIDATOR

PORT, MONGO_PORT = 8795, 27795
CONNECTIONS, SECONDS = 256, 4
POLL_SECONDS = 0.02
REQUESTS = 20_000
ITEMS = (20, 500, 13_247)
STORES = (1, 1000, 10_000)
"""Each of 20 items."""


def memory_growth() -> Iterator[tuple[str, str]]:
    """Measure a service of its own for each scene, so that none inherits another's memory."""
    with (
        tempfile.TemporaryDirectory(prefix="store_api-bench-") as folder,
        EmbeddedMongo(Path(folder) / "mongo", MONGO_PORT) as mongo,
        MongoClient[dict[str, Any]](mongo.url) as client,
    ):
        _fill(client)
        for items in ITEMS:
            for prefer in ("return=minimal", ""):
                answers = "minimal" if prefer else "full"
                scene = Scene("", (), _requests([f"items-{items}"], items, prefer), 0)
                yield f"1 store of {items:,} items, {answers} answers", _grow(scene, mongo.url, Path(folder))
        for stores in STORES:
            scene = Scene("", (), _requests([f"store-{n}" for n in range(stores)], 20, ""), 0)
            yield (
                f"{stores:,} store{'s' * (stores > 1)} of 20 items, full answers",
                _grow(scene, mongo.url, Path(folder)),
            )


def _fill(client: MongoClient[dict[str, Any]]) -> None:
    stores = client["memory"].create_collection("stores", validator=VALIDATOR)
    stores.insert_many([_store(f"items-{items}", items) for items in ITEMS])
    stores.insert_many([_store(f"store-{number}", 20) for number in range(max(STORES))])


def _store(store_id: str, items: int) -> dict[str, Any]:
    return {"_id": store_id, "items": {f"item-{number}": PLENTY for number in range(items)}, "rev": 0}


def _requests(store_ids: list[str], items: int, prefer: str) -> Callable[[random.Random], Iterator[Sent]]:
    def requests(source: random.Random) -> Iterator[Sent]:
        for _ in range(REQUESTS):
            body = {
                "operation": source.choice(("demand", "supply")),
                "item_id": f"item-{source.randrange(items)}",
                "quantity": source.randint(1, 5),
            }
            yield f"/stores/{source.choice(store_ids)}", prefer, msgspec.json.encode(body)

    return requests


def _grow(scene: Scene, mongo_url: str, folder: Path) -> str:
    """Load a service, and tell how much memory it needed before, at most, and how fast it was."""
    data = folder / "requests"
    write_requests(scene, data, seed=1)
    with running("store_api", PORT, {"MONGO_URL": mongo_url, "MONGO_DB": "memory"}) as service:
        before = most = memory_of(service.pid)
        is_over = threading.Event()

        def watch() -> None:
            nonlocal most
            while not is_over.wait(POLL_SECONDS):
                most = max(most, memory_of(service.pid))

        watching = threading.Thread(target=watch)
        watching.start()
        url = f"http://127.0.0.1:{PORT}"
        run = run_wrk(url, SCRIPT, data, connections=CONNECTIONS, seconds=SECONDS)
        is_over.set()
        watching.join()
    return (
        f"{before / 1e6:.0f} MB at rest, {most / 1e6:.0f} MB at most under {CONNECTIONS} connections"
        f" ({run.rate:,.0f} requests/s)"
    )
