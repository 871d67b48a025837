"""A feed through broken documents and changes that it does not understand."""

from collections.abc import AsyncIterator

import pytest

from store_api.errors import DatabaseUnavailable
from store_api.feed import feed
from tests.support.feed_world import BROKEN, World, items, listening, open_world, told, turns
from watchers.changes import StoreChange


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    async with open_world() as world:
        yield world


@pytest.mark.parametrize("as_update", [True, False])
async def test_a_document_that_breaks_is_silent_until_it_is_repaired(world: World, as_update: bool) -> None:
    world.change("s", items(1))
    ear = await listening(world)
    world.change("s", BROKEN, as_update=as_update)
    await world.settle()
    assert await told(ear) == []
    world.change("s", items(3), as_update=as_update)
    await world.settle()
    assert await told(ear) == [3]
    world.change("s", items(4), as_update=True)
    world.deliver()
    assert await told(ear) == [4]


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
