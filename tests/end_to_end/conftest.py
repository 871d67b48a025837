"""What the end-to-end tests share: one served program of one process, and one of two."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.support.service import Service, new_store_id
from tests.support.unwatched import WATCHED

Stores = Collection[dict[str, Any]]


@pytest.fixture(scope="session")
def mongo(mongo_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """Another program's connection to the same MongoDB."""
    with MongoClient[dict[str, Any]](mongo_url, w="majority", journal=True) as client:
        yield client


@pytest.fixture(scope="package")
def served(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Service]]:
    """The two served programs, started side by side, each with a database of its own.

    They go with the last of their tests: even when nobody asks them, they and their MongoDB take a tenth of a
    core, of which there are few. They answer for any host; test_hosts.py has one that does not.
    """
    settings = {"MONGO_URL": mongo_url, "ALLOWED_HOSTS": "*", **WATCHED}
    services = {
        workers: Service(
            tmp_path_factory.mktemp("service"),
            {**settings, "MONGO_DB": f"test_{uuid4().hex}", "WORKERS": workers},
        )
        for workers in ("1", "2")
    }
    with services["1"] as one, services["2"] as two:
        one.wait_until_ready()
        two.wait_until_ready()
        yield services
        one.tell(signal.SIGTERM)
        two.tell(signal.SIGTERM)
        assert (one.wait(), two.wait()) == (0, 0)
    for service in services.values():
        mongo.drop_database(service.database)
        # Whatever the tests did, all that was said is log lines, and none of them is of a fault of ours.
        assert [line for line in service.log() if line["action"] == "fault"] == []


@contextmanager
def service_alone(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], folder: Path, workers: str, **more: str
) -> Iterator[Service]:
    """Serve for tests that are large work; coverage watches it only where it watches them."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "WORKERS": workers, **more}
    with Service(folder, settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


@pytest.fixture(scope="package")
def one_process(served: dict[str, Service]) -> Service:
    """The service in one process."""
    return served["1"]


@pytest.fixture(scope="package")
def two_workers(served: dict[str, Service]) -> Service:
    """The service in two processes that share a port."""
    return served["2"]


@pytest.fixture(params=["one_process", "two_workers"])
def service(request: pytest.FixtureRequest) -> Service:
    """The service, in one process and then in two."""
    chosen: Service = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def stores(service: Service, mongo: MongoClient[dict[str, Any]]) -> Stores:
    """The collection of stores as another program sees it."""
    return mongo[service.database]["stores"]


@pytest.fixture
def store_id() -> str:
    """The id of a store that is this test's alone; it does not exist yet."""
    return new_store_id()


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service."""
    async with service.client() as client:
        yield client


@pytest.fixture
async def workers(two_workers: Service) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each worker: each keeps the one connection that its worker accepted."""
    async with two_workers.client() as first, two_workers.client() as second:
        clients = [first, second]
        for client, pid in zip(clients, two_workers.worker_pids(), strict=True):
            with two_workers.only(pid):
                await client.get("/health/live")
        yield clients


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module's embedded MongoDB."""
    return tmp_path_factory.mktemp("data")
