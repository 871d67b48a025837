"""What tests against MongoDB share: a client as the service has, and one as any other program has."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import MongoClient
from pymongo.collection import Collection

from store_api.storage.clients import Client, connect_watcher
from store_api.storage.schema import COLLECTION
from store_api.storage.writer import StoreWriter
from tests.integration.heard import Heard
from tests.integration.in_process_api import Api, served_in_process
from tests.support.stamping import StampingWriter

WATCHER = "watcher under test"
"""Tells it from the watchers of services that other tests have running."""

Documents = Collection[dict[str, Any]]
WatchedDocuments = AsyncIOMotorCollection[dict[str, Any]]


@pytest.fixture(scope="module")
def shared_database(other_program: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of a database that the tests of a module share; each has stores of its own in it."""
    name = f"test_{uuid4().hex}"
    yield name
    other_program.drop_database(name)


@pytest.fixture(scope="module")
async def repository(
    client: Client, sender_client: MongoClient[dict[str, Any]], shared_database: str
) -> StoreWriter:
    """The stores of the shared database, with their validator."""
    repository = StampingWriter(client, shared_database, writes=sender_client)
    await repository.prepare()
    return repository


@pytest.fixture(scope="module")
def stores(other_program: MongoClient[dict[str, Any]], shared_database: str) -> Documents:
    """The same stores, as any other program sees them."""
    return other_program[shared_database][COLLECTION]


@pytest.fixture
def own_stores(other_program: MongoClient[dict[str, Any]], database_name: str) -> Documents:
    """The stores of a database that is this test's alone, as any other program sees them."""
    return other_program[database_name][COLLECTION]


@pytest.fixture
def heard() -> Heard:
    """What `writer` says to MongoDB."""
    return Heard()


@pytest.fixture
def writer(mongo_url: str, client: Client, database_name: str, heard: Heard) -> Iterator[StoreWriter]:
    """The stores of a database that is this test's alone; each write is stamped by who asks for it."""
    with MongoClient[dict[str, Any]](
        mongo_url, retryWrites=False, appname="store_api", event_listeners=[heard]
    ) as writes:
        writer = StoreWriter(client, database_name, writes=writes)
        yield writer
        writer.close()


@pytest.fixture(scope="session")
async def watcher_client(mongo_url: str) -> AsyncIterator[Client]:
    """The client of the service's own change stream."""
    client = connect_watcher(mongo_url, WATCHER)
    yield client
    client.close()


@pytest.fixture
def watched(watcher_client: Client, database_name: str) -> WatchedDocuments:
    """The same stores as `own_stores`, as a watcher sees them."""
    return watcher_client[database_name][COLLECTION]


@pytest.fixture
def store_id() -> str:
    """The id of a store that is this test's alone, and does not exist yet."""
    return f"store-{uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def api(mongo_url: str) -> Iterator[Api]:
    """The service in this process, with stores of its own."""
    with served_in_process(mongo_url) as api:
        yield api
