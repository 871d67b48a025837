"""A replica set whose members and clients have to prove who they are: its members die, one or all of them."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.scene import World, scene_of, world_of
from tests.replica_init.running import run, url_from, variables_for, with_key_file


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The service as the user that mongo-replica-init makes for it."""
    secrets = tmp_path_factory.mktemp("key") / "secrets"
    with with_key_file(secrets) as members:
        assert run(variables_for(members, secrets)).exit_code == 0
        members.wait_until_whole()
        with world_of(members, tmp_path_factory.mktemp("service"), url_from(secrets / ".env")) as world:
            yield world
    warnings = {line["action"] for line in world.service.log() if line["level"] == "warning"}
    assert not warnings & {"validator_not_ours", "validated_writes"}


async def test_when_a_set_that_asks_for_passwords_is_killed_and_starts_again(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        await asyncio.to_thread(world.members.kill, 0, 1, 2)
        await asyncio.to_thread(world.members.start, 0, 1, 2)
        await scene.comes_good("all members of a set with a keyFile restarted", afresh=False, unready=True)


async def test_when_a_set_that_asks_for_passwords_is_stopped_and_starts_again(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        for index in range(3):
            await asyncio.to_thread(world.members.stop, index)
        await asyncio.to_thread(world.members.start, 0, 1, 2)
        await scene.comes_good("all members of a set with a keyFile stopped", afresh=False, unready=True)


async def test_when_the_primary_of_a_set_that_asks_for_passwords_is_killed(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        killed = world.members.primary()
        world.members.kill(killed)
        await scene.comes_good("primary of a set with a keyFile killed", afresh=False, unready=True)
    world.members.start(killed)
