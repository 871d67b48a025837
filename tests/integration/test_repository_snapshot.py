"""A snapshot and its moment: an event of the change stream is in it if and only if it is not newer."""

import asyncio
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from store_api.errors import DatabaseUnavailable
from store_api.stock import Change
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import insert_unchecked
from tests.integration.conftest import Documents
from tests.support.fail_points import failing


@pytest.fixture
async def repository(client: Client, database_name: str) -> StoreWriter:
    """A repository whose stores are this test's alone."""
    repository = StoreWriter(client, database_name)
    await repository.prepare()
    return repository


def supply(store_id: str) -> Change:
    return Change(store_id, {"chair": 1}, {}, creates=True)


async def test_a_snapshot_is_of_one_store_or_of_all(repository: StoreWriter, own_stores: Documents) -> None:
    own_stores.insert_many(
        [{"_id": store_id, "items": {"chair": 1}} for store_id in ("north", "$south", "арт")]
    )
    one = await repository.snapshot("$south")
    assert one.documents == {"$south": {"_id": "$south", "items": {"chair": 1}}}
    assert (await repository.snapshot(None)).documents.keys() == {"north", "$south", "арт"}
    assert (await repository.snapshot("nowhere")).documents == {}


async def test_a_snapshot_of_an_empty_collection_has_its_moment_too(
    repository: StoreWriter, own_stores: Documents
) -> None:
    snapshot = await repository.snapshot(None)
    assert snapshot.documents == {}
    with own_stores.watch(start_at_operation_time=snapshot.at) as stream:
        await repository.apply(supply("north"), None)
        assert stream.next()["clusterTime"] > snapshot.at


async def test_a_document_whose_id_is_no_string_is_in_no_snapshot(
    repository: StoreWriter, own_stores: Documents
) -> None:
    insert_unchecked(own_stores, *({"_id": wrong, "items": {}} for wrong in (7, ObjectId(), True)))
    assert (await repository.snapshot(None)).documents == {}


async def test_while_the_collection_is_gone_there_is_no_snapshot(
    repository: StoreWriter, own_stores: Documents
) -> None:
    own_stores.drop()
    for store_id in (None, "north"):
        with pytest.raises(DatabaseUnavailable):
            await repository.snapshot(store_id)
    await repository.prepare()
    assert (await repository.snapshot(None)).documents == {}


async def test_every_event_up_to_its_moment_is_in_a_snapshot_and_none_after(
    repository: StoreWriter, own_stores: Documents
) -> None:
    async def write() -> None:
        for number in range(60):
            # Of two who create a store at once, one comes too late, and tries again.
            while await repository.apply(supply(f"store-{number % 3}"), None) is None:
                pass

    with own_stores.watch(full_document="updateLookup") as stream:
        writing = asyncio.gather(write(), write())
        snapshots = [await repository.snapshot("store-1" if number % 2 else None) for number in range(40)]
        await writing
        events = [stream.next() for _ in range(120)]

    for snapshot in snapshots:
        seen: dict[str, int] = {}
        for event in events:
            if event["clusterTime"] <= snapshot.at:
                store_id = event["documentKey"]["_id"]
                seen[store_id] = seen.get(store_id, 0) + 1
        held = {store_id: document["items"]["chair"] for store_id, document in snapshot.documents.items()}
        for store_id, chairs in held.items():
            assert seen.pop(store_id) == chairs
        # What the snapshot did not ask for is all that may be left.
        assert seen.keys() <= {"store-0", "store-2"}
    moments = [snapshot.at for snapshot in snapshots]
    assert moments == sorted(moments)
    assert len(set(moments)) > 1, "the writes came in between"


async def test_a_snapshot_of_thousands_is_of_one_moment_however_many_batches_it_takes(
    repository: StoreWriter, own_stores: Documents, other_program: MongoClient[dict[str, Any]]
) -> None:
    store_ids = [f"store-{number:04}" for number in range(3000)]
    own_stores.insert_many([{"_id": store_id, "items": {"chair": 1}} for store_id in store_ids])
    with failing(other_program, "getMore", blockConnection=True, blockTimeMS=200) as held_back:
        reading = asyncio.create_task(repository.snapshot(None))
        await held_back.wait_until_hit()
        # The first batch is read, and the last store is not.
        with other_program.start_session() as session, session.start_transaction():
            own_stores.update_one({"_id": store_ids[0]}, {"$inc": {"items.chair": -1}}, session=session)
            own_stores.update_one({"_id": store_ids[-1]}, {"$inc": {"items.chair": 1}}, session=session)
        own_stores.delete_one({"_id": store_ids[-2]})
        own_stores.insert_one({"_id": "store-9999", "items": {"chair": 1}})
        snapshot = await reading
    assert snapshot.documents == {
        store_id: {"_id": store_id, "items": {"chair": 1}} for store_id in store_ids
    }
    newest = await repository.snapshot(None)
    assert newest.at > snapshot.at
    assert newest.documents.keys() == {*store_ids, "store-9999"} - {store_ids[-2]}
    assert newest.documents[store_ids[-1]]["items"] == {"chair": 2}


async def test_a_snapshot_that_fails_half_way_is_none_at_all(
    repository: StoreWriter, own_stores: Documents, other_program: MongoClient[dict[str, Any]]
) -> None:
    own_stores.insert_many([{"_id": f"store-{number:04}", "items": {}} for number in range(200)])
    for failure in ({"errorCode": 43}, {"errorCode": 246}, {"closeConnection": True}):
        with (
            failing(other_program, "getMore", times=1, **failure),
            pytest.raises(DatabaseUnavailable),
        ):
            await repository.snapshot(None)
    assert len((await repository.snapshot(None)).documents) == 200
