"""A ledger whose parts are of different moments, as after the restore of a backup."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import Keeper
from watchers.heartbeat import HEARTBEATS


@pytest.fixture
def database(other_program: MongoClient[dict[str, Any]], database_name: str) -> Database[dict[str, Any]]:
    database = other_program[database_name]
    database.create_collection("stores")
    database[HEARTBEATS].insert_one({"_id": "beat"})
    return database


@asynccontextmanager
async def keeping(mongo_url: str, name: str) -> AsyncIterator[Keeper]:
    """Keep a ledger, from when it has begun, until the block ends."""
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        ledger = LedgerCollections(client, name)
        ledger.prepare()
        keeper = Keeper(ledger, lambda: 0.0, time.time)
        running = asyncio.create_task(keeper.run())

        def has_begun() -> bool:
            state = ledger.state()
            return state is not None and state.reconciling is None and not state.off

        await until(has_begun)
        yield keeper
        keeper.stop()
        await running


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_state_that_is_older_than_the_rows_as_after_a_restore_is_put_right(
    mongo_url: str, database: Database[dict[str, Any]]
) -> None:
    stores, state = database["stores"], database["ledger_state"]
    async with keeping(mongo_url, database.name) as keeper:
        older = state.find_one({"_id": "stream"})
        assert older is not None
        stores.insert_one({"_id": "north", "items": {"chair": 5}})
        await until(lambda: keeper.counts["rows"] == 1)
        stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 2}})
        await until(lambda: keeper.counts["rows"] == 2)
    # The rows are in what was restored, the state is one of before.
    state.replace_one({"_id": "stream"}, older)
    stores.update_one({"_id": "north"}, {"$inc": {"items.chair": -3}})
    async with keeping(mongo_url, database.name):
        await until(lambda: ("gap", -3, 4) in rows_of(database))
        stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 1}})
        await until(lambda: ("direct", 1, 5) in rows_of(database))
    assert rows_of(database) == [
        ("direct", 5, 5),
        ("direct", 2, 7),
        ("gap", -3, 4),
        ("direct", 1, 5),
    ]


def rows_of(database: Database[dict[str, Any]]) -> list[tuple[str, int, int]]:
    found = database["movements"].find(sort=[("_id.b", 1)])
    return [(row["o"], row["d"], row["q"]) for bucket in found for row in bucket["rows"]]
