"""A document that another program breaks: who listens is told, and is told again once it is mended."""

import json
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from pymongo import UpdateOne
from websockets.exceptions import InvalidStatus

from store_api.contract.schemas import Broken, schemas_of
from tests.end_to_end.conftest import Stores
from tests.support.listening import Socket, listening
from tests.support.service import Service

BROKEN_STORE = 4500
REASON = "its 'items' is not an object"


def break_it(stores: Stores, store_id: str) -> None:
    broken = UpdateOne({"_id": store_id}, {"$set": {"items": 7}}, upsert=True)
    stores.bulk_write([broken], bypass_document_validation=True)


async def about(socket: Socket, store_id: str) -> dict[str, Any]:
    """Wait for the next frame about a store, among those about others."""
    while True:
        frame: dict[str, Any] = json.loads(await socket.frame())
        (about,) = frame.values()
        if about["store_id"] == store_id:
            return frame


def report(store_id: str, **items: int) -> dict[str, Any]:
    lines = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in items.items()]
    return {"store": {"store_id": store_id, "report": lines}}


def broken(store_id: str) -> dict[str, Any]:
    detail = f"The document of store '{store_id}' is broken: {REASON}."
    return {"broken": {"store_id": store_id, "detail": detail}}


@pytest.mark.parametrize("only_changes", [False, True])
async def test_who_listens_to_the_store_is_closed_and_cannot_come_back_until_it_is_mended(
    service: Service, stores: Stores, store_id: str, only_changes: bool
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    async with listening(service, store_id, snapshot=True, only_changes=only_changes) as socket:
        assert await about(socket, store_id) == report(store_id, chair=1)
        stores.update_one({"_id": store_id}, {"$set": {"items.chair": 2}})
        break_it(stores, store_id)
        assert await about(socket, store_id) == report(store_id, chair=2)
        assert await socket.closed() == BROKEN_STORE
    for snapshot in (True, False):
        with pytest.raises(InvalidStatus) as refused:
            async with listening(service, store_id, snapshot=snapshot, only_changes=only_changes):
                pass
        assert refused.value.response.status_code == 500
        assert REASON in json.loads(refused.value.response.body or b"")["detail"]
    stores.update_one({"_id": store_id}, {"$set": {"items": {"chair": 3}}})
    async with listening(service, store_id, snapshot=True, only_changes=only_changes) as socket:
        assert await about(socket, store_id) == report(store_id, chair=3)


@pytest.mark.parametrize("only_changes", [False, True])
async def test_who_listens_to_all_is_told_of_the_broken_one(
    service: Service, stores: Stores, http: httpx.AsyncClient, store_id: str, only_changes: bool
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1, "table": 2}})
    async with listening(service, None, snapshot=True, only_changes=only_changes) as early:
        assert await about(early, store_id) == report(store_id, chair=1, table=2)
        break_it(stores, store_id)
        told = await about(early, store_id)
        assert told == broken(store_id)
        async with listening(service, None, snapshot=True, only_changes=only_changes) as late:
            assert await about(late, store_id) == broken(store_id)
            stores.update_one({"_id": store_id}, {"$set": {"items": {"chair": 3, "table": 2}}})
            assert await about(late, store_id) == report(store_id, chair=3, table=2)
            mended = await about(early, store_id)
            assert {"item_id": "chair", "quantity": 3} in mended["store"]["report"]
            supply = {"operation": "supply", "item_id": "chair", "quantity": 1}
            await http.post(f"/stores/{store_id}", json=supply)
            assert {"item_id": "chair", "quantity": 4} in (await about(early, store_id))["store"]["report"]
    components = {"components": {"schemas": schemas_of(Broken)}}
    Draft202012Validator({"$ref": "#/components/schemas/Broken", **components}).validate(told)


async def test_a_store_that_was_broken_is_gone_when_it_is_deleted(
    service: Service, stores: Stores, store_id: str
) -> None:
    async with listening(service, None) as socket:
        break_it(stores, store_id)
        assert await about(socket, store_id) == broken(store_id)
        stores.delete_one({"_id": store_id})
        assert await about(socket, store_id) == report(store_id)
