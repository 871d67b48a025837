"""One store that is live: what was read of it, carried on by what came since."""

import asyncio
from typing import Any

import pytest
from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.feed.live_store import LiveStore, Reading, State, reading_of
from store_api.feed.snapshots import LINES_AT_ONCE, build_frames, read_stocks, stock_in
from store_api.storage.documents import Snapshot
from tests.support.feed_world import turns
from watchers.changes import StoreChange


def at(second: int) -> Timestamp:
    return Timestamp(second, 1)


def update(second: int, **quantities: Any) -> StoreChange:
    updated = {f"items.{item_id}": quantity for item_id, quantity in quantities.items()}
    return StoreChange("s", at(second), updated=updated)


def whole(second: int, **quantities: Any) -> StoreChange:
    return StoreChange("s", at(second), document={"_id": "s", "items": quantities})


GONE = StoreChange("s", at(9), deleted=True)


def test_a_change_is_carried_over() -> None:
    live = LiveStore({"a": 1, "b": 2}, at(1))
    assert live.apply(StoreChange("s", at(2), updated={"items.a": 5, "rev": 3}, removed=["items.b"]))
    assert live.stock == {"a": 5}


def test_a_whole_document_replaces_the_stock() -> None:
    live = LiveStore({"a": 1}, at(1))
    assert live.apply(whole(2, b=2))
    assert live.stock == {"b": 2}


def test_a_store_that_is_gone_is_empty() -> None:
    live = LiveStore({"a": 1}, at(1))
    assert live.apply(GONE)
    assert live.stock == {}


def being_read(waiting: list[StoreChange]) -> LiveStore:
    nobody: Any = None
    return LiveStore(reading=Reading(nobody, waiting))


@pytest.mark.parametrize("change", [update(2, a=-1), update(2, a="x"), whole(2, a=1.5)])
def test_a_change_that_is_not_understood_asks_for_a_reading(change: StoreChange) -> None:
    assert not LiveStore({"a": 1}, at(1)).apply(change)


def test_fields_mean_nothing_without_the_stock_they_belong_to() -> None:
    assert not LiveStore().apply(update(2, a=1))


@pytest.mark.parametrize("change", [whole(9, a=2), GONE])
def test_what_is_told_whole_needs_no_stock_before_it(change: StoreChange) -> None:
    live = LiveStore()
    assert live.apply(change)
    assert live.stock is not None


@given(st.lists(st.integers(1, 20), max_size=12).map(sorted), st.integers(0, 21))
def test_of_what_waited_only_the_newer_is_applied(seconds: list[int], read_at: int) -> None:
    live = being_read([update(second, **{f"item{second}": second}) for second in seconds])
    assert live.settle({}, at(read_at))
    assert live.stock == {f"item{second}": second for second in seconds if second > read_at}
    assert live.state is State.LIVE


def test_a_change_of_the_very_moment_of_the_reading_is_in_it_already() -> None:
    live = being_read([update(5, a=-1)])
    assert live.settle({"a": 7}, at(5))
    assert live.stock == {"a": 7}


def test_what_came_after_a_change_that_was_not_understood_goes_on_waiting() -> None:
    later = [update(4, a=4), update(5, a=5)]
    live = being_read([update(1, a=-1), update(2, a=2), update(3, a=-1), *later])
    assert not live.settle({}, at(1))
    assert live.reading is not None
    assert live.reading.waiting == later


def test_a_broken_document_waits_for_what_repairs_it() -> None:
    broken = being_read([update(3, a=1)])
    assert not broken.settle(None, at(2))
    assert broken.state is State.READING
    repaired = being_read([whole(3, a=1)])
    assert repaired.settle(None, at(2))
    assert repaired.state is State.LIVE
    assert repaired.stock == {"a": 1}


async def test_waiting_for_a_reading_ends_with_the_last_of_them() -> None:
    live = LiveStore()
    first, second = asyncio.Event(), asyncio.Event()

    async def read_twice() -> None:
        await first.wait()
        live.reading = reading_of(read_again())

    async def read_again() -> None:
        await second.wait()
        live.reading = None

    live.reading = reading_of(read_twice())
    waiting = asyncio.create_task(live.until_read())
    first.set()
    await turns()
    assert not waiting.done()
    second.set()
    await waiting
    assert live.reading is None


async def test_whoever_gives_up_waiting_does_not_stop_the_reading() -> None:
    live, answered = LiveStore(), asyncio.Event()

    async def read() -> None:
        await answered.wait()
        live.reading = None

    live.reading = reading = reading_of(read())
    waiting = asyncio.create_task(live.until_read())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    answered.set()
    await reading.task
    assert not reading.task.cancelled()


async def test_a_reading_that_fails_tells_all_who_wait() -> None:
    live, answered = LiveStore(), asyncio.Event()

    async def read() -> None:
        await answered.wait()
        live.reading = None
        raise DatabaseUnavailable

    live.reading = reading_of(read())
    waiting = [asyncio.create_task(live.until_read()) for _ in range(2)]
    await asyncio.sleep(0)
    answered.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in told] == [DatabaseUnavailable, DatabaseUnavailable]


def test_a_store_in_a_snapshot_is_read_empty_if_missing_and_said_to_be_broken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    snapshot = Snapshot({"s": {"_id": "s", "items": {"a": 1}}, "odd": {"_id": "odd", "items": 7}}, at(1))
    assert stock_in(snapshot, "s") == {"a": 1}
    assert stock_in(snapshot, "missing") == {}
    assert caplog.records == []
    broken = stock_in(snapshot, "odd")
    assert isinstance(broken, BrokenDocument)
    assert (broken.store_id, broken.reason) == ("odd", "its 'items' is not an object")
    (record,) = caplog.records
    assert (vars(record)["action"], vars(record)["store"]) == ("broken_document", "odd")


def test_a_frame_is_the_report_without_what_is_used_up() -> None:
    live = LiveStore({"a": 1, "b": 0})
    assert live.frame("s") == '{"store":{"store_id":"s","report":[{"item_id":"a","quantity":1}]}}'


def test_a_frame_is_built_once_and_anew_after_every_change() -> None:
    live = LiveStore({"a": 1})
    assert live.frame("s") is live.frame("s")
    for change, quantity in ((update(1, a=2), 2), (whole(2, a=3), 3)):
        assert live.apply(change)
        assert (
            live.frame("s")
            == f'{{"store":{{"store_id":"s","report":[{{"item_id":"a","quantity":{quantity}}}]}}}}'
        )
    live.replace({})
    assert live.frame("s") == '{"store":{"store_id":"s","report":[]}}'


async def test_reading_and_writing_many_stores_lets_others_have_their_turns() -> None:
    stores = {f"s{number}": {f"item-{line}": 1 for line in range(LINES_AT_ONCE)} for number in range(10)}
    snapshot = Snapshot(
        {store_id: {"_id": store_id, "items": items} for store_id, items in stores.items()}, at(1)
    )
    turns_of_others = 0

    async def count() -> None:
        nonlocal turns_of_others
        while True:
            await asyncio.sleep(0)
            turns_of_others += 1

    counting = asyncio.create_task(count())
    stocks, _ = await read_stocks(snapshot)
    assert stocks == stores
    assert turns_of_others >= len(stores) - 1
    live = {store_id: LiveStore.as_read(stock, at(1), 0) for store_id, stock in stocks.items()}
    await build_frames(live, in_parts=False)
    assert turns_of_others >= 2 * (len(stores) - 1)
    counting.cancel()
