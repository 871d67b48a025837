"""Foretold changes of many stores are one statement, and each of them is told as if it were alone."""

from typing import Any

import pytest
from bson import Int64
from msgspec import structs
from pymongo import MongoClient

from store_api.errors import OutcomeUnknown
from store_api.stock import Change, Stamp, Written
from store_api.storage.updates import joint_statement, one_of_many
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import insert_unchecked
from tests.integration.heard import Heard
from tests.support.fail_points import failing

Mongo = MongoClient[dict[str, Any]]

APPLIED, NOT_MATCHED, UNFIT, HELD = Written.APPLIED, Written.NOT_MATCHED, Written.UNFIT, Written.HELD
ODD = {"chair": 5, "$set": 5, "100%": 5, "a.b": 5, "$$ROOT": 5}
"""Ids that mean something to MongoDB where they are not taken as they are."""


def updates_of(heard: Heard) -> list[list[bool]]:
    """Tell of each statement of each update whether it changes many stores."""
    return [[each.get("multi", False) for each in sent["updates"]] for _, sent, _ in heard.named("update")]


@pytest.fixture
def stores(other_program: Mongo, database_name: str) -> Any:
    stores = other_program[database_name].stores
    encoded = {"chair": 5, "%24set": 5, "100%25": 5, "a%2Eb": 5, "%24%24ROOT": 5}
    stores.insert_many([{"_id": f"s{number}", "items": encoded, "rev": 1} for number in range(5)])
    return stores


def change(number: int, **more: Any) -> Change:
    leaves = {**ODD, "$set": 4, "chair": 3 + number}
    wanted = {"$set": -1, "chair": number - 2}
    stamp = Stamp("w", 2 * number + 2)
    fields = {"found": ODD, "leaves": leaves, "stamp": stamp, "said": b"%d" % number, **more}
    return Change(f"s{number}", wanted, {"$set": 1}, **fields)


CHANGES = [change(number) for number in range(5)]


def after(number: int) -> dict[str, Any]:
    return {
        "_id": f"s{number}",
        "items": {"chair": 3 + number, "%24set": 4, "100%25": 5, "a%2Eb": 5, "%24%24ROOT": 5},
        "rev": 2,
        "writers": {"w": 2 * number + 2},
        "last": b"%d" % number,
    }


async def test_many_are_one_statement(writer: StoreWriter, stores: Any, heard: Heard) -> None:
    assert await writer.apply_many(CHANGES) == [APPLIED] * 5
    assert updates_of(heard) == [[True]]
    assert len(heard.named("find")) == 0
    assert list(stores.find(sort=[("_id", 1)])) == [after(number) for number in range(5)]


async def test_a_store_is_as_it_would_be_after_a_statement_of_its_own(stores: Any) -> None:
    stores.update_one(
        {"_id": "s1"}, {"$set": {"note": "kept", "writers": {"v": Int64(8)}}, "$unset": {"rev": 1}}
    )
    before = stores.find_one({"_id": "s1"})
    written = []
    for statement in (joint_statement([CHANGES[0], CHANGES[1]]), one_of_many(CHANGES[1])):
        stores.replace_one({"_id": "s1"}, before)
        stores.database.command({"update": "stores", "updates": [statement]})
        written.append(stores.find_one({"_id": "s1"}))
    jointly, alone = written
    assert jointly == alone != before
    assert [type(number) for number in jointly["writers"].values()] == [Int64, Int64]
    # What a report shows keeps its place, too.
    assert list(jointly["items"]) == list(alone["items"])


async def test_what_others_changed_meanwhile_is_left_as_it_is(
    writer: StoreWriter, stores: Any, heard: Heard
) -> None:
    stores.update_one({"_id": "s1"}, {"$inc": {"items.chair": 1}})
    stores.delete_one({"_id": "s2"})
    stores.update_one({"_id": "s3"}, {"$set": {"writers": {"w": Int64(9)}}})
    others = list(stores.find({"_id": {"$in": ["s1", "s3"]}}))
    assert await writer.apply_many(CHANGES) == [APPLIED, NOT_MATCHED, NOT_MATCHED, NOT_MATCHED, APPLIED]
    assert updates_of(heard) == [[True]]
    assert len(heard.named("find")) == 1
    assert list(stores.find({"_id": {"$in": ["s1", "s3"]}})) == others
    assert list(stores.find({"_id": {"$in": ["s0", "s2", "s4"]}})) == [after(0), after(4)]


