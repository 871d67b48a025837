"""A feed through broken documents and changes that it does not understand."""

from collections.abc import AsyncIterator

import pytest

from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.feed import feed
from tests.support.feed_world import BROKEN, World, items, listening, open_world, told, turns
from watchers.changes import StoreChange


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    async with open_world() as world:
        yield world


@pytest.mark.parametrize("as_update", [True, False])
@pytest.mark.parametrize("only_changes", [True, False])
async def test_who_listens_to_all_is_told_that_a_store_broke_and_that_it_is_repaired(
    world: World, as_update: bool, only_changes: bool
) -> None:
    world.change("s", items(1))
    world.change("other", items(9))
    ear = await listening(world, None, only_changes=only_changes)
    world.change("s", BROKEN, as_update=as_update)
    await world.settle()
    assert await told(ear) == ["broken"]
    world.change("s", items(3), as_update=as_update)
    await world.settle()
    assert await told(ear) == [3]
    world.change("s", items(4), as_update=True)
    world.deliver()
    assert await told(ear) == [4]


@pytest.mark.parametrize("as_update", [True, False])
@pytest.mark.parametrize("only_changes", [True, False])
async def test_who_listens_to_the_store_that_breaks_is_let_go_after_all_that_was_told(
    world: World, as_update: bool, only_changes: bool
) -> None:
    world.change("s", items(1))
    ear = await listening(world, only_changes=only_changes)
    other = await listening(world, "other", only_changes=only_changes)
    world.change("s", items(2), as_update=True)
    world.deliver()
    world.change("s", BROKEN, as_update=as_update)
    await world.settle()
    assert ear.subscriber is not None
    assert ear.subscriber.is_broken
    assert await told(ear) == [2]
    assert await ear.subscriber.next() is None
    assert other.subscriber is not None
    assert not other.subscriber.is_broken


@pytest.mark.parametrize("store_id", ["s", None])
async def test_a_store_that_broke_in_a_gap_is_not_silent_either(world: World, store_id: str | None) -> None:
    world.change("s", items(1))
    ear = await listening(world, store_id)
    world.change("s", BROKEN)
    world.begin_afresh()
    await world.settle()
    assert ear.subscriber is not None
    assert (ear.subscriber.is_broken, await told(ear)) == ((True, []) if store_id else (False, ["broken"]))


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("heard_by_others", [True, False])
async def test_a_broken_store_cannot_be_listened_to_until_it_is_repaired(
    world: World, snapshot: bool, heard_by_others: bool
) -> None:
    if heard_by_others:
        await listening(world, None)
    world.change("s", BROKEN)
    await world.settle()
    ear = await listening(world, snapshot=snapshot)
    assert isinstance(ear.refusal, BrokenDocument)
    assert ear.refusal.reason == "its 'items' is not an object"
    world.change("s", items(3))
    await world.settle()
    again = await listening(world, snapshot=snapshot)
    assert await told(again) == ([3] if snapshot else [])


async def test_a_change_that_is_not_understood_is_made_up_for_by_a_reading(world: World) -> None:
    world.change("s", items(1))
    ear = await listening(world)
    world.change("s", items(2))
    world.delivered += 1
    world.feed.take(StoreChange("s", world.changes[-1].at, updated={"items.a.b": 1}))
    await turns()
    (reading,) = world.readings
    world.change("s", items(3), as_update=True)
    world.deliver()
    assert await told(ear) == []
    world.answer(reading, after=2)
    await turns()
    assert await told(ear) == [3]


async def test_who_joins_while_a_store_is_read_again_waits_for_it(world: World) -> None:
    await listening(world)
    world.change("s", BROKEN)
    world.deliver()
    await turns()
    world.change("s", items(2))
    ear = world.join("s", snapshot=True)
    await turns()
    assert ear.subscriber is None
    world.answer(world.readings[0])
    await turns()
    assert await told(ear) == [2]


async def test_a_store_repaired_while_it_is_read_gives_a_snapshot(world: World) -> None:
    world.change("s", BROKEN)
    world.deliver()
    ear = world.join("s", snapshot=True)
    await turns()
    world.change("s", items(2), as_update=True)
    world.deliver()
    world.answer(world.readings[0], after=1)
    await world.settle()
    assert await told(ear) == [2]


@pytest.mark.parametrize("error", [DatabaseUnavailable(), ZeroDivisionError()])
async def test_a_store_that_must_be_read_again_is_read_until_it_is(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    ear = await listening(world)
    world.change("s", BROKEN)
    world.deliver()
    await turns()
    for _ in range(3):
        world.fail(world.readings[0], error)
        await turns()
    world.change("s", items(2))
    await world.settle()
    assert await told(ear) == [2]
    said = [vars(record) for record in caplog.records]
    assert [line["error"] for line in said if line["action"] == "read_failed"] == [type(error).__name__] * 3


async def test_a_late_reading_is_not_told_to_those_who_came_after(world: World) -> None:
    world.change("s", items(1))
    first = await listening(world)
    world.change("s", BROKEN)
    world.deliver()
    await turns()
    world.change("s", items(3))
    world.leave(first)
    await turns()
    second = world.join("s", snapshot=True)
    await turns()
    late, fresh = world.readings
    world.change("s", items(4))
    world.answer(fresh)
    await turns()
    world.deliver(2)
    world.answer(late, after=3)
    await turns()
    assert await told(second) == [4]


async def test_nothing_is_read_again_for_nobody(world: World) -> None:
    ear = await listening(world)
    world.change("s", BROKEN)
    world.deliver()
    await turns()
    world.leave(ear)
    await turns()
    world.fail(world.readings[0])
    await turns()
    assert world.readings == []
