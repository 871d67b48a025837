"""How fast a change becomes a frame on every socket, and what it costs, on the service as it is run."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from bench.broadcasts import LINES, SOCKETS
from bench.contestants import running
from bench.load.crowd import Crowd, memory_of, processor_seconds_of
from store_api.embedded import EmbeddedMongo
from store_api.storage.documents import VALIDATOR

PORT, MONGO_PORT = 8790, 27790
SECONDS = 60.0

Stores = Collection[dict[str, Any]]


def pushes(rounds: int) -> Iterator[tuple[str, str]]:
    """Measure delays and costs on the service as it is run."""
    with (
        tempfile.TemporaryDirectory(prefix="store_api-bench-") as folder,
        EmbeddedMongo(Path(folder) / "mongo", MONGO_PORT) as mongo,
        MongoClient[dict[str, Any]](mongo.url) as client,
    ):
        client["push"].create_collection("stores", validator=VALIDATOR)
        settings = {"MONGO_URL": mongo.url, "MONGO_DB": "push"}
        with running("store_api", PORT, settings) as service:
            stores = client["push"].get_collection("stores", write_concern=WriteConcern(w=1))
            for number in range(1000):
                stores.insert_one({"_id": f"store-{number}", "items": dict.fromkeys(_ITEMS, 1000), "rev": 0})
            yield from delays(stores, rounds * 100)
            yield from crowd_delays(stores)
            yield from processor_time(stores, service.pid)
            yield from memory(service.pid)


_ITEMS = [f"item-{number}" for number in range(LINES)]


def delays(stores: Stores, times: int) -> Iterator[tuple[str, str]]:
    """Compare the delay of one socket's frames with what a bare change stream of the driver needs."""
    arrived: list[float] = []
    durable = stores.with_options(write_concern=WriteConcern(w="majority", j=True))
    api = HTTPConnection("127.0.0.1", PORT)
    body = json.dumps({"operation": "supply", "item_id": "item-1", "quantity": 1})
    found: dict[str, list[float]] = {"api": [], "bare": [], "w1": []}

    def by_api() -> None:
        api.request("POST", "/stores/store-1", body, {"Content-Type": "application/json"})

    def by_write(target: Stores) -> None:
        target.update_one({"_id": "store-1"}, {"$inc": {"items.item-1": 1}})

    with (
        Crowd(f"ws://127.0.0.1:{PORT}/ws/stores/store-1", 1, lambda _, at: arrived.append(at)) as crowd,
        _bare_stream(stores) as seen,
    ):
        for _ in range(times):
            for name, write in (("api", by_api), ("w1", lambda: by_write(stores))):
                arrived.clear()
                began = time.monotonic()
                write()
                crowd.read(lambda: bool(arrived), SECONDS)
                found[name].append(arrived[0] - began)
                if name == "api":
                    api.getresponse().read()
            _await_quiet(seen)
            began = time.monotonic()
            by_write(durable)
            while not seen:
                time.sleep(0.0001)
            found["bare"].append(seen[0] - began)
            arrived.clear()
            crowd.read(lambda: bool(arrived), SECONDS)
    ratio = median(found["api"]) / median(found["bare"])
    yield "API write sent to frame read, one socket", f"{_ms(found['api'])}, {ratio:.2f} times a bare stream"
    yield "write sent to event seen by a bare change stream of PyMongo", _ms(found["bare"])
    yield "another program's w:1 write sent to frame read", _ms(found["w1"])


@contextmanager
def _bare_stream(stores: Stores) -> Iterator[list[float]]:
    seen: list[float] = []
    is_over = threading.Event()
    with stores.watch(max_await_time_ms=200) as stream:

        def watch() -> None:
            while not is_over.is_set():
                if stream.try_next() is not None:
                    seen.append(time.monotonic())

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield seen
        finally:
            is_over.set()
            watching.join()


def _await_quiet(seen: list[float]) -> None:
    before = -1
    while len(seen) != before:
        before = len(seen)
        time.sleep(0.005)
    seen.clear()


def crowd_delays(stores: Stores) -> Iterator[tuple[str, str]]:
    """Measure the delay of every frame when 1,000 sockets get 50 changes a second."""
    sent: dict[int, float] = {}
    found: list[float] = []
    changes, rate = 250, 50

    def take(payload: memoryview, at: float) -> None:
        line = bytes(payload[: payload.nbytes]).partition(b'"item-0","quantity":')[2]
        found.append(at - sent[int(line.partition(b"}")[0])])

    def write() -> None:
        began = time.monotonic()
        for number in range(changes):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            sent[10_000 + number] = time.monotonic()
            stores.update_one({"_id": "store-2"}, {"$set": {"items.item-0": 10_000 + number}})

    with Crowd(f"ws://127.0.0.1:{PORT}/ws/stores/store-2", SOCKETS, take) as crowd:
        writing = threading.Thread(target=write)
        writing.start()
        crowd.read(lambda: len(found) >= changes * SOCKETS, SECONDS)
        writing.join()
    yield f"{SOCKETS:,} sockets, {rate} changes a second, write sent to frame read", _ms(found)


def processor_time(stores: Stores, pid: int) -> Iterator[tuple[str, str]]:
    """Measure what an event costs the service when nobody listens to that store, or nobody at all."""
    for whom, path in (("one socket on another store", "/ws/stores/store-0"), ("no socket", "")):
        with ExitStack() as stack:
            if path:
                stack.enter_context(Crowd(f"ws://127.0.0.1:{PORT}{path}", 1))
            began, idle = processor_seconds_of(pid), 2.0
            time.sleep(idle)
            resting = (processor_seconds_of(pid) - began) / idle
            began, started = processor_seconds_of(pid), time.monotonic()
            events = 20_000
            for _ in range(events // 500):
                updates = [
                    UpdateOne({"_id": f"store-{number}"}, {"$inc": {"items.item-3": 1}})
                    for number in range(3, 503)
                ]
                stores.bulk_write(updates, ordered=False)
            _await_idle(pid)
            used = processor_seconds_of(pid) - began - resting * (time.monotonic() - started)
        yield f"processor time an event, {whom}", f"{used / events * 1e6:.1f} us"


def _await_idle(pid: int) -> None:
    while True:
        before = processor_seconds_of(pid)
        time.sleep(0.5)
        if processor_seconds_of(pid) - before < 0.05:
            return


def memory(pid: int) -> Iterator[tuple[str, str]]:
    """Measure what a socket costs."""
    size = 5000
    before = memory_of(pid)
    with Crowd(f"ws://127.0.0.1:{PORT}/ws/stores/store-3", size):
        _await_idle(pid)
        grown = memory_of(pid) - before
    yield f"memory a socket, {size:,} sockets", f"{grown / size / 1024:.1f} KiB"


def _ms(seconds: list[float]) -> str:
    cuts: Callable[[list[float]], list[float]] = lambda found: quantiles(found, n=100)  # noqa: E731
    return f"median {median(seconds) * 1000:.2f} ms, 99 % {cuts(seconds)[98] * 1000:.1f} ms"
