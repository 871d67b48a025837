"""The served program and the keeper of its ledger: one at a time, started again, gone with the service."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.support.metrics import samples
from tests.support.mongod import wait_until
from tests.support.service import Service, are_gone, children_of, command_line, needs_proc

pytestmark = needs_proc

SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 2}


@pytest.fixture
def database(mongo: MongoClient[dict[str, Any]]) -> Any:
    """A database that goes with the test."""
    name = f"test_{uuid4().hex}"
    yield mongo[name]
    mongo.drop_database(name)


def service_of(database: Database[dict[str, Any]], mongo_url: str, folder: Path, **more: str) -> Service:
    return Service(folder, {"MONGO_URL": mongo_url, "MONGO_DB": database.name, "LEDGER": "on", **more})


def keepers(service: Service) -> set[int]:
    """The processes that keep the service's ledger."""
    ours = {service.pid, *service.worker_pids()}
    return {
        pid
        for parent in ours
        for pid in children_of(parent)
        if b"store_api.keeping.program" in command_line(pid)
    }


def rows(database: Database[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """All rows, as their kind, what they changed, and how many there are then."""
    found = database["movements"].find(sort=[("_id.b", 1)])
    return [(row["o"], row["d"], row["q"]) for bucket in found for row in bucket["rows"]]


def until_rows(database: Database[dict[str, Any]], *expected: tuple[str, int, int]) -> None:
    try:
        wait_until(lambda: rows(database) == list(expected), f"{expected} are in the ledger")
    except TimeoutError as error:
        error.add_note(f"there are {rows(database)}")
        raise


async def until_told(http: httpx.AsyncClient, *, rows: int, leases: int) -> dict[tuple[str, ...], float]:
    """Wait until the metrics tell so many rows and leases; gives all of them."""
    async with asyncio.timeout(10):
        while True:
            told = await samples(http)
            if (told["ledger_rows_total",], told["ledger_leases_total",]) == (rows, leases):
                return told
            await asyncio.sleep(0.05)


async def test_two_workers_have_one_keeper_and_another_when_that_is_killed(
    database: Database[dict[str, Any]], mongo_url: str, tmp_path: Path
) -> None:
    with service_of(database, mongo_url, tmp_path, WORKERS="2") as service:
        service.wait_until_ready()
        async with service.client() as http:
            assert (await http.post("/stores/north", json=SUPPLY)).status_code == 200
            database["stores"].update_one({"_id": "north"}, {"$inc": {"items.chair": -1}})
            until_rows(database, ("supply", 2, 2), ("direct", -1, 1))
            # Both may have started one at the same moment: who found the lease taken has ended.
            wait_until(lambda: len(keepers(service)) == 1, "one keeps the ledger")
            # What it has told is kept; what it did in the second after that would go with it.
            await until_told(http, rows=2, leases=1)
            (killed,) = keepers(service)
            os.kill(killed, signal.SIGKILL)
            assert service.readiness() == 200
            assert (await http.post("/stores/north", json=SUPPLY)).status_code == 200
            # Its lease would run out in ten seconds.
            database["ledger_state"].update_one({"_id": "lease"}, [{"$set": {"until": "$$NOW"}}])
            until_rows(database, ("supply", 2, 2), ("direct", -1, 1), ("supply", 2, 3))
            assert service.readiness() == 200
            wait_until(lambda: len(keepers(service)) == 1, "one keeps the ledger")
            assert killed not in keepers(service)
            told = await until_told(http, rows=3, leases=2)
            assert (told["ledger_gaps_total",], told["ledger_unexplained_lines_total",]) == (0, 0)
            assert 0 <= told["ledger_lag_seconds",] < 20
        processes = keepers(service) | set(service.worker_pids())
        assert service.stop() == 0
        assert are_gone(processes)
    assert service.log("fault") == []


async def test_without_a_ledger_nobody_keeps_one_and_what_happened_meanwhile_is_a_gap(
    database: Database[dict[str, Any]], mongo_url: str, tmp_path: Path
) -> None:
    database["stores"].insert_one({"_id": "north", "items": {"chair": 5}})
    with service_of(database, mongo_url, tmp_path) as service:
        service.wait_until_ready()
        until_rows(database, ("opening", 5, 5))
        (kept_by,) = keepers(service)
        service.kill()
        # Its input ends with whoever started it.
        wait_until(lambda: are_gone({kept_by}), "the keeper of a service that was killed ends")
    with service_of(database, mongo_url, tmp_path, LEDGER="off") as service:
        service.wait_until_ready()
        async with service.client() as http:
            assert (await http.post("/stores/north", json=SUPPLY)).status_code == 200
            assert (await samples(http))["ledger_lag_seconds",] == 0
        assert keepers(service) == set()
        assert service.stop() == 0
    store = database["stores"].find_one({"_id": "north"})
    assert store is not None
    assert "last" not in store
    assert rows(database) == [("opening", 5, 5)]
    with service_of(database, mongo_url, tmp_path) as service:
        service.wait_until_ready()
        until_rows(database, ("opening", 5, 5), ("gap", 2, 7))
        assert len(service.log("ledger_gap")) == 1
