"""Whatever comes in whatever order: every subscriber's frames are the truth, in order, to the last one."""

import asyncio
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store_api.feed import feed
from store_api.stock import StorePatterns
from tests.support.feed_world import BROKEN, BROKEN_TOLD, Ear, World, turns

pytestmark = pytest.mark.unwatched

STORES = ("a", "b")
ACTIONS = (
    "set",
    "set",
    "replace",
    "delete",
    "deliver",
    "deliver",
    "turn",
    "join",
    "join",
    "join snapshot",
    "join all",
    "join all snapshot",
    "join some",
    "join some snapshot",
    "leave",
    "answer",
    "answer",
    "answer old",
)
FAULTS = ("fail", "fail", "gap", "gap", "break", "break", "break")

Steps = list[tuple[str, int]]


def schedules(*actions: str) -> st.SearchStrategy[Steps]:
    return st.lists(st.sampled_from(list(product(actions, range(6)))), min_size=15, max_size=50)


@pytest.fixture(autouse=True, scope="module")
def _retries_come_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "RETRY_SECONDS", 0)
        yield


async def play(steps: Steps) -> World:
    world = World()
    world.begin_afresh()
    await turns()
    for action, number in steps:
        await play_step(world, action, number)
    await world.settle()
    return world


async def play_step(world: World, action: str, number: int) -> None:  # noqa: C901  (a table of actions)
    store_id = STORES[number % len(STORES)]
    rev = {"items": {"rev": len(world.changes) + 1}}
    match action:
        case "set":
            world.change(store_id, rev, as_update=store_id in world.past[-1])
        case "replace":
            world.change(store_id, rev)
        case "delete" if store_id in world.past[-1]:
            world.change(store_id, None)
        case "break":
            world.change(store_id, BROKEN, as_update=store_id in world.past[-1])
        case "deliver":
            world.deliver()
        case "turn":
            await turns(number)
        case "join" | "join snapshot":
            world.join(store_id, snapshot=action.endswith("snapshot"))
            await turns(number)
        case "join all" | "join all snapshot":
            world.join(None, snapshot=action.endswith("snapshot"))
            await turns(number)
        case "join some" | "join some snapshot":
            world.join(None, snapshot=action.endswith("snapshot"), only=StorePatterns.of([f"{store_id}*"]))
            await turns(number)
        case "leave" if world.ears:
            world.leave(world.ears[number % len(world.ears)])
        case "answer" | "answer old" | "fail" if world.readings:
            reading = world.readings[number % len(world.readings)]
            if action == "fail":
                world.fail(reading)
            else:
                world.answer(reading, after=0 if action.endswith("old") else None)
        case "gap" if world.beginning is None:
            world.begin_afresh()


def reports(world: World, store_id: str) -> list[tuple[int, dict[str, int]]]:
    """All reports of a store so far, with the change each came with."""
    found: list[tuple[int, dict[str, int]]] = [(0, {})]
    for number, change in enumerate(world.changes, 1):
        if change.store_id == store_id:
            items = world.past[number].get(store_id, {}).get("items", {})
            found.append((number, BROKEN_TOLD if items == "nonsense" else items))
    return found


async def check_all(world: World, *, every: bool) -> None:
    for ear in world.ears:
        if ear.subscriber is None:
            assert ear.refusal is not None
            assert not every, "refused without a reason"
            continue
        frames = await ear.frames()
        assert all(ear.hears(whose) for whose, _ in frames), "told of what it may not see"
        for store_id in filter(ear.hears, STORES):
            told = [lines for whose, lines in frames if whose == store_id]
            (check_every if every else check_order)(ear, told, reports(world, store_id))


def check_every(ear: Ear, told: list[dict[str, int]], known: list[tuple[int, dict[str, int]]]) -> None:
    """Each change since the joining is one frame, after the snapshot if there is one."""
    assert ear.first_certain is not None
    least = sum(1 for number, _ in known if number > ear.first_certain)
    most = sum(1 for number, _ in known if number > ear.first_possible)
    if ear.snapshot:
        most += 1
        # A subscriber to all stores is not told of a store that is not there.
        least += 1 if ear.store_id is not None or known_at(known, ear.first_certain) else 0
    assert least <= len(told) <= most
    assert told == [lines for _, lines in known][len(known) - len(told) :]


def known_at(known: list[tuple[int, dict[str, int]]], number: int) -> dict[str, int]:
    return [lines for at, lines in known if at <= number][-1]


def check_order(ear: Ear, told: list[dict[str, int]], known: list[tuple[int, dict[str, int]]]) -> None:
    """No frame is older than the one before, and the last one is how the store stands."""
    position = 0
    states = [lines for _, lines in known]
    for lines in told:
        assert lines in states[position:], "older than the frame before"
        position = states.index(lines, position)
    assert ear.first_certain is not None
    changed = any(number > ear.first_certain for number, _ in known)
    final = states[-1]
    # A store that came and went unseen was never there for those who listen to all.
    unseen = ear.store_id is None and not final and not told
    if ear.subscriber is not None and ear.subscriber.is_broken:
        assert BROKEN_TOLD in states[position:], "let go for nothing"
    elif not unseen and (changed or told or (ear.snapshot and final)):
        assert told, "never told"
        assert told[-1] == final, "the last frame is not how the store stands"


@settings(max_examples=300, deadline=None)
@given(schedules(*ACTIONS))
def test_every_change_since_the_joining_is_one_frame_in_order(steps: Steps) -> None:
    async def run() -> None:
        world = await play(steps)
        await check_all(world, every=True)
        await world.end()

    asyncio.run(run())


@settings(max_examples=300, deadline=None)
@given(schedules(*ACTIONS, *FAULTS))
def test_through_every_fault_the_last_frame_is_how_the_store_stands(steps: Steps) -> None:
    async def run() -> None:
        world = await play(steps)
        await check_all(world, every=False)
        await world.end()

    asyncio.run(run())


@pytest.mark.parametrize(
    "joining",
    ["join", "join snapshot", "join all", "join all snapshot", "join some", "join some snapshot"],
)
async def test_a_joining_misses_nothing_in_any_order_of_its_steps(joining: str) -> None:
    """Not chosen by chance: every order of four steps after the joining began."""
    for steps in product(("set", "deliver", "turn", "answer", "answer old"), repeat=4):
        world = await play([("set", 0), (joining, 2), *((step, 2) for step in steps)])
        await check_all(world, every=True)
        await world.end()


async def test_a_store_that_is_read_later_than_all_others_is_heard_though_it_is_deleted_and_made_again() -> (
    None
):
    """Found by chance: its own reading is older than that of all stores, and its changes come after both."""
    first = [("set", 1), ("join", 1), ("join all", 1), ("fail", 0), ("gap", 0), ("turn", 2), ("answer", 0)]
    world = await play([*first, ("delete", 1), ("set", 1), ("answer old", 1)])
    await check_all(world, every=False)
    await world.end()
