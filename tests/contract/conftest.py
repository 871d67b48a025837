"""Repositories that must all keep the same promises: in memory, and on MongoDB in each of their ways."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from store_api.storage.clients import Client
from store_api.storage.schema import COLLECTION
from tests.contract.subjects import FakeSubject, RealSubject, Subject
from tests.support.stamping import StampingWriter

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
async def real(client: Client, sender_client: Mongo, other_program: Mongo) -> AsyncIterator[RealSubject]:
    """The stores of a database, as they are in service."""
    name = f"test_{uuid4().hex}"
    repository = StampingWriter(client, name, writes=sender_client)
    await repository.prepare()
    yield RealSubject(repository, other_program[name][COLLECTION])
    repository.close()
    other_program.drop_database(name)


@pytest.fixture(scope="module")
async def one_by_one(
    client: Client, sender_client: Mongo, other_program: Mongo
) -> AsyncIterator[RealSubject]:
    """The same, where a guarded upsert did not do what it must when the service started."""
    name = f"test_{uuid4().hex}"
    other_program[name][COLLECTION].insert_one({"_id": "", "items": {"guard": 1}})
    repository = StampingWriter(client, name, writes=sender_client)
    await repository.prepare()
    yield RealSubject(repository, other_program[name][COLLECTION])
    repository.close()
    other_program.drop_database(name)


@pytest.fixture(params=["fake", "real", "one by one"])
def subject(request: pytest.FixtureRequest, real: RealSubject, one_by_one: RealSubject) -> Subject:
    """Each of them."""
    subjects: dict[str, Subject] = {"fake": FakeSubject(), "real": real, "one by one": one_by_one}
    return subjects[request.param]


@pytest.fixture
def store_id() -> str:
    """The id of a store that is this test's alone, and does not exist yet."""
    return f"store-{uuid4().hex[:12]}"
