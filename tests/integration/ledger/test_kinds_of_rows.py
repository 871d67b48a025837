"""Each kind of change, by whomever, has its rows; what changes nothing has none."""

from typing import Any

import bson
import pytest
from bson import Binary, Int64
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, ReplaceOne, UpdateOne

from store_api.commit import Committer
from store_api.ledger import keeper as keepers
from store_api.ledger import reconciling
from store_api.ledger.rows import MOVEMENTS
from store_api.stock import Operation, OperationKind, said_of
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.ledger.keeping import Kept, keeping
from tests.support.ledger_check import rows_of

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keepers gather but a moment."""
    monkeypatch.setattr(keepers, "GATHER_SECONDS", 0.02)


async def test_operations_of_ours_say_who_and_why(
    kept: Kept, client: Client, sender_client: Mongo, database_name: str
) -> None:
    writer = StoreWriter(client, database_name, writes=sender_client)
    await writer.prepare()
    committer = Committer(writer, says=True)

    async def operate(kind: OperationKind, *, actor: str | None = None, **items: int) -> None:
        reference = None if actor is None else "R-1"
        await committer.submit(
            Operation("north", kind, items, actor=actor, reference=reference, reason="sale")
        )

    async with keeping(kept.ledger):
        await kept.until_kept()
        await operate(OperationKind.SUPPLY, actor="depot", chair=5, table=2)
        await operate(OperationKind.DEMAND, actor="till-7", chair=2)
        await operate(OperationKind.DEMAND, table=2)
        await kept.until_kept()
        await operate(OperationKind.CLEAN, actor="boss")
        await kept.until_kept()
    await committer.close()
    assert kept.told("north") == [
        ("chair", 5, 5, "supply"),
        ("table", 2, 2, "supply"),
        ("chair", -2, 3, "demand"),
        ("table", -2, 0, "demand"),
        ("chair", -3, 0, "clean"),
    ]
    said = [(row.get("a"), row.get("r"), row.get("w")) for row in rows_of(kept.database, "north")]
    assert said == [
        *[("depot", "R-1", "sale")] * 2,
        ("till-7", "R-1", "sale"),
        (None, None, "sale"),
        ("boss", "R-1", "sale"),
    ]


async def test_writes_of_others_are_direct_whatever_they_write(kept: Kept) -> None:
    stores = kept.stores
    stores.insert_one({"_id": "north", "items": {"chair": 5, "table": 1}})
    async with keeping(kept.ledger):
        await kept.until_kept()
        stores.update_one(
            {"_id": "north"}, {"$inc": {"items.chair": -2}, "$set": {"by": {"actor": "scales"}}}
        )
        stores.update_one(
            {"_id": "north"}, [{"$set": {"items": {"lamp": Int64(2**63 - 1)}, "name": "North"}}]
        )
        stores.replace_one({"_id": "north"}, {"items": {"lamp": 1, "odd": -3, "half": 0.5}})
        stores.update_one({"_id": "north"}, {"$unset": {"items": ""}})
        stores.update_one({"_id": "north"}, {"$set": {"name": "none of the ledger's business"}})
        stores.delete_one({"_id": "north"})
        stores.insert_one({"_id": "north"})
        stores.bulk_write(
            [
                UpdateOne({"_id": "north"}, {"$set": {"items.chair": 1}}),
                ReplaceOne({"_id": "north"}, {"items": {"chair": 1}}),
                UpdateOne({"_id": "north"}, {"$unset": {"items.chair": ""}}),
            ]
        )
        await kept.until_kept()
    most = 2**63 - 1
    assert kept.told("north") == [
        ("chair", 5, 5, "opening"),
        ("table", 1, 1, "opening"),
        ("chair", -2, 3, "direct"),
        ("lamp", most, most, "direct"),
        ("lamp", 1 - most, 1, "direct"),
        ("chair", -3, 0, "direct"),
        ("table", -1, 0, "direct"),
        ("lamp", -1, 0, "direct"),
        ("chair", 1, 1, "direct"),
        ("chair", -1, 0, "direct"),
    ]
    assert [row["i"] for row in rows_of(kept.database, "north") if row.get("a") == "scales"] == ["chair"]


async def test_a_transaction_of_many_stores_has_its_rows_once(kept: Kept) -> None:
    ids = [f"store-{number}" for number in range(1200)]
    async with keeping(kept.ledger):
        await kept.until_kept()
        with kept.mongo.start_session() as session, session.start_transaction():
            kept.stores.insert_many(({"_id": each, "items": {"chair": 2}} for each in ids), session=session)
            kept.stores.update_many({}, {"$inc": {"items.chair": -1}}, session=session)
        await kept.until_kept()
    assert {tuple(kept.told(each)) for each in ids} == {
        (("chair", 2, 2, "direct"), ("chair", -1, 1, "direct"))
    }


async def test_more_than_goes_in_at_once_goes_in_piece_by_piece(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "MOST_ROWS", 2_000)
    items = {f"item-{number}": 1 for number in range(1_500)}
    async with keeping(kept.ledger):
        await kept.until_kept()
        kept.stores.insert_many({"_id": f"store-{number}", "items": items} for number in range(4))
        await kept.until_kept()
    sizes = [len(bucket["rows"]) for bucket in kept.database[MOVEMENTS].find()]
    assert (max(sizes), sum(sizes)) == (1_000, 6_000)
    assert len(kept.database[MOVEMENTS].distinct("_id.b")) >= 2


async def test_an_empty_store_before_a_large_one_is_opened_too(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "LINES_AT_ONCE", 3)
    kept.stores.insert_many(
        [{"_id": "a"}, {"_id": "b", "items": {f"item-{number}": 1 for number in range(8)}}]
    )
    async with keeping(kept.ledger):
        await kept.until_kept()
    assert kept.ledger.balance("a").exists
    assert len(kept.told("b")) == 8


async def test_more_said_than_goes_in_at_once_takes_no_row_of_others_along(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "MOST_ROWS", 5)
    kept.stores.insert_many({"_id": each, "items": {"chair": 9}} for each in ("north", "south"))
    items = {f"item-{number}": 1 for number in range(6)}
    wishes = [Operation("south", kind, items) for kind in (OperationKind.SUPPLY, OperationKind.DEMAND)]
    said = Binary(said_of("w", 20, wishes))
    async with keeping(kept.ledger):
        await kept.until_kept()
        with kept.mongo.start_session() as session, session.start_transaction():
            kept.stores.update_one({"_id": "north"}, {"$inc": {"items.chair": -1}}, session=session)
            forged = {"$set": {"writers.w": Int64(20), "last": said}}
            kept.stores.update_one({"_id": "south"}, forged, session=session)
        await kept.until_kept()
    assert kept.told("north")[-1] == ("chair", -1, 8, "direct")
    assert len(kept.told("south")) == 1 + 12


def odd(store_id: bytes) -> RawBSONDocument:
    """Make a store's document whose id is these bytes, which need be no UTF-8."""
    body = b"\x02_id\x00" + (len(store_id) + 1).to_bytes(4, "little") + store_id + b"\x00"
    body += b"\x03items\x00" + bson.encode({"chair": 1})
    return RawBSONDocument((len(body) + 5).to_bytes(4, "little") + body + b"\x00")


async def test_ids_that_sort_oddly_all_have_their_opening(kept: Kept) -> None:
    kept.stores.drop()
    kept.database.create_collection("stores", collation={"locale": "en", "numericOrdering": True})
    ids = ["", "a\x00b", "s9", "s10", "S9", "\U0001f4a1", "\uffee", "\n", "z" * 128]
    kept.stores.insert_many({"_id": each, "items": {"chair": 1}} for each in ids)
    kept.database["stores"].insert_many([odd(b"\xff"), odd(b"s\x80")])
    async with keeping(kept.ledger):
        await kept.until_kept(proved=False)
    for each in ids:
        assert kept.told(each) == [("chair", 1, 1, "opening")], each
