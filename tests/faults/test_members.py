"""Members of the replica set die, hang, step down and start again: the stream is taken up where it was."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.scene import World, scene_of, world_of
from tests.support.mongod import ReplicaSetOfThree


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ReplicaSetOfThree() as members, world_of(members, tmp_path_factory.mktemp("service")) as world:
        yield world


async def test_when_the_primary_steps_down(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with world.primary() as mongo:
            mongo.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2})
        await scene.comes_good("primary steps down", afresh=False)


async def test_when_the_primary_is_killed(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        killed = world.members.primary()
        world.members.kill(killed)
        await scene.comes_good("primary killed", afresh=False, unready=True)
    world.members.start(killed)
    world.members.wait_until_whole()


async def test_when_the_primary_hangs_and_comes_back(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        frozen = world.members.primary()
        world.members.freeze(frozen)
        try:
            await scene.has_news("primary hangs", hangs=True)
        finally:
            world.members.thaw(frozen)
        await asyncio.to_thread(world.members.wait_until_whole)
        await scene.comes_good("and comes back", afresh=False)


async def test_when_all_members_are_killed_and_start_again(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        await asyncio.to_thread(world.members.kill, 0, 1, 2)
        await asyncio.to_thread(world.members.start, 0, 1, 2)
        await scene.comes_good("all members restarted", afresh=False, unready=True)


async def test_when_all_members_hang_until_the_service_says_so(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        for index in range(3):
            world.members.freeze(index)
        await scene.is_unready()
        for index in range(3):
            world.members.thaw(index)
        await scene.comes_good("all members hang", afresh=False, unready=True)
