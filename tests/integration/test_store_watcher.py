import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId, Timestamp
from pymongo import MongoClient

from store_api.storage import documents, updates
from tests.integration.conftest import Documents, WatchedDocuments
from tests.integration.following import Record, following, watcher_of
from watchers.changes import StoreChange
from watchers.heartbeat import HEARTBEATS, Heartbeat
from watchers.store_watcher import StoreWatcher

Mongo = MongoClient[dict[str, Any]]

NO_TIME = Timestamp(0, 0)


def updated(store_id: str, **fields: Any) -> StoreChange:
    return StoreChange(store_id, NO_TIME, updated={path.replace("_", "."): fields[path] for path in fields})


CHANGES: list[tuple[str, Callable[[Documents], object], StoreChange]] = [
    (
        "insert",
        lambda stores: stores.insert_one({"_id": "north", "items": {"chair": 3}}),
        StoreChange("north", NO_TIME, document={"_id": "north", "items": {"chair": 3}}),
    ),
    (
        "$inc",
        lambda stores: stores.update_one({"_id": "north"}, {"$inc": {"items.chair": -2}}),
        updated("north", items_chair=1),
    ),
    (
        "$set of two items",
        lambda stores: stores.update_one({"_id": "north"}, {"$set": {"items.table": 7, "items.lamp": 0}}),
        updated("north", items_lamp=0, items_table=7),
    ),
    (
        "$unset",
        lambda stores: stores.update_one({"_id": "north"}, {"$unset": {"items.table": ""}}),
        StoreChange("north", NO_TIME, removed=("items.table",)),
    ),
    (
        "$set of all items",
        lambda stores: stores.update_one({"_id": "north"}, {"$set": {"items": {"sofa": 1}}}),
        updated("north", items={"sofa": 1}),
    ),
    (
        "$unset of all items",
        lambda stores: stores.update_one({"_id": "north"}, {"$unset": {"items": ""}}),
        StoreChange("north", NO_TIME, removed=("items",)),
    ),
    (
        "findAndModify",
        lambda stores: stores.find_one_and_update({"_id": "north"}, {"$set": {"items.a%2Eb": 1}}),
        updated("north", items={"a%2Eb": 1}),
    ),
    (
        "replace",
        lambda stores: stores.replace_one({"_id": "north"}, {"items": {"chair": 9}}),
        StoreChange("north", NO_TIME, document={"_id": "north", "items": {"chair": 9}}),
    ),
    (
        "upsert",
        lambda stores: stores.update_one({"_id": "south"}, {"$inc": {"items.chair": 2}}, upsert=True),
        StoreChange("south", NO_TIME, document={"_id": "south", "items": {"chair": 2}}),
    ),
    (
        "a field that is no stock",
        lambda stores: stores.update_one({"_id": "south"}, {"$set": {"name": "South"}}),
        updated("south", name="South"),
    ),
    (
        "delete",
        lambda stores: stores.delete_one({"_id": "north"}),
        StoreChange("north", NO_TIME, deleted=True),
    ),
]


async def test_every_kind_of_change_by_another_program_is_told_in_order(
    watched: WatchedDocuments, own_stores: Documents
) -> None:
    record = Record()
    async with following(watched, record):
        for _, change, _ in CHANGES:
            change(own_stores)
        await record.until(lambda: len(record.changes) >= len(CHANGES))
    told = record.timeless[: len(CHANGES)]
    assert dict(zip([name for name, _, _ in CHANGES], told, strict=True)) == {
        name: expected for name, _, expected in CHANGES
    }
    moments = [change.at for change in record.changes]
    assert moments == sorted(set(moments))
    assert record.times_afresh == 1


async def test_an_update_by_a_pipeline_is_told_whatever_the_server_makes_of_it(
    watched: WatchedDocuments, own_stores: Documents
) -> None:
    record = Record()
    own_stores.insert_one({"_id": "north", "items": {"chair": 3, "lamp": 0, "table": 1}, "rev": 1})
    async with following(watched, record):
        own_stores.update_one(updates.sweepable("north", 2), updates.sweep_of(2))
        await record.until(lambda: bool(record.changes))
    change = record.changes[0]
    stock = {"chair": 3, "lamp": 0, "table": 1}
    if change.document is not None:
        stock = documents.read_stock(change.document)
    else:
        assert documents.apply_update(stock, change.updated, change.removed)
    assert stock == {"chair": 3, "table": 1}


