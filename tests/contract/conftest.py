"""Repositories that must all keep the same promises: in memory, and on MongoDB in each of their ways."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from store_api.clients import Client, connect
from store_api.collection import COLLECTION
from store_api.repository import StoreRepository
from tests.contract.subjects import FakeSubject, RealSubject, Subject

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture(scope="session")
def contract_mongo(mongo_url: str) -> Iterator[Mongo]:
    """Any other program's client."""
    with MongoClient[dict[str, Any]](mongo_url) as mongo:
        yield mongo


@pytest.fixture(scope="session")
async def contract_client(mongo_url: str) -> AsyncIterator[Client]:
    """The service's own client, connected."""
    client = connect(mongo_url)
    await client.admin.command("ping")
    yield client
    client.close()


@pytest.fixture(scope="module")
async def real(contract_client: Client, contract_mongo: Mongo) -> AsyncIterator[RealSubject]:
    """The stores of a database, as they are in service."""
    name = f"test_{uuid4().hex}"
    repository = StoreRepository(contract_client, name)
    await repository.prepare()
    yield RealSubject(repository, contract_mongo[name][COLLECTION])
    repository.close()
    contract_mongo.drop_database(name)


@pytest.fixture(scope="module")
async def one_by_one(contract_client: Client, contract_mongo: Mongo) -> AsyncIterator[RealSubject]:
    """The same, where a guarded upsert did not do what it must when the service started."""
    name = f"test_{uuid4().hex}"
    contract_mongo[name][COLLECTION].insert_one({"_id": "", "items": {"guard": 1}})
    repository = StoreRepository(contract_client, name)
    await repository.prepare()
    yield RealSubject(repository, contract_mongo[name][COLLECTION])
    repository.close()
    contract_mongo.drop_database(name)


@pytest.fixture(params=["fake", "real", "one by one"])
def subject(request: pytest.FixtureRequest, real: RealSubject, one_by_one: RealSubject) -> Subject:
    """Each of them."""
    subjects: dict[str, Subject] = {"fake": FakeSubject(), "real": real, "one by one": one_by_one}
    return subjects[request.param]


@pytest.fixture
def store_id() -> str:
    """The id of a store that is this test's alone, and does not exist yet."""
    return f"store-{uuid4().hex[:12]}"
