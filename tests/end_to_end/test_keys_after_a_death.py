"""Idempotency-Key across ends of the service: what was sent to one that died is sent again to the next."""

import asyncio
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient

from bench.load.http_client import AnswerLost
from tests.end_to_end.conftest import service_alone
from tests.support.fail_points import failing
from tests.support.mongod import wait_until
from tests.support.persistent import demand_of, new_key, send_once, send_until_known, supply_of
from tests.support.service import Service

LATE_MS = 1500
"""How long MongoDB holds a command back: its sender is dead by then, and the next service at work."""


@pytest.fixture(scope="module")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service, which each test ends and starts again; the next one takes it as that left it."""
    with service_alone(mongo_url, mongo, tmp_path_factory.mktemp("service"), "1") as service:
        yield service


async def start_again(service: Service) -> None:
    service.start()
    await asyncio.to_thread(service.wait_until_ready)


def items_of(mongo: MongoClient[dict[str, Any]], service: Service, store_id: str) -> dict[str, int]:
    document = mongo[service.database]["stores"].find_one({"_id": store_id})
    assert document is not None
    items: dict[str, int] = document["items"]
    return items


def on_their_way(mongo: MongoClient[dict[str, Any]], service: Service) -> int:
    """Count the writes to the service's database that MongoDB is at."""
    writes = {"command.$db": service.database, "op": {"$in": ["command", "insert", "update"]}}
    own = {"$or": [{"command.insert": {"$exists": True}}, {"command.update": {"$exists": True}}]}
    return len(list(mongo.admin.aggregate([{"$currentOp": {}}, {"$match": {**writes, **own}}])))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["told to end", "killed"])
async def test_what_was_answered_is_answered_again_by_the_next_process(
    service: Service, mongo: MongoClient[dict[str, Any]], store_id: str, end: signal.Signals
) -> None:
    mongo[service.database]["stores"].insert_one({"_id": store_id, "items": {"chair": 2}})
    path, served, refused = f"/stores/{store_id}", new_key(), new_key()
    first = await send_once(service.url, path, demand_of("chair"), served)
    short = await send_once(service.url, path, demand_of("chair", 5), refused)
    assert (first.status, short.status) == (200, 409)
    service.tell(end)
    service.wait()
    await start_again(service)
    await send_once(service.url, path, supply_of("chair", 50), None)
    again = await send_once(service.url, path, demand_of("chair"), served)
    still_short = await send_once(service.url, path, demand_of("chair", 5), refused)
    assert (again.status, still_short.status) == (200, 409)
    assert again.headers["idempotent-replayed"] == still_short.headers["idempotent-replayed"] == "true"
    assert still_short.body == short.body
    assert items_of(mongo, service, store_id) == {"chair": 51}


@pytest.mark.parametrize("held_back", ["claims", "stores"])
@pytest.mark.parametrize("is_there", [True, False], ids=["a store", "no store yet"])
async def test_killed_on_the_way_it_is_applied_once_whatever_arrives_late(
    service: Service, mongo: MongoClient[dict[str, Any]], store_id: str, held_back: str, is_there: bool
) -> None:
    if is_there:
        mongo[service.database]["stores"].insert_one({"_id": store_id, "items": {"chair": 1}})
    path, key = f"/stores/{store_id}", new_key()
    where = f"{service.database}.{held_back}"
    late: dict[str, Any] = {"blockConnection": True, "blockTimeMS": LATE_MS, "namespace": where}
    # What came true before is noted by an update of a claim.
    commands = ("insert", "update") if held_back == "stores" else ("insert",)
    with failing(mongo, *commands, **late, times=1) as held:
        sending = asyncio.create_task(send_once(service.url, path, supply_of("chair"), key))
        await held.wait_until_hit()
        assert on_their_way(mongo, service) >= 1
        await asyncio.to_thread(service.kill)
        with pytest.raises(AnswerLost):
            await sending
    await start_again(service)
    answer = await send_until_known([service.url], path, supply_of("chair"), key)
    assert answer.status == 200
    again = await send_once(service.url, path, supply_of("chair"), key)
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.body == answer.body
    await asyncio.to_thread(wait_until, lambda: not on_their_way(mongo, service), "nothing comes late")
    assert items_of(mongo, service, store_id) == {"chair": 2 if is_there else 1}


async def test_killed_again_and_again_under_load_every_key_is_applied_once(
    service: Service, mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    path = f"/stores/{store_id}"
    known: set[str] = set()
    enough = asyncio.Event()

    async def supply_item(item_id: str) -> None:
        answer = await send_until_known([service.url], path, supply_of(item_id), f"key-of-{item_id}")
        assert answer.status == 200, answer
        known.add(item_id)

    async def supply_many(name: str) -> None:
        number = 0
        while not enough.is_set():
            number += 1
            await supply_item(f"{name}-{number}")

    def has_come_to(count: int) -> bool:
        return len(known) >= count

    suppliers = [asyncio.create_task(supply_many(name)) for name in "abcdefgh"]
    for _ in range(3):
        wanted = len(known) + 100
        await asyncio.to_thread(wait_until, partial(has_come_to, wanted), "supplies", 30.0)
        await asyncio.to_thread(service.kill)
        await start_again(service)
    enough.set()
    await asyncio.gather(*suppliers)
    items = items_of(mongo, service, store_id)
    assert items.keys() == known
    assert set(items.values()) == {1}
    claims = mongo[service.database]["claims"].count_documents({"_id.key": {"$regex": "^key-of-"}})
    assert claims == len(known)


async def test_a_claim_is_kept_as_long_as_was_told(
    service: Service, mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    await send_once(service.url, f"/stores/{store_id}", supply_of("chair"), new_key())
    service.stop()
    service.settings["IDEMPOTENCY_HOURS"] = "2"
    await start_again(service)
    indexes = mongo[service.database]["claims"].index_information()
    assert [each["expireAfterSeconds"] for each in indexes.values() if "expireAfterSeconds" in each] == [7200]


async def test_killed_at_a_demand_of_no_store_it_is_unknown_until_there_is_one(
    service: Service, mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    path, key = f"/stores/{store_id}", new_key()
    where = f"{service.database}.stores"
    late: dict[str, Any] = {"blockConnection": True, "blockTimeMS": LATE_MS, "namespace": where}
    with failing(mongo, "update", **late, times=1) as held:
        sending = asyncio.create_task(send_once(service.url, path, demand_of("chair"), key))
        await held.wait_until_hit()
        await asyncio.to_thread(service.kill)
        with pytest.raises(AnswerLost):
            await sending
    await start_again(service)
    answer = await send_once(service.url, path, demand_of("chair"), key)
    # Nothing can be fenced where there is no document: a late copy might still find one.
    assert (answer.status, b'"outcome":"unknown"' in answer.body) == (503, True)
    await send_once(service.url, path, supply_of("chair", 3), None)
    answer = await send_until_known([service.url], path, demand_of("chair"), key)
    assert answer.status == 200
    await asyncio.to_thread(wait_until, lambda: not on_their_way(mongo, service), "nothing comes late")
    assert items_of(mongo, service, store_id) == {"chair": 2}
