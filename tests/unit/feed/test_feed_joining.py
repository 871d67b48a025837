"""Listening to one store: joining without a gap, together, in vain, and leaving nothing behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.feed import Feed
from store_api.storage.documents import Snapshot
from store_api.web.socket_writers import wire_of
from tests.support.feed_world import BROKEN, World, listening, moment, open_world, turns


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as world:
        yield world


def items(**quantities: int) -> dict[str, dict[str, int]]:
    return {"items": quantities}


async def test_nobody_listens_before_the_change_stream_is_open() -> None:
    world = World()
    ear = world.join("s", snapshot=True)
    await turns()
    assert isinstance(ear.refusal, DatabaseUnavailable)
    assert world.readings == []


async def test_a_snapshot_comes_first_if_it_is_asked_for(world: World) -> None:
    world.change("s", items(a=1))
    asked, silent = world.join("s", snapshot=True), world.join("s")
    await world.settle()
    assert await asked.frames() == [("s", {"a": 1})]
    assert await silent.frames() == []


async def test_a_store_that_does_not_exist_yet_is_empty_until_it_does(world: World) -> None:
    ear = await listening(world, "s", snapshot=True)
    world.change("s", items(a=1))
    world.deliver()
    assert await ear.frames() == [("s", {}), ("s", {"a": 1})]


async def test_every_change_is_a_frame_as_the_store_stood_right_after_it(world: World) -> None:
    ear = await listening(world, "s")
    for quantity in (1, 2, 0):
        world.change("s", items(a=quantity, b=7), as_update=quantity > 1)
    world.change("s", None)
    world.deliver(4)
    told = [lines for _, lines in await ear.frames()]
    assert told == [{"a": 1, "b": 7}, {"a": 2, "b": 7}, {"b": 7}, {}]


async def test_other_stores_are_not_told(world: World) -> None:
    ear = await listening(world, "s")
    world.change("another", items(a=1))
    world.deliver()
    assert await ear.frames() == []


@pytest.mark.parametrize(("read_after", "told"), [(1, [1, 2, 3]), (2, [2, 3]), (3, [3])])
async def test_what_comes_while_the_store_is_read_is_neither_lost_nor_told_twice(
    world: World, read_after: int, told: list[int]
) -> None:
    world.change("s", items(a=1))
    ear = world.join("s", snapshot=True)
    await turns()
    world.deliver()
    for quantity in (2, 3):
        world.change("s", items(a=quantity), as_update=True)
    if read_after == 3:
        world.deliver(2)
    world.answer(world.readings[0], after=read_after)
    await turns()
    world.deliver(2)
    assert await ear.frames() == [("s", {"a": quantity}) for quantity in told]


async def test_two_changes_of_one_moment_are_both_told(world: World) -> None:
    ear = await listening(world, "s")
    world.change("s", items(a=1))
    world.change("s", items(a=1, b=2), as_update=True)
    first, second = world.changes
    world.feed.take(first)
    # A transaction's changes bear one time.
    world.feed.take(type(second)("s", first.at, updated=second.updated))
    assert await ear.frames() == [("s", {"a": 1}), ("s", {"a": 1, "b": 2})]


async def test_all_who_listen_get_one_and_the_same_frame(world: World) -> None:
    ears = [await listening(world, "s") for _ in range(3)]
    world.change("s", items(a=1))
    world.deliver()
    frames = [await ear.subscriber.next() for ear in ears if ear.subscriber]
    assert frames[0] is frames[1] is frames[2]


async def test_who_joins_together_is_served_by_one_reading(world: World) -> None:
    ears = [world.join("s", snapshot=True) for _ in range(3)]
    await turns()
    assert len(world.readings) == 1
    world.answer(world.readings[0])
    await turns()
    assert [await ear.frames() for ear in ears] == [[("s", {})]] * 3


async def test_who_joins_others_needs_no_reading(world: World) -> None:
    await listening(world, "s")
    world.change("s", items(a=1))
    world.deliver()
    late = world.join("s", snapshot=True)
    await turns()
    assert world.readings == []
    assert await late.frames() == [("s", {"a": 1})]


async def test_whoever_goes_away_while_joining_leaves_the_reading_to_the_others(world: World) -> None:
    first, second = world.join("s", snapshot=True), world.join("s", snapshot=True)
    await turns()
    world.leave(first)
    await turns()
    world.answer(world.readings[0])
    await turns()
    assert await second.frames() == [("s", {})]


async def test_who_comes_after_all_went_away_has_a_reading_of_their_own(world: World) -> None:
    world.leave(world.join("s"))
    gone = world.join("s")
    await turns()
    world.leave(gone)
    await turns()
    world.change("s", items(a=1))
    world.deliver()
    late = world.join("s", snapshot=True)
    await turns()
    abandoned, fresh = world.readings
    world.answer(fresh)
    world.answer(abandoned, after=0)
    await turns()
    assert await late.frames() == [("s", {"a": 1})]


async def test_an_abandoned_reading_that_fails_takes_nothing_away_from_a_later_one(world: World) -> None:
    gone = world.join("s")
    await turns()
    world.leave(gone)
    await turns()
    late = world.join("s", snapshot=True)
    await turns()
    abandoned, fresh = world.readings
    world.fail(abandoned)
    await turns()
    world.answer(fresh)
    await turns()
    world.change("s", items(a=1))
    world.deliver()
    assert await late.frames() == [("s", {}), ("s", {"a": 1})]


async def test_a_reading_that_fails_tells_all_who_wait_and_nobody_who_comes_later(world: World) -> None:
    waiting = [world.join("s") for _ in range(3)]
    await turns()
    world.fail(world.readings[0])
    await turns()
    assert [type(ear.refusal) for ear in waiting] == [DatabaseUnavailable] * 3
    late = await listening(world, "s", snapshot=True)
    assert await late.frames() == [("s", {})]


async def test_an_error_that_nobody_foresaw_does_not_stick_either() -> None:
    async def read(_: str | None) -> Snapshot:
        if not tries:
            tries.append(1)
            raise ZeroDivisionError
        return Snapshot({}, moment(0))

    tries: list[int] = []
    feed = Feed(read, wire_of)
    await feed.begin_afresh()
    with pytest.raises(ZeroDivisionError):
        async with feed.listen("s"):
            pass
    async with feed.listen("s", snapshot=True) as subscriber:
        assert subscriber.waiting == 1


async def test_a_broken_store_has_no_snapshot_to_give_and_no_changes_to_tell(world: World) -> None:
    world.change("s", BROKEN)
    asked, silent = world.join("s", snapshot=True), world.join("s")
    await world.settle()
    assert isinstance(asked.refusal, BrokenDocument)
    assert isinstance(silent.refusal, BrokenDocument)


async def test_what_nobody_listens_to_any_more_is_forgotten(world: World) -> None:
    first, second = await listening(world, "s"), await listening(world, "s")
    world.leave(first)
    await turns()
    assert len(world.feed.subscriptions) == 1
    world.leave(second)
    await turns()
    world.begin_afresh()
    await turns()
    assert world.readings == []


async def test_when_the_service_stops_every_listener_is_let_go(world: World) -> None:
    ear = await listening(world, "s")
    assert ear.subscriber is not None
    waiting = asyncio.create_task(ear.subscriber.next())
    await turns()
    world.feed.close()
    assert await waiting is None


async def test_when_the_service_stops_nobody_joins_any_more_or_has_just_joined(world: World) -> None:
    early = world.join("s")
    await turns()
    world.feed.close()
    late = world.join("another")
    await turns()
    (reading,) = world.readings
    world.answer(reading)
    await turns()
    assert [type(ear.refusal) for ear in (early, late)] == [DatabaseUnavailable] * 2
    assert len(world.feed.subscriptions) == 0
