import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.errors import WriteError

from store_api.errors import DatabaseUnavailable
from store_api.sending.primary import Primary
from store_api.stock import Change
from store_api.storage import documents
from store_api.storage.clients import Client, connect
from store_api.storage.schema import COLLECTION
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.support.fail_points import failing
from tests.support.mongod import free_port

Mongo = MongoClient[dict[str, Any]]


def rules_of(mongo: Mongo, database: str) -> tuple[object, object, object]:
    """The validator in force, how strictly, and what happens to what it does not like."""
    (found,) = mongo[database].list_collections(filter={"name": COLLECTION})
    options = found["options"]
    return (
        options.get("validator"),
        options.get("validationLevel", "strict"),
        options.get("validationAction", "error"),
    )


THAT_OF_1_0: dict[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "properties": {
            "_id": {"bsonType": "string"},
            "items": {
                "bsonType": "object",
                "additionalProperties": {"bsonType": ["int", "long"], "minimum": 0},
            },
            "rev": {"bsonType": ["int", "long"]},
        },
    }
}
OURS = (documents.VALIDATOR, "strict", "error")


async def test_the_collection_is_created_with_its_validator(
    client: Client, other_program: Mongo, database_name: str
) -> None:
    repository = StoreWriter(client, database_name)
    await repository.prepare()
    assert rules_of(other_program, database_name) == OURS
    await repository.prepare()
    assert rules_of(other_program, database_name) == OURS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validator": {"items": {"$type": "object"}}},
        {"validator": THAT_OF_1_0},
        {"validator": documents.VALIDATOR, "validationAction": "warn"},
        {"validator": documents.VALIDATOR, "validationLevel": "moderate"},
        {"validator": documents.VALIDATOR, "validationLevel": "off"},
    ],
    ids=[
        "no validator",
        "an old one",
        "that of 1.0",
        "ours that only warns",
        "ours but moderate",
        "ours switched off",
    ],
)
async def test_a_validator_of_another_time_is_brought_up_to_date_and_the_stores_stay(
    client: Client, other_program: Mongo, database_name: str, options: Mapping[str, Any]
) -> None:
    stores = other_program[database_name].create_collection(COLLECTION, **options)
    stores.insert_one({"_id": "north", "items": {"chair": 3}})
    await StoreWriter(client, database_name).prepare()
    assert rules_of(other_program, database_name) == OURS
    assert stores.find_one() == {"_id": "north", "items": {"chair": 3}}


async def test_of_two_services_that_start_at_once_both_find_it_prepared(
    client: Client, mongo_url: str, other_program: Mongo, database_name: str
) -> None:
    second: Client = AsyncIOMotorClient(mongo_url, appname="second service")
    await second.admin.command("ping")
    # Each has seen that there is no collection before either creates it.
    with failing(other_program, "create", blockConnection=True, blockTimeMS=200) as held_back:
        first = asyncio.create_task(StoreWriter(client, database_name).prepare())
        await held_back.wait_until_hit()
        await StoreWriter(second, database_name).prepare()
        await first
    second.close()
    assert rules_of(other_program, database_name) == OURS


@pytest.mark.parametrize("command", ["listCollections", "create", "collMod"])
async def test_without_the_right_to_prepare_it_warns_once_and_the_service_goes_on(
    client: Client, other_program: Mongo, database_name: str, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    if command == "collMod":
        other_program[database_name].create_collection(COLLECTION)
    repository = StoreWriter(client, database_name)
    with failing(other_program, command, errorCode=13):
        await repository.prepare()
    assert [vars(record)["action"] for record in caplog.records] == ["validator_not_ours"]
    assert caplog.records[0].levelno == logging.WARNING
    assert await repository.apply(Change("north", {"chair": 1}, {}, creates=True), None) == {"chair": 1}


async def test_a_database_that_fails_is_unavailable_and_says_no_more(
    client: Client, other_program: Mongo, database_name: str
) -> None:
    with (
        failing(other_program, "listCollections", errorCode=8),
        pytest.raises(DatabaseUnavailable) as unavailable,
    ):
        await StoreWriter(client, database_name).prepare()
    assert str(unavailable.value) == DatabaseUnavailable.__doc__


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    nowhere = connect(f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0")
    repository = StoreWriter(nowhere, "store_api", Primary(nowhere.delegate, patience=0.1))
    with pytest.raises(DatabaseUnavailable):
        await repository.prepare()
    assert not repository.primary.look()
    nowhere.close()


async def test_the_primary_is_seen(repository: StoreWriter) -> None:
    assert repository.primary.look()


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"items.chair": -1}},
        {"$inc": {"items.chair": -11}},
        {"$inc": {"items.table": -1}},
        {"$set": {"items.chair": 1.5}},
        {"$set": {"items.chair": 1.0}},
        {"$inc": {"items.chair": 0.5}},
        {"$mul": {"items.chair": 0.5}},
        {"$set": {"items.chair": float("nan")}},
        {"$set": {"items.chair": float("inf")}},
        {"$set": {"items.chair": Decimal128("1")}},
        {"$set": {"items.chair": "1"}},
        {"$set": {"items.chair": True}},
        {"$set": {"items.chair": None}},
        {"$set": {"items.chair": {"n": 1}}},
        {"$set": {"items.chair": [1]}},
        {"$set": {"items": "chair"}},
        {"$set": {"items": [1]}},
        {"$set": {"items": None}},
        {"$set": {"rev": "1"}},
    ],
    ids=str,
)
def test_no_program_can_write_what_is_no_quantity(
    stores: Documents, store_id: str, update: Mapping[str, Any]
) -> None:
    document = {"_id": store_id, "items": {"chair": 10}, "rev": 1}
    stores.insert_one(document)
    with pytest.raises(WriteError) as refused:
        stores.update_one({"_id": store_id}, update)
    assert refused.value.code == 121
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == document


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("wrong_id", [7, 7.5, ObjectId(24 * "a"), {"id": "north"}, True], ids=repr)
def test_no_program_can_create_a_store_whose_id_is_no_string(stores: Documents, wrong_id: object) -> None:
    with pytest.raises(WriteError) as refused:
        stores.insert_one({"_id": wrong_id, "items": {}})
    assert refused.value.code == 121
    assert stores.find_one({"_id": wrong_id}) is None


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("update", "after"),
    [
        ({"$inc": {"items.chair": -10}}, {"items": {"chair": 0}}),
        ({"$set": {"items.table": Int64(2**63 - 1)}}, {"items": {"chair": 10, "table": 2**63 - 1}}),
        ({"$unset": {"items.chair": ""}}, {"items": {}}),
        ({"$unset": {"items": ""}}, {}),
        ({"$set": {"name": "North"}}, {"items": {"chair": 10}, "name": "North"}),
        ({"$set": {"items.a%2Eb": 1}}, {"items": {"chair": 10, "a%2Eb": 1}}),
    ],
    ids=str,
)
def test_any_program_can_write_what_is_a_stock(
    stores: Documents, store_id: str, update: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 10}})
    stores.update_one({"_id": store_id}, update)
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {"_id": store_id, **after}
