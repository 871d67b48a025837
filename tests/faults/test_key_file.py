"""A replica set whose members and clients have to prove who they are, restarted as a whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scene import Mongo, World, scene_of, world_of
from tests.mongod import ReplicaSetOfThree

NAME, PASSWORD = "store_api", "test-password"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_text("keyOfThisTestAlone")
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def world(key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ReplicaSetOfThree(("--keyFile", str(key_file))) as members:
        with Mongo(members.url_of(members.primary())) as mongo:
            mongo.admin.command(
                {"createUser": NAME, "pwd": PASSWORD, "roles": ["root"], "writeConcern": {"w": 3}}
            )
        url = members.url.replace("://", f"://{NAME}:{PASSWORD}@")
        with world_of(members, tmp_path_factory.mktemp("service"), url) as world:
            yield world


async def test_when_a_set_that_asks_for_passwords_is_killed_and_starts_again(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        world.members.kill(0, 1, 2)
        world.members.start(0, 1, 2)
        await scene.comes_good("all members of a set with a keyFile restarted", afresh=False, unready=True)


async def test_when_a_set_that_asks_for_passwords_is_stopped_and_starts_again(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        for index in range(3):
            world.members.stop(index)
        world.members.start(0, 1, 2)
        await scene.comes_good("all members of a set with a keyFile stopped", afresh=False, unready=True)


async def test_when_the_primary_of_a_set_that_asks_for_passwords_is_killed(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        killed = world.members.primary()
        world.members.kill(killed)
        await scene.comes_good("primary of a set with a keyFile killed", afresh=False, unready=True)
    world.members.start(killed)
