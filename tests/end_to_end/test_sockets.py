"""The socket contract, for one process and for two."""

import asyncio
from urllib.parse import quote

import httpx
import pytest
from pymongo import UpdateOne
from websockets.asyncio.client import connect

from tests.end_to_end.conftest import Stores
from tests.support.listening import Report, Socket, listening, read_report
from tests.support.service import Service, new_store_id


def supply(item_id: str, quantity: int) -> dict[str, object]:
    return {"operation": "supply", "item_id": item_id, "quantity": quantity}


def demand(item_id: str, quantity: int) -> dict[str, object]:
    return {"operation": "demand", "item_id": item_id, "quantity": quantity}


async def reports_of(socket: Socket, store_id: str, count: int) -> list[dict[str, int]]:
    """Wait for so many frames of one store, among those of others."""
    found: list[dict[str, int]] = []
    while len(found) < count:
        report = await socket.report()
        if report.store_id == store_id:
            found.append(report.items)
    return found


async def test_nothing_is_sent_before_the_first_change(
    service: Service, stores: Stores, http: httpx.AsyncClient, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    async with listening(service, store_id) as socket:
        await http.post(f"/stores/{store_id}", json=supply("chair", 2))
        assert await socket.report() == Report(store_id, {"chair": 3})


async def test_a_frame_is_the_report_that_the_writer_got(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    async with listening(service, store_id) as socket:
        answer = await http.post(f"/stores/{store_id}", json=supply("chair", 2))
        assert await socket.report() == read_report(answer.content) == Report(store_id, {"chair": 2})


async def test_a_snapshot_comes_first_when_it_is_asked_for(
    service: Service, stores: Stores, http: httpx.AsyncClient, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1, "used up": 0}})
    async with listening(service, store_id, snapshot=True) as socket:
        assert await socket.report() == Report(store_id, {"chair": 1})
        await http.post(f"/stores/{store_id}", json=supply("chair", 2))
        assert await socket.report() == Report(store_id, {"chair": 3})


async def test_between_the_snapshot_and_what_follows_there_is_no_gap(
    service: Service, stores: Stores, store_id: str
) -> None:
    def write() -> None:
        for _ in range(10):
            stores.bulk_write([UpdateOne({"_id": store_id}, {"$inc": {"items.chair": 1}}, upsert=True)] * 20)

    writing = asyncio.create_task(asyncio.to_thread(write))
    for _ in range(5):
        async with listening(service, store_id, snapshot=True) as socket:
            first = (await socket.items()).get("chair", 0)
            last = min(first + 20, 200)
            assert [await socket.items() for _ in range(first, last)] == [
                {"chair": quantity} for quantity in range(first + 1, last + 1)
            ]
    await writing


