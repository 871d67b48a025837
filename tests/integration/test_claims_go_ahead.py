"""Claims that go ahead of their write on its connection: no wait of their own, no write without them."""

from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from store_api.claims import Claim, NotClaimed
from store_api.errors import OutcomeUnknown
from store_api.sending.insert_first import InsertFirst
from store_api.stock import Change, Key, Stamp
from store_api.storage.writer import StoreWriter
from tests.integration.heard import Heard
from tests.support.fail_points import failing

Mongo = MongoClient[dict[str, Any]]

FAILURES: list[dict[str, Any]] = [{"closeConnection": True}, {"errorCode": 189}, {"errorCode": 50}]


def writes_of(heard: Heard) -> list[tuple[str, Any, int | None]]:
    """Give the name of each write, how many must have it, and its connection."""
    written = heard.named("insert", "update")
    return [(name, command["writeConcern"]["w"], connection) for name, command, connection in written]


@pytest.fixture
def database(other_program: Mongo, database_name: str) -> Any:
    database = other_program[database_name]
    database.stores.insert_one({"_id": "north", "items": {"chair": 5}})
    return database


def change(number: int = 2, **more: Any) -> Change:
    return Change("north", {"chair": -1}, {"chair": 1}, stamp=Stamp("w", number), **more)


def claim(number: int = 2) -> Claim:
    return Claim(Key("c", uuid4().hex, b"what"), "north", "w", number)


async def test_claims_and_write_share_a_connection_and_one_majority(
    writer: StoreWriter, database: Any, heard: Heard
) -> None:
    assert await writer.apply(change(), None, claims=[claim(), claim()]) == {"chair": 4}
    first, second = writes_of(heard)
    assert (first[:2], second[:2]) == (("insert", 1), ("update", "majority"))
    assert first[2] == second[2] is not None
    assert database.claims.count_documents({"writer": "w", "n": 2}) == 2


async def test_of_many_stores_too(writer: StoreWriter, database: Any, heard: Heard) -> None:
    await writer.apply_many([change()], [claim()])
    assert [name for name, *_ in writes_of(heard)] == ["insert", "update"]
    assert len({connection for *_, connection in writes_of(heard)}) == 1
    assert database.stores.find_one({"_id": "north"})["items"] == {"chair": 4}


async def test_where_a_key_is_claimed_already_nothing_is_written(writer: StoreWriter, database: Any) -> None:
    mine = claim()
    await writer.apply(change(), None, claims=[mine])
    for written in (
        writer.apply(change(4), None, claims=[claim(4), mine]),
        writer.apply_many([change(4)], [claim(4), mine]),
    ):
        with pytest.raises(NotClaimed):
            await written
    assert database.stores.find_one({"_id": "north"})["items"] == {"chair": 4}


@pytest.mark.parametrize("failure", FAILURES, ids=str)
async def test_where_nobody_says_whether_keys_are_claimed_nothing_is_written(
    writer: StoreWriter, database: Any, other_program: Mongo, failure: dict[str, Any]
) -> None:
    with failing(other_program, "insert", times=1, **failure), pytest.raises(NotClaimed):
        await writer.apply(change(), None, claims=[claim()])
    assert database.stores.find_one({"_id": "north"})["items"] == {"chair": 5}


async def test_a_write_that_fails_after_its_claims_is_told_as_ever(
    writer: StoreWriter, database: Any, other_program: Mongo
) -> None:
    with failing(other_program, "update", times=1, errorCode=10107), pytest.raises(OutcomeUnknown):
        await writer.apply(change(), None, claims=[claim()])
    assert database.claims.count_documents({}) == 1


async def test_a_store_is_made_once_its_claims_are_sure(
    writer: StoreWriter, database: Any, heard: Heard
) -> None:
    made = Change("south", {"lamp": 2}, {}, creates=True, stamp=Stamp("w", 2))
    assert await writer.apply(made, None, claims=[claim()]) == {"lamp": 2}
    assert [(name, concern) for name, concern, _ in writes_of(heard)] == [
        ("insert", 1),
        ("update", "majority"),
        ("insert", "majority"),
    ]
    assert database.claims.count_documents({}) == 1


def test_what_comes_later_is_not_sent_where_a_fail_over_undid_the_insert(
    writer: StoreWriter, database: Any, other_program: Mongo
) -> None:
    first = InsertFirst(database, "claims", [{"_id": 1, "writer": "w"}, {"_id": 2, "writer": "w"}])
    raising = {"update": "stores", "updates": [{"q": {"_id": "north"}, "u": {"$inc": {"items.chair": 1}}}]}
    assert first.command(dict(raising), database.codec_options)["n"] == 1
    assert first.command(dict(raising), database.codec_options)["n"] == 1
    # As if it had been undone, and another process had claimed that key.
    database.claims.replace_one({"_id": 2}, {"writer": "another"})
    with pytest.raises(PyMongoError, match="no majority"):
        first.command(dict(raising), database.codec_options)
    assert database.stores.find_one({"_id": "north"})["items"] == {"chair": 7}
