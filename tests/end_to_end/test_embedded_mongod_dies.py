"""The embedded mongod dies while two workers serve: it is started again, and everything comes good."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.ledger_check import check_ledger
from tests.support.listening import Report, listening
from tests.support.mongod import free_port, wait_until
from tests.support.service import Service, are_gone, children_of, needs_proc
from tests.support.supplier import Supplier, nothing_is_lost

pytestmark = needs_proc


@pytest.fixture(scope="module")
def embedded(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of two workers with a MongoDB of its own, and a ledger."""
    settings = {"DATA_DIR": str(data_dir), "EMBEDDED_MONGO_PORT": str(free_port())}
    with Service(tmp_path_factory.mktemp("service"), {**settings, "WORKERS": "2", "LEDGER": "on"}) as service:
        service.wait_until_ready()
        yield service


def mongod_of(data_dir: Path) -> int:
    return int((data_dir / "db" / "mongod.lock").read_text())


def kill_mongod(data_dir: Path) -> int:
    victim = mongod_of(data_dir)
    os.kill(victim, signal.SIGKILL)
    return victim


async def test_it_is_started_again_and_nothing_acknowledged_is_lost(
    embedded: Service, data_dir: Path, store_id: str
) -> None:
    first, second = embedded.worker_pids()
    mongo_port = int(embedded.settings["EMBEDDED_MONGO_PORT"])
    async with (
        listening(embedded, store_id, worker=first) as one,
        listening(embedded, store_id, worker=second) as other,
    ):
        suppliers = [Supplier(embedded, store_id, name) for name in "abcd"]
        for round_of_two in range(2):
            await asyncio.gather(*(supplier.after(10) for supplier in suppliers))
            victim = kill_mongod(data_dir)
            # They write on, without an error that they would not understand, as soon as it is back.
            await asyncio.gather(*(supplier.after(10) for supplier in suppliers))
            assert mongod_of(data_dir) != victim
            assert len(embedded.log("mongod_died")) == len(embedded.log("mongod_back")) == round_of_two + 1
        await asyncio.gather(*(supplier.finish() for supplier in suppliers))
        with MongoClient[dict[str, Any]](port=mongo_port, directConnection=True) as mongo:
            store = mongo["store_api"]["stores"].find_one({"_id": store_id})
            assert store is not None
            for socket in (one, other):
                await socket.until(Report(store_id, store["items"]))
            await asyncio.to_thread(check_ledger, mongo, "store_api")
    nothing_is_lost(suppliers, store["items"])
    embedded.wait_until_ready()
    assert embedded.log("fault") == []
    assert embedded.log("worker_died") == []


def test_told_to_stop_with_a_mongod_that_is_dead_it_leaves_nothing_behind(
    embedded: Service, data_dir: Path
) -> None:
    everything = {embedded.pid, *children_of(embedded.pid)}
    kill_mongod(data_dir)
    embedded.tell(signal.SIGTERM)
    assert embedded.wait() == 0
    wait_until(lambda: are_gone(everything), "everything has ended")
    assert not [pid for pid in children_of(1) if pid in everything]
