"""Change events as MongoDB sends them (manual, Change Events), and the store changes that they are."""

from typing import Any

import pytest
from bson import ObjectId, Timestamp

from watchers.changes import StoreChange, store_change_of

AT = Timestamp(1700000000, 7)


def event(kind: str, store_id: object = "abc111", **fields: Any) -> dict[str, Any]:
    namespace = {"db": "store_api", "coll": "stores"}
    return {
        "_id": {"_data": "8263..."},
        "operationType": kind,
        "clusterTime": AT,
        "ns": namespace,
        "documentKey": {"_id": store_id},
        **fields,
    }


@pytest.mark.parametrize("kind", ["insert", "replace"])
def test_a_new_document_is_told_whole(kind: str) -> None:
    document = {"_id": "abc111", "items": {"a": 1}, "rev": 1}
    change = store_change_of(event(kind, fullDocument=document))
    assert change == StoreChange("abc111", AT, document=document)


def test_an_update_is_told_field_by_field() -> None:
    description = {
        "updatedFields": {"items.a": 3, "rev": 2},
        "removedFields": ["items.b"],
        "truncatedArrays": [],
    }
    change = store_change_of(event("update", updateDescription=description))
    assert change == StoreChange("abc111", AT, updated={"items.a": 3, "rev": 2}, removed=["items.b"])


def test_a_deletion_is_told() -> None:
    assert store_change_of(event("delete")) == StoreChange("abc111", AT, deleted=True)


@pytest.mark.parametrize("store_id", [7, ObjectId("0123456789abcdef01234567"), None, {"a": 1}, b"abc"])
@pytest.mark.parametrize("kind", ["insert", "update", "replace", "delete"])
def test_a_document_whose_id_is_no_text_is_no_store(kind: str, store_id: object) -> None:
    described: dict[str, Any] = {"updatedFields": {}, "removedFields": []}
    assert store_change_of(event(kind, store_id, fullDocument={}, updateDescription=described)) is None


@pytest.mark.parametrize("kind", ["drop", "rename", "dropDatabase", "invalidate"])
def test_what_happens_to_the_collection_is_no_change_of_a_store(kind: str) -> None:
    whole = event(kind)
    del whole["documentKey"]
    assert store_change_of(whole) is None


def test_an_event_that_a_later_mongodb_invents_is_passed_over() -> None:
    assert store_change_of(event("teleport")) is None