async def test_a_copy_that_comes_late_changes_nothing(writer: StoreWriter, stores: Any) -> None:
    await writer.apply_many(CHANGES)
    stores.update_many({}, {"$set": {"items": {"chair": 5, "%24set": 5}, "rev": 7}})
    late = [structs.replace(one, found={"chair": 5, "$set": 5}) for one in CHANGES]
    reply = stores.database.command({"update": "stores", "updates": [joint_statement(late)]})
    assert (reply["n"], reply["nModified"]) == (5, 0)


async def test_whatever_is_of_another_kind_goes_out_beside_them(
    writer: StoreWriter, stores: Any, heard: Heard
) -> None:
    changes = [
        Change("new", {"chair": 1}, {}, creates=True, stamp=Stamp("w", 20)),
        CHANGES[0],
        Change("s1", {"chair": -9}, {"chair": 9}, stamp=Stamp("w", 22)),
        CHANGES[2],
        change(3, stamp=Stamp("another", 2)),
        Change("s4", {"chair": -1}, {"chair": 1}, stamp=Stamp("w", 24)),
    ]
    expected = [APPLIED, APPLIED, NOT_MATCHED, APPLIED, APPLIED, APPLIED]
    assert await writer.apply_many(changes) == expected
    assert updates_of(heard) == [[False] * 4 + [True]]
    assert stores.find_one({"_id": "s2"}) == after(2)
    assert stores.find_one({"_id": "s3"}) == {**after(3), "writers": {"another": 2}}


async def test_one_that_cannot_take_it_stops_no_other(
    writer: StoreWriter, other_program: Mongo, stores: Any, heard: Heard
) -> None:
    broken = stores.find_one_and_delete({"_id": "s2"}) | {"rev": "many"}
    insert_unchecked(stores, broken)
    assert await writer.apply_many(CHANGES) == [APPLIED, APPLIED, UNFIT, APPLIED, APPLIED]
    assert updates_of(heard) == [[True], [False] * 5]
    assert list(stores.find(sort=[("_id", 1)])) == [after(0), after(1), broken, after(3), after(4)]


async def test_a_store_that_is_held_holds_no_other(
    writer: StoreWriter, other_program: Mongo, stores: Any
) -> None:
    with other_program.start_session() as session, session.start_transaction():
        stores.update_one({"_id": "s2"}, {"$inc": {"items.chair": 1}}, session=session)
        assert await writer.apply_many(CHANGES) == [APPLIED, APPLIED, HELD, APPLIED, APPLIED]
        session.abort_transaction()
    assert [document["rev"] for document in stores.find(sort=[("_id", 1)])] == [2, 2, 1, 2, 2]


async def test_those_whose_marks_nobody_tells_are_unknown(
    writer: StoreWriter, other_program: Mongo, stores: Any
) -> None:
    stores.update_one({"_id": "s1"}, {"$inc": {"items.chair": 1}})
    with failing(other_program, "find", errorCode=8):
        assert await writer.apply_many(CHANGES) == [Written.UNKNOWN] * 5
    settled = [await writer.settle(one) for one in CHANGES]
    assert settled == [APPLIED, Written.FENCED, APPLIED, APPLIED, APPLIED]


async def test_without_an_answer_all_are_unknown(
    writer: StoreWriter, other_program: Mongo, stores: Any
) -> None:
    with failing(other_program, "update", times=1, closeConnection=True), pytest.raises(OutcomeUnknown):
        await writer.apply_many(CHANGES)
    assert stores.count_documents({"rev": 1}) == 5


async def test_what_no_majority_has_is_unknown(
    writer: StoreWriter, other_program: Mongo, stores: Any
) -> None:
    stores.update_one({"_id": "s1"}, {"$inc": {"items.chair": 1}})
    no_majority = {"code": 64, "errmsg": "waiting for replication timed out"}
    with failing(other_program, "update", times=1, writeConcernError=no_majority):
        written = await writer.apply_many(CHANGES)
    assert written == [Written.UNKNOWN, NOT_MATCHED, *[Written.UNKNOWN] * 3]
