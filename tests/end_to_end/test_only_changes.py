"""`?only=changes`: small frames that, applied to the snapshot, make the very report that the service has."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pymongo import MongoClient, UpdateOne

from tests.end_to_end.conftest import Stores, service_alone
from tests.support.listening import Socket, apply_changes, listening, never_reading, read_report
from tests.support.service import Service

ITEMS = 13_247
"""As many as the largest store of the demo has."""

MINIMAL = {"Prefer": "return=minimal"}

pytestmark = pytest.mark.unwatched


@pytest.fixture(scope="module", params=["1", "2"], ids=["one_process", "two_workers"])
def service(
    mongo_url: str,
    mongo: MongoClient[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Service]:
    with service_alone(mongo_url, mongo, tmp_path_factory.mktemp("service"), request.param) as service:
        yield service


async def stock_in(http: httpx.AsyncClient, store_id: str) -> dict[str, int]:
    return read_report((await http.get(f"/stores/{store_id}")).content).items


async def changed(socket: Socket, stock: dict[str, int], frames: int = 1) -> dict[str, int]:
    """Carry the next frames over into a stock."""
    for _ in range(frames):
        apply_changes(await socket.frame(), stock)
    return stock


async def test_one_line_of_a_large_store_is_a_small_frame(
    service: Service, stores: Stores, http: httpx.AsyncClient, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {f"item-{number}": 1000 for number in range(ITEMS)}})
    async with (
        listening(service, store_id, snapshot=True, only_changes=True) as socket,
        listening(service, None, only_changes=True) as every,
    ):
        first = await socket.frame()
        stock = read_report(first).items
        assert len(stock) == ITEMS
        demand = {"operation": "demand", "item_id": "item-7000", "quantity": 1}
        answer = await http.post(f"/stores/{store_id}", json=demand, headers=MINIMAL)
        frame = await socket.frame()
        assert frame == answer.text == await every.frame()
        assert 60 <= len(frame.encode()) <= 110
        assert len(first.encode()) > 450_000
        apply_changes(frame, stock)
    whole = await stock_in(http, store_id)
    assert stock == whole
    assert whole["item-7000"] == 999
    stores.delete_one({"_id": store_id})


async def test_every_kind_of_operation_is_a_frame_of_its_lines(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    items = [{"item_id": item_id, "quantity": 2} for item_id in ("chair", "a.b/$x")]
    async with listening(service, store_id, snapshot=True, only_changes=True) as socket:
        stock = await changed(socket, {})
        assert stock == {}
        await http.post(f"/stores/{store_id}/group_op", json={"operation": "supply", "items": items})
        assert await changed(socket, stock) == {"chair": 2, "a.b/$x": 2}
        await http.post(
            f"/stores/{store_id}", json={"operation": "demand", "item_id": "chair", "quantity": 2}
        )
        frame = await socket.frame()
        assert frame.endswith('"report":[{"item_id":"chair","quantity":0}]}}')
        apply_changes(frame, stock)
        assert stock == await stock_in(http, store_id) == {"a.b/$x": 2}
        await http.post(f"/stores/{store_id}/clean")
        # A sweep of the used-up chair may come between, a frame of no line.
        while stock:
            await changed(socket, stock)


async def test_whatever_others_write_the_changes_make_the_report(
    service: Service, stores: Stores, http: httpx.AsyncClient, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "table": 1}})
    async with listening(service, store_id, snapshot=True, only_changes=True) as socket:
        stock = await changed(socket, {})
        for update in (
            {"$set": {"items": {"table": 1, "lamp": 2}}},
            {"$set": {"note": "counted by hand"}},
            {"$rename": {"items.lamp": "items.sofa"}},
            {"$unset": {"items": 1}},
            {"$inc": {"items.chair": 3}},
        ):
            stores.update_one({"_id": store_id}, update)
            assert await changed(socket, stock) == await stock_in(http, store_id)
        stores.replace_one({"_id": store_id}, {"items": {"bed": 1, "chair": 3}})
        assert await changed(socket, stock) == {"bed": 1, "chair": 3}
        # Broken, it says nothing; mended, it says what differs from what was said last.
        broken = UpdateOne({"_id": store_id}, {"$set": {"items": 7}})
        stores.bulk_write([broken], bypass_document_validation=True)
        stores.update_one({"_id": store_id}, {"$set": {"items": {"bed": 2}}})
        assert await changed(socket, stock) == {"bed": 2}
        stores.delete_one({"_id": store_id})
        assert await changed(socket, stock) == {}


async def test_between_the_snapshot_and_the_changes_there_is_no_gap(
    service: Service, stores: Stores, store_id: str
) -> None:
    def write() -> None:
        for number in range(10):
            both = {"$inc": {f"items.{number}": 1, "items.all": 1}}
            stores.bulk_write([UpdateOne({"_id": store_id}, both, upsert=True)] * 20)

    writing = asyncio.create_task(asyncio.to_thread(write))
    for _ in range(5):
        async with listening(service, store_id, snapshot=True, only_changes=True) as socket:
            stock = await changed(socket, {})
            for number in range(stock.get("all", 0) + 1, min(stock.get("all", 0) + 20, 200) + 1):
                await changed(socket, stock)
                assert stock["all"] == number == sum(stock.values()) - number
    await writing


async def test_when_the_collection_itself_is_made_anew_the_changes_end_on_what_is_there(
    one_process: Service, mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    database = mongo[one_process.database]
    database["stores"].insert_one({"_id": store_id, "items": {"chair": 5, "table": 1, "lamp": 2}})
    async with listening(one_process, store_id, snapshot=True, only_changes=True) as socket:
        stock = await changed(socket, {})
        database["stores"].drop()
        database["stores"].insert_one({"_id": store_id, "items": {"table": 1, "sofa": 3}})
        while stock != {"table": 1, "sofa": 3}:
            await changed(socket, stock)
    # The service saw a gap, and has made the collection what it must be before it told anybody.
    one_process.wait_until_ready()


async def test_a_reader_that_fell_behind_is_told_all_that_changed_in_fewer_frames(
    service: Service, stores: Stores, store_id: str
) -> None:
    names = [f"item-{number:020}" for number in range(2000)]
    stores.insert_one({"_id": store_id, "items": dict.fromkeys(names, 1)})
    writes = [
        # Every item at every write, and one that is never touched again.
        UpdateOne({"_id": store_id}, [{"$set": {"items": {**dict.fromkeys(names, n), f"only-{n}": n}}}])
        for n in range(2, 300)
    ]
    async with (
        never_reading(service.port, store_id, "?snapshot=true&only=changes") as behind,
        listening(service, store_id) as reading,
    ):
        stores.bulk_write(writes)
        while (await reading.items())[names[0]] < 299:
            pass
        stock = await changed(behind, {})
        frames = 0
        while stock[names[0]] < 299:
            await changed(behind, stock)
            frames += 1
            assert {stock[name] for name in names} == {stock[names[0]]}
        assert stock == {**dict.fromkeys(names, 299), **{f"only-{n}": n for n in range(2, 300)}}
        assert frames < len(writes)
