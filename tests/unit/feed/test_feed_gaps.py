"""A feed through gaps in the change stream: it begins afresh, and nobody is left behind or set back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from store_api.errors import DatabaseUnavailable
from store_api.feed import feed
from tests.support.feed_world import BROKEN, World, items, listening, open_world, told, turns


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    async with open_world() as world:
        yield world


async def test_after_a_gap_everybody_is_told_how_things_stand(world: World) -> None:
    world.change("kept", items(1))
    world.change("lost", items(1))
    ears = [await listening(world, store_id) for store_id in ("kept", "lost", "new", None)]
    world.change("kept", items(2))
    world.change("lost", None)
    world.change("new", items(5))
    world.begin_afresh()
    await world.settle()
    assert [await told(ear) for ear in ears[:3]] == [[2], [None], [5]]
    assert sorted(await ears[3].frames()) == [("kept", {"chair": 2}), ("lost", {}), ("new", {"chair": 5})]


async def test_after_a_gap_only_one_store_is_read_where_only_one_is_listened_to(world: World) -> None:
    world.change("another", items(1))
    ear = await listening(world)
    world.change("s", items(2))
    world.begin_afresh()
    await turns()
    assert [reading.store_id for reading in world.readings] == ["s"]
    await world.settle()
    world.change("s", items(3), as_update=True)
    world.deliver()
    assert await told(ear) == [2, 3]


@pytest.mark.parametrize("store_id", ["s", None])
async def test_what_is_in_the_reading_after_a_gap_is_not_told_again(
    world: World, store_id: str | None
) -> None:
    ear = await listening(world, store_id)
    world.change("s", items(1))
    world.begin_afresh()
    await turns()
    world.change("s", items(2), as_update=True)
    world.change("s", items(3), as_update=True)
    world.answer(world.readings[0], after=2)
    await turns()
    world.deliver(2)
    assert await told(ear) == [2, 3]


async def test_beginning_afresh_that_fails_says_so_and_can_be_done_again(world: World) -> None:
    ear = await listening(world)
    world.change("s", items(1))
    beginning = asyncio.create_task(world.feed.begin_afresh())
    await turns()
    world.fail(world.readings[0])
    with pytest.raises(DatabaseUnavailable):
        await beginning
    world.begin_afresh()
    await world.settle()
    assert await told(ear) == [1]


@pytest.mark.parametrize("store_id", ["s", None])
async def test_a_reading_that_a_gap_fell_into_is_done_again(world: World, store_id: str | None) -> None:
    ear = world.join(store_id, snapshot=True)
    await turns()
    before = world.readings[0]
    world.change("s", items(1))
    world.begin_afresh()
    await turns()
    world.answer(before, after=0)
    await turns()
    assert ear.subscriber is None
    await world.settle()
    assert await told(ear) == [1]


async def test_who_joins_all_the_same_while_the_feed_begins_afresh_misses_nothing(world: World) -> None:
    everything = await listening(world, None)
    world.change("s", items(1))
    world.begin_afresh()
    await turns()
    one = world.join("s")
    await turns()
    world.answer(world.readings[0])
    await turns()
    assert (await told(everything), await told(one)) == ([1], [1])


@pytest.mark.parametrize("store_id", ["s", None])
async def test_a_reading_that_ended_first_is_not_undone_by_a_gaps_slower_one(
    world: World, store_id: str | None
) -> None:
    world.change("s", items(1))
    gone = await listening(world, store_id)
    world.begin_afresh()
    await turns()
    world.leave(gone)
    await turns()
    world.change("s", items(2), as_update=True)
    ear = world.join(store_id, snapshot=True)
    await turns()
    slow, fast = world.readings
    world.answer(fast)
    await turns()
    world.answer(slow, after=1)
    await turns()
    world.deliver()
    assert await told(ear) == [2]


async def test_a_joining_that_a_gap_fell_into_is_not_undone_by_the_gaps_own_reading(world: World) -> None:
    world.change("s", items(1))
    ear = world.join("s", snapshot=True)
    await turns()
    world.begin_afresh()
    await turns()
    before, of_the_gap = world.readings
    world.answer(before)
    await turns()
    world.change("s", items(2), as_update=True)
    world.answer(world.readings[-1])
    await turns()
    world.answer(of_the_gap, after=1)
    await turns()
    world.deliver()
    assert await told(ear) == [2]


async def test_a_store_being_read_again_is_not_told_from_a_gaps_reading_as_well(world: World) -> None:
    ear = await listening(world)
    world.change("s", BROKEN)
    world.deliver()
    await turns()
    world.change("s", items(2))
    world.begin_afresh()
    await turns()
    again, of_the_gap = world.readings
    world.change("s", items(3))
    world.answer(of_the_gap)
    await turns()
    assert await told(ear) == []
    world.answer(again)
    await world.settle()
    assert await told(ear) == [3]


async def test_news_of_before_a_gaps_reading_is_no_news(world: World) -> None:
    ear = await listening(world, None)
    world.begin_afresh()
    await turns()
    world.change("gone", items(1))
    world.change("gone", None)
    world.answer(world.readings[0])
    await turns()
    world.deliver(2)
    assert await told(ear) == []


@pytest.mark.parametrize("store_id", ["s", None])
async def test_a_gaps_reading_brings_nothing_back_that_nobody_listens_to(
    world: World, store_id: str | None
) -> None:
    world.change("s", items(1))
    ear = await listening(world, store_id)
    world.begin_afresh()
    await turns()
    world.leave(ear)
    await world.settle()
    world.begin_afresh()
    await turns()
    assert world.readings == []