async def test_a_store_that_does_not_exist_yet_may_be_listened_to(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    async with listening(service, store_id, snapshot=True) as asking, listening(service, store_id) as waiting:
        assert await asking.report() == Report(store_id, {})
        await http.post(f"/stores/{store_id}", json=supply("chair", 2))
        assert await asking.report() == await waiting.report() == Report(store_id, {"chair": 2})


async def test_a_deleted_store_sends_an_empty_report_and_may_come_back(
    service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    async with listening(service, store_id) as socket:
        stores.delete_one({"_id": store_id})
        stores.insert_one({"_id": store_id, "items": {"table": 2}})
        assert [await socket.items(), await socket.items()] == [{}, {"table": 2}]


async def test_every_kind_of_operation_is_one_frame_and_a_refused_one_is_none(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    group = {"operation": "supply", "items": [{"item_id": "chair", "quantity": n} for n in (2, 3)]}
    async with listening(service, store_id) as socket:
        await http.post(f"/stores/{store_id}/group_op", json=group)
        assert (await http.post(f"/stores/{store_id}", json=demand("chair", 6))).status_code == 409
        await http.post(f"/stores/{store_id}", json=demand("chair", 4))
        await http.post(f"/stores/{store_id}/clean")
        await http.post(f"/stores/{store_id}", json=supply("a.b/$x", 1))
        frames = [await socket.items() for _ in range(4)]
    assert frames == [{"chair": 5}, {"chair": 1}, {}, {"a.b/$x": 1}]


async def test_an_item_of_which_nothing_is_left_is_in_no_frame(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    async with listening(service, store_id) as socket:
        await http.post(f"/stores/{store_id}", json=supply("chair", 2))
        await http.post(f"/stores/{store_id}", json=demand("chair", 2))
        assert [await socket.items(), await socket.items()] == [{"chair": 2}, {}]


async def test_a_socket_hears_of_its_own_store_alone(service: Service, stores: Stores, store_id: str) -> None:
    async with listening(service, store_id) as socket:
        stores.insert_one({"_id": new_store_id(), "items": {"table": 1}})
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        assert await socket.report() == Report(store_id, {"chair": 1})


async def test_a_socket_of_all_stores_hears_of_each(
    service: Service, stores: Stores, http: httpx.AsyncClient
) -> None:
    old, new = new_store_id(), new_store_id()
    stores.insert_one({"_id": old, "items": {"chair": 1}})
    async with listening(service, None) as socket:
        await http.post(f"/stores/{new}", json=supply("table", 2))
        stores.update_one({"_id": old}, {"$inc": {"items.chair": 1}})
        await http.post(f"/stores/{new}", json=supply("table", 2))
        stores.delete_one({"_id": old})
        frames = [await socket.report() for _ in range(4)]
    assert frames == [
        Report(new, {"table": 2}),
        Report(old, {"chair": 2}),
        Report(new, {"table": 4}),
        Report(old, {}),
    ]


async def test_a_snapshot_of_all_stores_holds_each_and_then_goes_on(
    service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    async with listening(service, None, snapshot=True) as socket:
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}})
        assert await reports_of(socket, store_id, 2) == [{"chair": 1}, {"chair": 2}]


async def test_five_hundred_writes_in_a_row_are_five_hundred_frames_in_order(
    service: Service, stores: Stores, store_id: str
) -> None:
    async with listening(service, store_id) as one, listening(service, None) as every:
        one_more = UpdateOne({"_id": store_id}, {"$inc": {"items.chair": 1}}, upsert=True)
        stores.bulk_write([one_more] * 500)
        frames = [await one.items() for _ in range(500)]
        assert frames == [{"chair": quantity} for quantity in range(1, 501)]
        assert await reports_of(every, store_id, 500) == frames
    store = stores.find_one({"_id": store_id})
    assert store is not None
    assert store["items"] == frames[-1]


async def test_every_answered_request_in_a_row_has_its_frame(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    async with listening(service, store_id) as socket:
        for quantity in range(1, 51):
            await http.post(f"/stores/{store_id}", json=supply("chair", 1))
            assert await socket.items() == {"chair": quantity}


@pytest.mark.parametrize("awkward", ["арт 1", "a.b", "$x", "100%", "?snapshot", "#1", "..", "👍" * 128])
async def test_any_printable_id_can_be_listened_to(service: Service, stores: Stores, awkward: str) -> None:
    stores.delete_one({"_id": awkward})
    async with listening(service, awkward) as socket:
        stores.insert_one({"_id": awkward, "items": {"chair": 1}})
        assert await socket.report() == Report(awkward, {"chair": 1})


async def test_compression_that_is_offered_is_not_taken(service: Service, store_id: str) -> None:
    address = f"ws://127.0.0.1:{service.port}/ws/stores/{store_id}?snapshot=true"
    async with connect(address, compression="deflate", proxy=None) as socket:
        await socket.recv()
        assert socket.request is not None
        assert "permessage-deflate" in socket.request.headers["Sec-WebSocket-Extensions"]
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_a_client_that_says_something_is_closed_with_1008(
    service: Service, stores: Stores, store_id: str
) -> None:
    async with listening(service, store_id) as talking, listening(service, store_id) as silent:
        await talking.connection.send("hello")
        assert await talking.closed() == 1008
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        assert await silent.items() == {"chair": 1}


async def test_a_client_that_goes_costs_the_others_nothing(
    service: Service, stores: Stores, store_id: str
) -> None:
    async with listening(service, store_id) as staying:
        async with listening(service, store_id) as leaving:
            pass
        async with listening(service, store_id) as vanishing:
            vanishing.connection.transport.abort()
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        assert await staying.items() == {"chair": 1}
    assert leaving.connection.close_code == 1000


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/ws/stores/north?snapshot=yes", "snapshot"),
        ("/ws/stores/north?snapshot=1", "snapshot"),
        ("/ws/stores?snapshot=TRUE", "snapshot"),
        ("/ws/stores?snapshot=", "snapshot"),
        ("/ws/stores/north?only=change", "only"),
        ("/ws/stores?only=true", "only"),
        ("/ws/stores?only=", "only"),
        (f"/ws/stores/{'x' * 129}", "store_id"),
        ("/ws/stores/a%2Fb", "store_id"),
        ("/ws/stores/%00", "store_id"),
        ("/ws/stores/%FF", "store_id"),
    ],
)
async def test_a_wrong_address_is_a_problem_before_the_handshake(
    http: httpx.AsyncClient, path: str, field: str
) -> None:
    answer = await http.get(path, headers=UPGRADE)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["path"] == field


async def test_the_key_of_a_handshake_must_be_there(http: httpx.AsyncClient) -> None:
    headers = {name: value for name, value in UPGRADE.items() if name != "Sec-WebSocket-Key"}
    answer = await http.get("/ws/stores/north", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/ws/stores", f"/ws/stores/{quote('арт 1')}", "/ws/stores?snapshot=true"])
async def test_a_plain_request_is_told_to_upgrade(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.json()["status"] == 426
