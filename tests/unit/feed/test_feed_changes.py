"""Those who listen to changes alone: just the lines that changed, whatever it was that changed them."""

from collections.abc import AsyncIterator

import pytest

from store_api.feed import feed
from store_api.feed.live_store import LiveStore
from store_api.stock import Stock
from tests.support.feed_world import BROKEN, BROKEN_TOLD, Ear, World, listening, moment, open_world, turns
from watchers.changes import StoreChange


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A store `s` of a chair, two tables and a lamp that is used up; its change stream told so already."""
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    async with open_world() as world:
        world.change("s", stock(chair=1, table=2, lamp=0))
        world.deliver()
        yield world


def stock(**quantities: int) -> dict[str, dict[str, int]]:
    return {"items": quantities}


async def lines(ear: Ear) -> list[Stock]:
    return [told for _, told in await ear.frames()]


async def hearing_changes(world: World, store_id: str | None = "s", *, snapshot: bool = False) -> Ear:
    return await listening(world, store_id, snapshot=snapshot, only_changes=True)


async def test_after_the_snapshot_come_just_the_lines_that_changed(world: World) -> None:
    ear = await hearing_changes(world, snapshot=True)
    world.change("s", stock(chair=5, table=2, lamp=0), as_update=True)
    world.change("s", stock(chair=5, table=0, lamp=3), as_update=True)
    world.change("s", stock(chair=5, table=0, lamp=3, sofa=1), as_update=True)
    world.deliver(3)
    assert await lines(ear) == [{"chair": 1, "table": 2}, {"chair": 5}, {"table": 0, "lamp": 3}, {"sofa": 1}]


async def test_the_lines_stand_in_the_order_of_the_change(world: World) -> None:
    ear = await hearing_changes(world)
    world.delivered += 1
    world.change("s", stock(table=9, chair=8))
    updated = {"items.lamp": 7, "rev": 2, "items.table": 9, "items.chair": 8}
    world.feed.take(StoreChange("s", world.changes[-1].at, updated=updated))
    (told,) = await lines(ear)
    assert list(told.items()) == [("lamp", 7), ("table", 9), ("chair", 8)]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(stock(chair=1, table=2, lamp=0), id="only rev grew"),
        pytest.param(stock(chair=1, table=2), id="a zero was swept"),
        pytest.param(stock(chair=1, table=2, lamp=0, sofa=0), id="a zero came"),
    ],
)
@pytest.mark.parametrize("as_update", [True, False])
async def test_a_change_that_changes_no_line_is_a_frame_of_no_line(
    world: World, after: dict[str, Stock], as_update: bool
) -> None:
    ear = await hearing_changes(world)
    world.change("s", after, as_update=as_update)
    world.deliver()
    assert await lines(ear) == [{}]


async def test_what_is_replaced_deleted_or_new_is_told_by_its_difference(world: World) -> None:
    ear, everything = await hearing_changes(world), await hearing_changes(world, None)
    world.change("s", stock(table=3, sofa=1))
    world.change("s", None)
    world.change("s", stock(table=3))
    world.change("new", stock(bed=1, lamp=0))
    world.deliver(4)
    told = [{"table": 3, "sofa": 1, "chair": 0}, {"table": 0, "sofa": 0}, {"table": 3}]
    assert await lines(ear) == told
    assert await everything.frames() == [*(("s", frame) for frame in told), ("new", {"bed": 1})]


async def test_items_that_are_set_or_removed_as_a_whole_are_told_by_their_difference(world: World) -> None:
    ear = await hearing_changes(world)
    world.change("s", stock(chair=1, table=9))
    world.change("s", {"items": {}})
    world.delivered += 2
    world.feed.take(StoreChange("s", world.changes[-2].at, updated={"items": {"chair": 1, "table": 9}}))
    world.feed.take(StoreChange("s", world.changes[-1].at, removed=["items"]))
    assert await lines(ear) == [{"table": 9}, {"chair": 0, "table": 0}]


@pytest.mark.parametrize("store_id", ["s", None])
async def test_after_a_gap_only_what_differs_is_told(world: World, store_id: str | None) -> None:
    world.change("same", stock(bed=1))
    world.deliver()
    ear = await hearing_changes(world, store_id)
    world.change("s", stock(chair=1, lamp=4))
    world.begin_afresh()
    await world.settle()
    frames = dict(await ear.frames())
    assert frames.pop("s") == {"lamp": 4, "table": 0}
    # As for those who listen to whole reports: whatever may have been missed is a frame.
    assert frames == ({} if store_id else {"same": {}})


@pytest.mark.parametrize("as_update", [True, False])
async def test_a_repaired_document_is_told_by_its_difference_to_the_last_that_was_told(
    world: World, as_update: bool
) -> None:
    ear = await hearing_changes(world, None)
    world.change("s", BROKEN, as_update=as_update)
    await world.settle()
    world.change("s", BROKEN)
    world.begin_afresh()
    await world.settle()
    assert await lines(ear) == [BROKEN_TOLD] * 2
    world.change("s", stock(chair=1, lamp=4), as_update=as_update)
    await world.settle()
    assert await lines(ear) == [{"lamp": 4, "table": 0}]
    world.change("s", stock(chair=1, lamp=5), as_update=True)
    world.deliver()
    assert await lines(ear) == [{"lamp": 5}]


async def test_nothing_of_a_change_that_was_half_understood_is_taken_for_told(world: World) -> None:
    ear = await hearing_changes(world)
    world.change("s", stock(chair=7, table=2))
    world.delivered += 1
    half = {"items.chair": 7, "items.table.legs": 4}
    world.feed.take(StoreChange("s", world.changes[-1].at, updated=half))
    await world.settle()
    assert await lines(ear) == [{"chair": 7}]


async def test_who_was_told_nothing_of_a_broken_store_is_told_all_once_it_is_repaired(world: World) -> None:
    early = await hearing_changes(world, None, snapshot=True)
    world.change("s", BROKEN)
    await world.settle()
    late = await hearing_changes(world, None, snapshot=True)
    world.change("s", stock(chair=1, table=3))
    world.deliver()
    assert await lines(late) == [BROKEN_TOLD, {"chair": 1, "table": 3}]
    assert await lines(early) == [{"chair": 1, "table": 2}, BROKEN_TOLD, {"chair": 1, "table": 3}]


async def test_a_store_that_was_broken_from_the_first_is_told_whole_once_it_is_repaired(world: World) -> None:
    world.change("s", BROKEN)
    world.deliver()
    ear = await hearing_changes(world, None)
    world.change("s", stock(chair=1, lamp=0))
    world.deliver()
    assert await lines(ear) == [{"chair": 1}]


async def test_changes_that_come_while_a_store_is_read_are_told_from_what_was_read(world: World) -> None:
    ear = world.join("s", only_changes=True)
    await turns()
    world.change("s", stock(chair=4, table=2, lamp=0), as_update=True)
    world.deliver()
    world.answer(world.readings[0], after=1)
    await turns()
    world.change("s", stock(chair=4, table=5, lamp=0), as_update=True)
    world.deliver()
    assert await lines(ear) == [{"table": 5}]


async def test_each_kind_of_listener_gets_its_own_kind_of_frame(world: World) -> None:
    ears = [await listening(world, store_id) for store_id in ("s", None)]
    ears += [await hearing_changes(world, store_id) for store_id in ("s", None)]
    world.change("s", stock(chair=3, table=2, lamp=0), as_update=True)
    world.deliver()
    assert [await lines(ear) for ear in ears] == [[{"chair": 3, "table": 2}]] * 2 + [[{"chair": 3}]] * 2


async def test_no_whole_frame_is_built_for_those_who_hear_changes_and_one_frame_serves_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears = [await hearing_changes(world) for _ in range(3)]

    def frame(*_: object) -> str:
        raise AssertionError("a whole frame for nobody")

    monkeypatch.setattr(LiveStore, "frame", frame)
    world.change("s", stock(chair=3, table=2), as_update=True)
    world.change("s", stock(sofa=1))
    world.change("s", None)
    world.deliver(3)
    for _ in range(3):
        frames = [await ear.subscriber.next() for ear in ears if ear.subscriber]
        assert len({id(frame) for frame in frames}) == 1


async def test_a_changed_line_costs_no_more_in_a_large_store_than_in_a_small_one(world: World) -> None:
    class Large(dict[str, int]):
        """A stock that must not be gone through."""

        def _refuse(self, *_: object) -> None:
            raise AssertionError("the whole stock was gone through")

        __iter__ = keys = values = items = copy = _refuse  # type: ignore[assignment]

    ear = await hearing_changes(world)
    world.feed._live["s"].stock = Large(chair=1, table=2)
    change = StoreChange("s", moment(9), updated={"items.chair": 4, "rev": 8}, removed=["items.table"])
    world.feed.take(change)
    assert await lines(ear) == [{"table": 0, "chair": 4}]
