"""Whatever happens to the stream, each change is told once, or it is said that some may be missing."""

import asyncio
from typing import Any

import pytest
from bson import Timestamp
from pymongo import MongoClient

from store_api.errors import DatabaseUnavailable
from store_api.stock import Stock
from store_api.storage import documents
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import WATCHER, Documents, WatchedDocuments
from tests.integration.following import Record, following, watcher_of
from tests.support.fail_points import failing
from watchers.changes import StoreChange

Mongo = MongoClient[dict[str, Any]]


def lines_of(caplog: pytest.LogCaptureFixture, action: str) -> list[dict[str, Any]]:
    return [vars(line) for line in caplog.records if vars(line).get("action") == action]


def chairs(record: Record) -> list[int]:
    """The quantities that were told, in order."""
    return [
        (change.document["items"]["chair"] if change.document else change.updated["items.chair"])
        for change in record.changes
        if change.store_id == "north"
    ]


def count_up(stores: Documents, times: int) -> None:
    for _ in range(times):
        stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 1}}, upsert=True)


@pytest.mark.parametrize(
    ("commands", "failure", "times"),
    [
        (["getMore"], {"closeConnection": True}, 1),
        (["getMore"], {"errorCode": 43}, 1),
        (["getMore"], {"errorCode": 133, "errorLabels": ["ResumableChangeStreamError"]}, 1),
        (["getMore"], {"errorCode": 63, "errorLabels": ["ResumableChangeStreamError"]}, 3),
        (["getMore", "aggregate"], {"closeConnection": True}, 4),
    ],
    ids=str,
)
async def test_a_stream_that_is_cut_off_is_taken_up_where_it_was(
    watched: WatchedDocuments,
    own_stores: Documents,
    other_program: Mongo,
    commands: list[str],
    failure: dict[str, Any],
    times: int,
) -> None:
    record = Record()
    async with following(watched, record):
        count_up(own_stores, 5)
        with failing(other_program, *commands, app_name=WATCHER, times=times, **failure) as cut_off:
            await cut_off.wait_until_hit(times)
            count_up(own_stores, 5)
        count_up(own_stores, 5)
        await record.until(lambda: len(chairs(record)) >= 15)
    assert chairs(record) == list(range(1, 16))
    assert record.times_afresh == 1


