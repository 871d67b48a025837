"""Changes that come by thousands go into the ledger in batches that MongoDB takes, each row once."""

import asyncio
import time
from typing import Any

from pymongo import MongoClient

from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import MOST_ROWS, Keeper
from watchers.heartbeat import HEARTBEATS

STORES, ITEMS = 45, 1_000


async def test_what_another_program_inserts_at_once_goes_in_piece_by_piece(
    mongo_url: str, database_name: str, other_program: MongoClient[dict[str, Any]]
) -> None:
    database = other_program[database_name]
    database.create_collection("stores")
    database[HEARTBEATS].insert_one({"_id": "beat"})
    items = {f"item-{number}": 7 for number in range(ITEMS)}
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        ledger = LedgerCollections(client, database_name)
        ledger.prepare()
        keeper = Keeper(ledger, lambda: 0.5, time.time)
        running = asyncio.create_task(keeper.run())
        async with asyncio.timeout(20):
            # From its beginning on: what was there before is opening rows, in batches of their own.
            while (state := await asyncio.to_thread(ledger.state)) is None or state.reconciling is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            documents = [{"_id": f"store-{number}", "items": items} for number in range(STORES)]
            await asyncio.to_thread(database["stores"].insert_many, documents)
            while keeper.counts["rows"] < STORES * ITEMS:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        keeper.stop()
        await running
    count = {"$group": {"_id": "$_id.b", "rows": {"$sum": {"$size": "$rows"}}}}
    batches = [batch["rows"] for batch in database["movements"].aggregate([count])]
    assert sum(batches) == STORES * ITEMS
    assert max(batches) <= MOST_ROWS
    assert len(batches) >= STORES * ITEMS / MOST_ROWS
