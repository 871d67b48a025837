"""Listening to all stores."""

from collections.abc import AsyncIterator

import pytest

from store_api.feed import feed
from store_api.feed import subscribers as queues
from store_api.stock import StorePatterns
from tests.support.feed_world import (
    AN_EMPTY_STORE,
    BROKEN,
    BROKEN_TOLD,
    World,
    items,
    listening,
    open_world_of_two,
    turns,
)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Stores `a` and `b`, of one chair each, and a change stream that told so already."""
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    async with open_world_of_two() as world:
        yield world


async def test_a_snapshot_is_one_frame_for_each_store(world: World) -> None:
    ear = await listening(world, None, snapshot=True)
    assert sorted(await ear.frames()) == [("a", {"chair": 1}), ("b", {"chair": 1})]


async def test_every_change_of_every_store_is_a_frame(world: World) -> None:
    ear = await listening(world, None)
    world.change("a", items(2), as_update=True)
    world.change("new", items(9))
    world.change("b", None)
    world.change("b", items(3))
    world.deliver(4)
    assert await ear.frames() == [
        ("a", {"chair": 2}),
        ("new", {"chair": 9}),
        ("b", {}),
        ("b", {"chair": 3}),
    ]


async def test_an_empty_store_is_told_too(world: World) -> None:
    world.change("empty", AN_EMPTY_STORE)
    ear = await listening(world, None, snapshot=True)
    assert ("empty", {}) in await ear.frames()


@pytest.mark.parametrize("read_after", [2, 3, 4, 5])
async def test_what_comes_while_all_are_read_is_neither_lost_nor_told_twice(
    world: World, read_after: int
) -> None:
    ear = world.join(None, snapshot=True)
    await turns()
    world.change("a", items(2), as_update=True)
    world.change("new", items(1))
    world.deliver(1)
    world.change("new", items(2), as_update=True)
    world.answer(world.readings[0], after=read_after)
    await turns()
    world.deliver(2)
    frames = await ear.frames()
    a, new = ([lines["chair"] for whose, lines in frames if whose == store_id] for store_id in ("a", "new"))
    # The change of `a` came before anybody listened, so that it is in the snapshot either way.
    assert a == [2]
    assert new == {2: [1, 2], 3: [1, 2], 4: [1, 2], 5: [2]}[read_after]


async def test_whoever_goes_away_while_all_are_read_leaves_the_reading_to_the_others(world: World) -> None:
    first, second = world.join(None), world.join(None, snapshot=True)
    await turns()
    world.leave(first)
    await turns()
    world.answer(world.readings[0])
    await turns()
    assert len(await second.frames()) == 2


async def test_news_of_before_the_reading_is_no_news(world: World) -> None:
    world.change("gone", items(1))
    world.change("gone", None)
    ear = world.join(None, snapshot=True)
    await turns()
    world.answer(world.readings[0])
    await turns()
    early = world.join("gone")
    await turns()
    world.deliver(2)
    assert sorted(await ear.frames()) == [("a", {"chair": 1}), ("b", {"chair": 1})]
    assert await early.frames() == []
    # Nor is a store that is gone taken for a broken one.
    late = await listening(world, "gone", snapshot=True)
    assert await late.frames() == [("gone", {})]


async def test_a_store_that_appears_half_told_is_read(world: World) -> None:
    ear = await listening(world, None)
    world.change("new", items(1))
    world.delivered += 1
    world.change("new", items(2), as_update=True)
    world.deliver()
    await turns()
    assert [reading.store_id for reading in world.readings] == ["new"]
    await world.settle()
    assert await ear.frames() == [("new", {"chair": 2})]


async def test_a_broken_store_leaves_the_others_to_be_told(world: World) -> None:
    world.change("a", BROKEN)
    ear = await listening(world, None, snapshot=True)
    assert dict(await ear.frames()) == {"a": BROKEN_TOLD, "b": {"chair": 1}}
    world.change("a", BROKEN)
    await world.settle()
    assert await ear.frames() == [("a", BROKEN_TOLD)]
    world.change("a", items(4))
    world.deliver()
    assert await ear.frames() == [("a", {"chair": 4})]


@pytest.mark.parametrize("only_changes", [False, True])
async def test_who_may_see_some_stores_is_told_of_no_other_however_far_behind(
    world: World, monkeypatch: pytest.MonkeyPatch, *, only_changes: bool
) -> None:
    only = StorePatterns.of(["a", "new-*"])
    ear = await listening(world, None, snapshot=True, only_changes=only_changes, only=only)
    assert await ear.frames() == [("a", {"chair": 1})]
    monkeypatch.setattr(queues, "MOST_FRAMES", 1)
    world.change("b", items(2), as_update=True)
    world.change("new-1", items(1))
    world.change("b", BROKEN)
    world.change("a", items(2), as_update=True)
    world.change("new-2", BROKEN)
    world.change("new", items(1))
    world.change("new-1", items(3), as_update=True)
    await world.settle()
    assert sorted(await ear.frames()) == [
        ("a", {"chair": 2}),
        ("new-1", {"chair": 3}),
        ("new-2", BROKEN_TOLD),
    ]


async def test_a_store_that_nobody_may_see_and_that_is_gone_is_not_kept(world: World) -> None:
    await listening(world, None, only=StorePatterns.of(["a"]))
    world.change("b", None)
    await world.settle()
    assert world.feed._live.keys() == {"a"}


async def test_a_store_that_nobody_hears_any_more_and_that_goes_while_all_are_read_stays_gone(
    world: World,
) -> None:
    await listening(world, "a")
    ear = world.join(None, snapshot=True)
    await turns()
    world.leave(world.ears[0])
    await turns()
    world.change("a", None)
    world.deliver()
    world.answer(world.readings[0], after=2)
    await turns()
    assert [frame for frame in await ear.frames() if frame != ("a", {})] == [("b", {"chair": 1})]