@pytest.mark.parametrize("code", [286, 280, 260, 8, 13, 50], ids=str)
async def test_a_stream_that_the_server_refuses_is_begun_afresh_and_that_is_said(
    watched: WatchedDocuments,
    own_stores: Documents,
    other_program: Mongo,
    code: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = Record()
    async with following(watched, record):
        count_up(own_stores, 5)
        await record.until(lambda: len(chairs(record)) >= 5)
        with failing(other_program, "getMore", app_name=WATCHER, times=1, errorCode=code):
            count_up(own_stores, 5)
            await record.until(lambda: record.times_afresh >= 2)
        count_up(own_stores, 5)
        await record.until(lambda: chairs(record)[-1] == 15)
    told = chairs(record)
    assert told[:5] == [1, 2, 3, 4, 5]
    # What came in between may be missing; whatever is told is told once and in order.
    assert told == sorted(set(told))
    assert told[-5:] == [11, 12, 13, 14, 15]
    assert record.times_afresh == 2
    (failed,) = lines_of(caplog, "stream_failed")
    assert failed["code"] == code
    assert failed["next"] == "begin afresh"


async def test_a_token_that_is_refused_when_the_stream_is_taken_up_is_thrown_away(
    watched: WatchedDocuments,
    own_stores: Documents,
    other_program: Mongo,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = Record()
    async with following(watched, record):
        count_up(own_stores, 5)
        await record.until(lambda: len(chairs(record)) >= 5)
        with failing(other_program, "getMore", "aggregate", app_name=WATCHER, times=2, errorCode=43):
            await record.until(lambda: record.times_afresh >= 2)
        count_up(own_stores, 5)
        await record.until(lambda: chairs(record)[-1] == 10)
    assert chairs(record) == list(range(1, 11))
    assert lines_of(caplog, "stream_failed")


@pytest.mark.parametrize("failure", [{"closeConnection": True}, {"errorCode": 13}], ids=str)
async def test_a_stream_that_cannot_be_opened_at_first_is_opened_as_soon_as_it_can(
    watched: WatchedDocuments,
    own_stores: Documents,
    other_program: Mongo,
    failure: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = Record()
    with failing(other_program, "aggregate", app_name=WATCHER, times=4, **failure):
        async with following(watched, record):
            count_up(own_stores, 3)
            await record.until(lambda: len(chairs(record)) >= 3)
    assert chairs(record) == [1, 2, 3]
    assert record.times_afresh == 1
    failures = lines_of(caplog, "stream_failed")
    assert [line["failures"] for line in failures] == list(range(1, len(failures) + 1))
    assert len(failures) >= 2


async def test_nothing_is_told_before_whoever_listens_has_begun_afresh(
    watched: WatchedDocuments, own_stores: Documents
) -> None:
    tries = 0
    told_too_early: list[StoreChange] = []

    async def fail_twice() -> None:
        nonlocal tries
        tries += 1
        told_too_early.extend(record.changes)
        # A change that comes while it begins afresh is told afterwards, if the beginning was a success.
        count_up(own_stores, 1)
        if tries < 3:
            raise DatabaseUnavailable

    record = Record(on_afresh=fail_twice)
    async with following(watched, record):
        await record.until(lambda: bool(chairs(record)))
    assert tries == 3
    assert told_too_early == []
    assert chairs(record) == [3]


async def test_a_listener_that_fails_does_not_end_the_watching(
    watched: WatchedDocuments, own_stores: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_at_first(change: StoreChange) -> None:
        if record.times_afresh == 1:
            raise ZeroDivisionError(change.store_id)

    record = Record(on_change=fail_at_first)
    async with following(watched, record):
        count_up(own_stores, 1)
        await record.until(lambda: record.times_afresh >= 2)
        count_up(own_stores, 1)
        await record.until(lambda: bool(chairs(record)))
    assert chairs(record) == [2]
    (failed,) = lines_of(caplog, "stream_failed")
    assert failed["error"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    "failure", [{"closeConnection": True}, {"errorCode": 286}, {"errorCode": 280}, {"errorCode": 43}], ids=str
)
async def test_snapshots_and_changes_together_are_the_stock_however_often_the_stream_fails(
    watched: WatchedDocuments,
    own_stores: Documents,
    other_program: Mongo,
    client: Client,
    failure: dict[str, Any],
) -> None:
    repository = StoreWriter(client, own_stores.database.name)
    await repository.prepare()
    held: Stock = {}
    moment = Timestamp(0, 0)

    async def read() -> None:
        nonlocal held, moment
        snapshot = await repository.snapshot("north")
        held, moment = documents.read_stock(snapshot.documents.get("north", {"_id": "north"})), snapshot.at

    def apply(change: StoreChange) -> None:
        if change.store_id != "north" or change.at <= moment:
            return
        if change.document is not None:
            held.update(documents.read_stock(change.document))
        else:
            before = held.get("chair", 0)
            assert documents.apply_update(held, change.updated, change.removed)
            assert held["chair"] == before + 1

    record = Record(on_change=apply, on_afresh=read)
    async with following(watched, record):
        writing = asyncio.create_task(asyncio.to_thread(count_up, own_stores, 300))
        for _ in range(4):
            with failing(other_program, "getMore", app_name=WATCHER, times=1, **failure) as cut_off:
                await cut_off.wait_until_hit()
        await writing
        count_up(own_stores, 1)
        await record.until(lambda: held.get("chair") == 301)
        assert held == {"chair": 301}


async def test_told_to_stop_it_ends_while_the_stream_fails(
    watched: WatchedDocuments, other_program: Mongo
) -> None:
    record = Record()
    watcher = watcher_of(watched, record)
    with failing(other_program, "aggregate", app_name=WATCHER, errorCode=13) as failed:
        running = asyncio.create_task(watcher.run())
        await failed.wait_until_hit(2)
        watcher.stop()
        await asyncio.wait_for(running, 2.0)
    assert record.times_afresh == 0
    assert watcher.silent_seconds == float("inf")