async def test_a_transaction_over_two_stores_is_told_as_two_changes_of_one_moment(
    watched: WatchedDocuments, own_stores: Documents, other_program: Mongo
) -> None:
    record = Record()
    own_stores.insert_many([{"_id": "north", "items": {"chair": 3}}, {"_id": "south", "items": {"chair": 0}}])
    async with following(watched, record):
        with other_program.start_session() as session:
            with session.start_transaction():
                own_stores.update_one({"_id": "north"}, {"$inc": {"items.chair": -2}}, session=session)
                own_stores.update_one({"_id": "south"}, {"$inc": {"items.chair": 2}}, session=session)
            with session.start_transaction():
                own_stores.update_one({"_id": "north"}, {"$inc": {"items.chair": -1}}, session=session)
                session.abort_transaction()
        own_stores.insert_one({"_id": "east"})
        await record.until(lambda: len(record.changes) >= 3)
    assert record.timeless[:3] == [
        updated("north", items_chair=1),
        updated("south", items_chair=2),
        StoreChange("east", NO_TIME, document={"_id": "east"}),
    ]
    assert record.changes[0].at == record.changes[1].at < record.changes[2].at


async def test_of_many_changes_none_is_lost_doubled_or_out_of_order(
    watched: WatchedDocuments, own_stores: Documents
) -> None:
    record = Record()
    own_stores.insert_one({"_id": "north", "items": {"chair": 0}})

    def write() -> None:
        for _ in range(100):
            own_stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 1}})

    async with following(watched, record):
        await asyncio.gather(*(asyncio.to_thread(write) for _ in range(3)))
        await record.until(lambda: len(record.changes) >= 300)
    assert [change.updated.get("items.chair") for change in record.changes[:300]] == list(range(1, 301))


async def test_what_is_no_store_is_not_told(
    watched: WatchedDocuments, own_stores: Documents, database_name: str, other_program: Mongo
) -> None:
    record = Record()
    async with following(watched, record):
        for wrong_id in (7, 7.5, ObjectId(), {"id": "north"}, True, None):
            own_stores.insert_one({"_id": wrong_id, "items": {}})
            own_stores.update_one({"_id": wrong_id}, {"$set": {"items.chair": 1}})
            own_stores.delete_one({"_id": wrong_id})
        other_program[database_name]["elsewhere"].insert_one({"_id": "north"})
        other_program[database_name].drop_collection("elsewhere")
        own_stores.create_index("name")
        own_stores.insert_one({"_id": "south"})
        await record.until(lambda: bool(record.changes))
    assert record.timeless[0] == StoreChange("south", NO_TIME, document={"_id": "south"})
    assert record.times_afresh == 1


@pytest.mark.parametrize(
    "end",
    [
        lambda stores: stores.drop(),
        lambda stores: stores.rename("elsewhere"),
        lambda stores: stores.database.client.drop_database(stores.database.name),
        lambda stores: stores.database["other"].rename(stores.name, dropTarget=True),
    ],
    ids=["drop", "rename", "dropDatabase", "another in its place"],
)
async def test_when_the_collection_goes_it_begins_afresh_and_says_so(
    watched: WatchedDocuments,
    own_stores: Documents,
    end: Callable[[Documents], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = Record()
    own_stores.insert_one({"_id": "north"})
    own_stores.database["other"].insert_one({"_id": "east"})
    async with following(watched, record):
        own_stores.insert_one({"_id": "south"})
        end(own_stores)
        await record.until(lambda: record.times_afresh >= 2)
        own_stores.insert_one({"_id": "west"})
        await record.until(lambda: any(change.store_id == "west" for change in record.changes))
    assert record.timeless[0] == StoreChange("south", NO_TIME, document={"_id": "south"})
    # A database goes in several steps, each of them an event.
    assert record.times_afresh in (2, 3)
    assert "stream_invalidated" in [vars(line)["action"] for line in caplog.records]


async def test_its_silence_is_counted_from_the_last_event_and_a_heartbeat_ends_it(
    watched: WatchedDocuments, own_stores: Documents
) -> None:
    now = 100.0
    record = Record()
    idle = watcher_of(watched, record, lambda: now)
    assert idle.silent_seconds == float("inf")
    async with following(watched, record, lambda: now) as watcher:
        own_stores.insert_one({"_id": "north"})
        await record.until(lambda: bool(record.changes))
        assert watcher.silent_seconds == 0.0
        now += 7.0
        assert watcher.silent_seconds == 7.0
        heart = Heartbeat(watched.database[HEARTBEATS], lambda: True)
        await heart.beat()
        async with asyncio.timeout(5):
            while watcher.silent_seconds:  # noqa: ASYNC110  (nobody tells of a heartbeat)
                await asyncio.sleep(0.01)
    assert len(record.changes) <= 2


async def test_told_to_stop_it_ends_though_nothing_happens(watched: WatchedDocuments) -> None:
    record = Record()
    watcher: StoreWatcher = watcher_of(watched, record)
    running = asyncio.create_task(watcher.run())
    await record.until(lambda: record.times_afresh > 0)
    watcher.stop()
    await asyncio.wait_for(running, 2.0)
    await asyncio.wait_for(watcher.run(), 0.1)
    assert record.changes == []
