"""What becomes of a command that fails: applied, not applied, or unknown; nobody is told more than that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient

from store_api.errors import (
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    StoreApiError,
    UnfitDocument,
)
from store_api.stock import Change
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import BROKEN, insert_unchecked
from tests.integration.conftest import Documents
from tests.support.fail_points import WRITES, failing
from tests.support.stamping import StampingWriter

Mongo = MongoClient[dict[str, Any]]

VALIDATION_FAILED = {"errorCode": 121, "errorExtraInfo": {"errInfo": {"details": "of the rule"}}}
NOT_EXECUTED: list[tuple[dict[str, Any], type[StoreApiError]]] = [
    ({"errorCode": 2}, UnfitDocument),
    ({"errorCode": 14}, UnfitDocument),
    ({"errorCode": 28}, UnfitDocument),
    (VALIDATION_FAILED, UnfitDocument),
    ({"errorCode": 13}, DatabaseUnavailable),
    ({"errorCode": 18}, OutcomeUnknown),
    ({"errorCode": 8}, OutcomeUnknown),
    ({"errorCode": 24}, OutcomeUnknown),
]
"""Failures before anything was done, and how each of them must be told: by what its code promises."""


def supply(store_id: str) -> Change:
    return Change(store_id, {"chair": 1}, {}, creates=True)


@asynccontextmanager
async def connected(mongo_url: str, database: str, milliseconds: int) -> AsyncIterator[StoreWriter]:
    """The same stores through another client, whose commands may take so long in all, retries included."""
    client: Client = AsyncIOMotorClient(
        mongo_url, timeoutMS=milliseconds, heartbeatFrequencyMS=500, appname="another"
    )
    await client.admin.command("ping")
    yield StampingWriter(client, database)
    client.close()


@pytest.fixture(scope="module")
async def impatient(mongo_url: str, shared_database: str) -> AsyncIterator[StoreWriter]:
    async with connected(mongo_url, shared_database, milliseconds=150) as repository:
        yield repository


@pytest.mark.parametrize(("failure", "expected"), NOT_EXECUTED, ids=str)
async def test_a_write_that_fails_is_told_by_what_its_code_promises(
    repository: StoreWriter,
    other_program: Mongo,
    store_id: str,
    failure: dict[str, Any],
    expected: type[StoreApiError],
) -> None:
    with failing(other_program, *WRITES, **failure), pytest.raises(StoreApiError) as failed:
        await repository.apply(supply(store_id), None)
    assert type(failed.value) is expected
    assert str(failed.value) == expected.__doc__
    assert await repository.read(store_id) is None


@pytest.mark.parametrize("code", [64, 100, 9], ids=str)
async def test_a_write_that_no_majority_confirmed_is_unknown_though_it_was_applied(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str, code: int
) -> None:
    failure = {"code": code, "errmsg": "waiting for replication timed out on 127.0.0.1"}
    with (
        failing(other_program, *WRITES, writeConcernError=failure),
        pytest.raises(OutcomeUnknown) as unknown,
    ):
        await repository.apply(supply(store_id), None)
    assert str(unknown.value) == OutcomeUnknown.__doc__
    assert stores.find_one({"_id": store_id}, {"items": 1}) == {"_id": store_id, "items": {"chair": 1}}


async def test_what_took_too_long_is_sent_again_and_applied_once(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    with failing(other_program, *WRITES, times=1, errorCode=50):
        assert await repository.apply(supply(store_id), None) == {"chair": 1}
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 1},
        "rev": 1,
    }


@pytest.mark.parametrize(
    "failure",
    [
        {"closeConnection": True},
        {"errorCode": 10107, "errorLabels": ["RetryableWriteError"]},
        {"errorCode": 50},
        {"errorCode": 262, "errorLabels": ["RetryableWriteError"]},
        {"errorCode": 13, "errorLabels": ["RetryableWriteError"]},
        {"errorCode": 2, "errorLabels": ["RetryableWriteError"]},
    ],
    ids=str,
)
async def test_a_write_that_was_sent_and_never_answered_is_unknown(
    impatient: StoreWriter, other_program: Mongo, store_id: str, failure: dict[str, Any]
) -> None:
    with (
        failing(other_program, *WRITES, app_name="another", **failure),
        pytest.raises(OutcomeUnknown) as unknown,
    ):
        await impatient.apply(supply(store_id), None)
    assert str(unknown.value) == OutcomeUnknown.__doc__


async def test_a_write_that_takes_too_long_is_unknown_and_may_be_applied_later(
    impatient: StoreWriter, other_program: Mongo, store_id: str
) -> None:
    with (
        failing(other_program, *WRITES, app_name="another", blockConnection=True, blockTimeMS=300),
        pytest.raises(OutcomeUnknown) as unknown,
    ):
        await impatient.apply(supply(store_id), None)
    assert str(unknown.value) == OutcomeUnknown.__doc__


@pytest.mark.parametrize("failure", [{"errorCode": 13}, {"errorCode": 8}, {"errorCode": 246}], ids=str)
async def test_a_reading_that_fails_is_unavailable(
    repository: StoreWriter, other_program: Mongo, store_id: str, failure: dict[str, Any]
) -> None:
    await repository.apply(supply(store_id), None)
    for reading in (
        lambda: repository.read(store_id),
        lambda: repository.overview("", 10),
        lambda: repository.snapshot(store_id),
        lambda: repository.snapshot(None),
    ):
        with (
            failing(other_program, "find", "aggregate", **failure),
            pytest.raises(DatabaseUnavailable) as unavailable,
        ):
            await reading()
        assert str(unavailable.value) == DatabaseUnavailable.__doc__


async def test_a_reading_that_takes_too_long_is_unavailable(
    impatient: StoreWriter, other_program: Mongo, store_id: str
) -> None:
    with (
        failing(other_program, "find", app_name="another", blockConnection=True, blockTimeMS=300),
        pytest.raises(DatabaseUnavailable),
    ):
        await impatient.read(store_id)


async def test_a_reading_that_is_cut_off_is_tried_again(
    repository: StoreWriter, other_program: Mongo, store_id: str
) -> None:
    await repository.apply(supply(store_id), None)
    with failing(other_program, "find", times=1, closeConnection=True):
        assert await repository.read(store_id) == {"chair": 1}


async def test_a_write_whose_caller_goes_away_is_applied_all_the_same(
    repository: StoreWriter, other_program: Mongo, store_id: str
) -> None:
    with failing(other_program, *WRITES, blockConnection=True, blockTimeMS=100) as held_back:
        write = asyncio.create_task(repository.apply(supply(store_id), None))
        await held_back.wait_until_hit()
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
    async with asyncio.timeout(5):
        while await repository.read(store_id) is None:
            pass
    assert await repository.read(store_id) == {"chair": 1}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
async def test_a_broken_document_is_named_and_a_change_is_applied_whole_or_not_at_all(
    repository: StoreWriter, stores: Documents, store_id: str, broken: dict[str, Any]
) -> None:
    document = {"_id": store_id, **broken}
    insert_unchecked(stores, document)
    with pytest.raises(BrokenDocument) as named:
        await repository.read(store_id)
    assert named.value.store_id == store_id
    assert not named.value.applied
    assert store_id in str(named.value)
    assert named.value.reason in str(named.value)

    with pytest.raises((BrokenDocument, UnfitDocument)) as failed:
        await repository.apply(supply(store_id), None)
    applied = isinstance(failed.value, BrokenDocument) and failed.value.applied
    assert (stores.find_one({"_id": store_id}) != document) == applied
