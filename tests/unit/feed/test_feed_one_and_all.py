"""Those who listen to all stores beside those who listen to one of them."""

from collections.abc import AsyncIterator

import pytest

from store_api.errors import DatabaseUnavailable
from store_api.feed import feed
from tests.support.feed_world import World, items, listening, open_world_of_two, turns


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Stores `a` and `b`, of one chair each, and a change stream that told so already."""
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    async with open_world_of_two() as world:
        yield world


async def test_who_joins_together_is_served_by_one_reading_and_who_comes_later_by_none(world: World) -> None:
    first, second = world.join(None, snapshot=True), world.join(None)
    await turns()
    assert len(world.readings) == 1
    world.answer(world.readings[0])
    await turns()
    late, one = world.join(None, snapshot=True), world.join("a", snapshot=True)
    await turns()
    assert world.readings == []
    assert sorted(await first.frames()) == sorted(await late.frames())
    assert (await second.frames(), await one.frames()) == ([], [("a", {"chair": 1})])


async def test_a_change_is_told_once_to_each_whatever_they_listen_to(world: World) -> None:
    ears = [await listening(world, "a"), await listening(world, None), await listening(world, "b")]
    world.change("a", items(2), as_update=True)
    world.deliver()
    assert [await ear.frames() for ear in ears] == [[("a", {"chair": 2})], [("a", {"chair": 2})], []]


async def test_a_store_that_is_being_read_for_somebody_is_not_missing_for_all(world: World) -> None:
    everything, one = world.join(None, snapshot=True), world.join("a", snapshot=True)
    await turns()
    all_reading, one_reading = world.readings
    world.answer(all_reading)
    await turns()
    world.change("a", items(2), as_update=True)
    world.deliver()
    world.answer(one_reading, after=2)
    await turns()
    assert sorted(await everything.frames()) == [("a", {"chair": 2}), ("b", {"chair": 1})]
    assert await one.frames() == [("a", {"chair": 2})]


async def test_a_reading_of_one_store_that_fails_first_loses_those_who_join_all_no_change(
    world: World,
) -> None:
    everything, one = world.join(None, snapshot=True), world.join("a")
    await turns()
    all_reading, one_reading = world.readings
    world.change("a", items(2), as_update=True)
    world.deliver()
    world.fail(one_reading)
    await turns()
    world.answer(all_reading, after=2)
    await world.settle()
    assert isinstance(one.refusal, DatabaseUnavailable)
    assert sorted(await everything.frames()) == [("a", {"chair": 2}), ("b", {"chair": 1})]


async def test_a_reading_of_one_store_that_fails_last_loses_those_who_hear_all_nothing(world: World) -> None:
    waiting, one = world.join(None), world.join("a")
    await turns()
    all_reading, one_reading = world.readings
    world.answer(all_reading)
    await turns()
    world.change("a", items(2), as_update=True)
    world.deliver()
    world.fail(one_reading)
    late = world.join(None, snapshot=True)
    await turns()
    # Who waited for that very reading is told of it, like the one who asked for it.
    assert [type(ear.refusal) for ear in (waiting, one)] == [DatabaseUnavailable] * 2
    await world.settle()
    world.change("a", items(3), as_update=True)
    world.deliver()
    assert [lines for whose, lines in await late.frames() if whose == "a"] == [{"chair": 2}, {"chair": 3}]


async def test_a_reading_of_all_that_fails_tells_all_who_wait_and_nobody_else(world: World) -> None:
    one = await listening(world, "a")
    waiting = [world.join(None), world.join(None)]
    await turns()
    world.fail(world.readings[0])
    await turns()
    assert [type(ear.refusal) for ear in waiting] == [DatabaseUnavailable] * 2
    late = await listening(world, None, snapshot=True)
    assert len(await late.frames()) == 2
    world.change("a", items(2), as_update=True)
    world.deliver()
    assert await one.frames() == [("a", {"chair": 2})]


async def test_a_reading_that_all_went_away_from_leaves_nothing_behind(world: World) -> None:
    one, everything = await listening(world, "a"), world.join(None)
    await turns()
    world.leave(everything)
    world.leave(one)
    await turns()
    world.answer(world.readings[0])
    await turns()
    world.begin_afresh()
    await turns()
    assert world.readings == []


async def test_who_shares_a_reading_of_all_misses_no_change_that_others_left_with(world: World) -> None:
    one, gone = await listening(world, "a"), world.join(None)
    await turns()
    world.change("a", items(2), as_update=True)
    world.deliver()
    world.leave(gone)
    world.leave(one)
    await turns()
    ear = world.join(None, snapshot=True)
    await turns()
    (reading,) = world.readings
    world.answer(reading, after=2)
    await turns()
    assert sorted(await ear.frames()) == [("a", {"chair": 2}), ("b", {"chair": 1})]


async def test_a_snapshot_holds_nothing_of_a_change_that_was_half_understood(world: World) -> None:
    everything, a, b = world.join(None, snapshot=True), world.join("a"), world.join("b")
    await turns()
    of_all, of_a, of_b = world.readings
    world.answer(of_all)
    world.answer(of_a)
    await turns()
    world.change("a", {"items": {"chair": 5, "table": "broken"}}, as_update=True)
    world.deliver()
    world.answer(of_b)
    await turns()
    assert (a.refusal, b.refusal) == (None, None)
    assert await everything.frames() == [("b", {"chair": 1})]


async def test_when_nobody_listens_to_all_any_more_the_others_go_on(world: World) -> None:
    one, everything = await listening(world, "a"), await listening(world, None)
    world.leave(everything)
    await turns()
    world.change("a", items(2), as_update=True)
    world.change("b", items(2), as_update=True)
    world.deliver(2)
    assert await one.frames() == [("a", {"chair": 2})]
    world.begin_afresh()
    await turns()
    assert [reading.store_id for reading in world.readings] == ["a"]


async def test_who_hears_all_keeps_a_store_that_its_own_listeners_left(world: World) -> None:
    everything, one = await listening(world, None), await listening(world, "a")
    world.leave(one)
    await turns()
    world.change("a", items(2), as_update=True)
    world.deliver()
    assert await everything.frames() == [("a", {"chair": 2})]
