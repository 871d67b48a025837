"""Whoever writes to MongoDB, every socket of that store is told, in every worker."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import bson
import httpx
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from tests.end_to_end.conftest import Stores
from tests.support.listening import Report, Socket, listening
from tests.support.other_writer import Command, OtherWriter, delete, insert, other_writer, update
from tests.support.service import Service, needs_proc, new_store_id

pytestmark = needs_proc

BEFORE = {"chair": 5, "table": 1}


@pytest.fixture(scope="module")
async def writer(mongo_url: str, two_workers: Service) -> AsyncIterator[OtherWriter]:
    async with other_writer(mongo_url, two_workers.database) as running:
        yield running


async def sockets_everywhere(
    opened: AsyncExitStack, service: Service, *store_ids: str | None
) -> list[Socket]:
    """Open two sockets for each of the stores (None: all), one in each worker."""
    return [
        await opened.enter_async_context(listening(service, store_id, worker=worker))
        for store_id in store_ids
        for worker in service.worker_pids()
    ]


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"$inc": {"items.chair": -3}}, {"chair": 2, "table": 1}),
        ({"$inc": {"items.lamp": 7, "items.chair": -5}}, {"table": 1, "lamp": 7}),
        ({"$set": {"items.chair": 9}}, {"chair": 9, "table": 1}),
        ({"$set": {"items": {"lamp": 1}}}, {"lamp": 1}),
        ({"$set": {"items.a%2Eb": 3}}, {"chair": 5, "table": 1, "a.b": 3}),
        ({"$unset": {"items.chair": 1}}, {"table": 1}),
        ({"$unset": {"items": 1}}, {}),
        ({"$rename": {"items.chair": "items.stool"}}, {"table": 1, "stool": 5}),
        ([{"$set": {"items.chair": {"$multiply": ["$items.chair", 2]}}}], {"chair": 10, "table": 1}),
        ({"items": {"lamp": 4}}, {"lamp": 4}),
        ({"$set": {"note": "counted by hand"}}, BEFORE),
    ],
)
async def test_an_update_or_a_replacement_reaches_every_socket(
    two_workers: Service,
    mongo: MongoClient[dict[str, Any]],
    writer: OtherWriter,
    store_id: str,
    change: Command,
    after: dict[str, int],
) -> None:
    mongo[two_workers.database]["stores"].insert_one({"_id": store_id, "items": BEFORE})
    async with AsyncExitStack() as opened:
        sockets = await sockets_everywhere(opened, two_workers, store_id, None)
        assert await writer.run(update(store_id, change)) == [{"n": 1, "errors": 0}]
        assert [await socket.report() for socket in sockets] == [Report(store_id, after)] * 4


async def test_an_insert_an_upsert_and_a_delete_reach_every_socket(
    two_workers: Service, writer: OtherWriter, store_id: str
) -> None:
    async with AsyncExitStack() as opened:
        sockets = await sockets_everywhere(opened, two_workers, store_id)
        await writer.run(insert(store_id, {"chair": 1}))
        await writer.run(delete(store_id))
        await writer.run(update(store_id, {"$inc": {"items.table": 2}}, upsert=True))
        for socket in sockets:
            assert [await socket.items() for _ in range(3)] == [{"chair": 1}, {}, {"table": 2}]


async def test_a_transaction_over_two_stores_reaches_the_sockets_of_both(
    two_workers: Service, writer: OtherWriter
) -> None:
    source, target = new_store_id(), new_store_id()
    await writer.run(insert(source, {"chair": 5}))
    await writer.run(insert(target, {"chair": 1}))
    async with AsyncExitStack() as opened:
        sockets = await sockets_everywhere(opened, two_workers, source, target)
        await writer.run(
            update(source, {"$inc": {"items.chair": -2}}), update(target, {"$inc": {"items.chair": 2}})
        )
        reports = [await socket.report() for socket in sockets]
    assert reports == [Report(source, {"chair": 3})] * 2 + [Report(target, {"chair": 3})] * 2


async def test_a_write_that_would_leave_no_stock_is_refused_and_told_nobody(
    two_workers: Service, writer: OtherWriter, store_id: str
) -> None:
    await writer.run(insert(store_id, {"chair": 1}))
    async with AsyncExitStack() as opened:
        sockets = await sockets_everywhere(opened, two_workers, store_id)
        for wrong in ({"$inc": {"items.chair": -2}}, {"$set": {"items.chair": 1.5}}, {"$set": {"items": 1}}):
            assert await writer.run(update(store_id, wrong)) == [{"n": 0, "errors": 1}]
        await writer.run(update(store_id, {"$inc": {"items.chair": -1}}))
        assert [await socket.items() for socket in sockets] == [{}, {}]


async def test_a_name_that_is_no_text_harms_no_other_store(
    service: Service, http: httpx.AsyncClient, stores: Stores, store_id: str
) -> None:
    odd_id, written = f"{store_id}-odd", bson.encode({"_id": f"{store_id}-odd", "items": {"QxyQ": 5}})
    async with listening(service, None) as everything, listening(service, store_id) as one:
        odd = RawBSONDocument(written.replace(b"QxyQ", b"Q\xff\xfeQ"))
        # The validator refuses it, but who may bypass that is not stopped.
        stores.database.command({"insert": stores.name, "documents": [odd], "bypassDocumentValidation": True})
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        assert await one.report() == Report(store_id, {"chair": 1})
        told = await everything.until(Report(store_id, {"chair": 1}))
        assert Report(odd_id, {"Q\ufffd\ufffdQ": 5}) in told
    async with listening(service, None, snapshot=True) as later:
        await later.until(Report(odd_id, {"Q\ufffd\ufffdQ": 5}))
    assert service.readiness() == 200
    assert (await http.get("/stores")).status_code == 200
    assert (await http.get(f"/stores/{odd_id}")).status_code == 200
    stores.delete_one({"_id": odd_id})


async def test_a_store_that_was_deleted_is_in_no_later_snapshot(
    service: Service, stores: Stores, store_id: str
) -> None:
    marker = f"{store_id}-marker"
    async with listening(service, None) as everything:
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        stores.delete_one({"_id": store_id})
        await everything.until(Report(store_id, {}))
        stores.insert_one({"_id": marker, "items": {"chair": 1}})
        await everything.until(Report(marker, {"chair": 1}))
        async with listening(service, None, snapshot=True) as later:
            snapshot = await later.until(Report(marker, {"chair": 1}))
            assert store_id not in [report.store_id for report in snapshot]
        # It may come back, by an update as by an insert.
        stores.update_one({"_id": store_id}, {"$inc": {"items.lamp": 2}}, upsert=True)
        await everything.until(Report(store_id, {"lamp": 2}))
