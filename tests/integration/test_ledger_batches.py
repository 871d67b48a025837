"""Changes that come by thousands go into the ledger in batches that MongoDB takes, each row once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import MOST_ROWS, Keeper
from watchers.heartbeat import HEARTBEATS

STORES, ITEMS = 45, 1_000


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


async def test_what_another_program_inserts_at_once_goes_in_piece_by_piece(
    mongo_url: str, database: Database[dict[str, Any]]
) -> None:
    items = {f"item-{number}": 7 for number in range(ITEMS)}
    async with keeping(mongo_url, database.name) as keeper:
        documents = [{"_id": f"store-{number}", "items": items} for number in range(STORES)]
        await asyncio.to_thread(database["stores"].insert_many, documents)
        await until(lambda: keeper.counts["rows"] >= STORES * ITEMS)
    count = {"$group": {"_id": "$_id.b", "rows": {"$sum": {"$size": "$rows"}}}}
    batches = [batch["rows"] for batch in database["movements"].aggregate([count])]
    assert sum(batches) == STORES * ITEMS
    assert max(batches) <= MOST_ROWS


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
