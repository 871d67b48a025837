"""Commands fail on the network or are refused, and the primary stays: nobody notices more than a pause."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.scene import World, scene_of, world_of
from tests.support.fail_points import failing
from tests.support.mongod import ReplicaSetOfThree

WATCHER, SERVICE = "store_api watcher", "store_api"
CLOSED = {"closeConnection": True}
RESUMABLE = {"errorLabels": ["ResumableChangeStreamError"]}
"""What mongod itself would add (Change Streams specification, "Resumable Error")."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ReplicaSetOfThree() as members, world_of(members, tmp_path_factory.mktemp("service")) as world:
        yield world


@pytest.mark.parametrize(
    ("commands", "times", "failure", "afresh"),
    [
        (("getMore",), 1, CLOSED, False),
        (("getMore",), 1, {"errorCode": 43}, False),  # CursorNotFound
        (("getMore",), 1, {"errorCode": 11600}, False),  # InterruptedAtShutdown
        (("getMore",), 1, {"errorCode": 189}, False),  # PrimarySteppedDown
        (("getMore",), 1, {"errorCode": 262, **RESUMABLE}, False),  # ExceededTimeLimit
        (("getMore", "aggregate"), 3, CLOSED, False),
        (("getMore", "aggregate"), 3, {"errorCode": 91}, False),  # ShutdownInProgress
        (("getMore",), 1, {"errorCode": 286}, True),  # ChangeStreamHistoryLost
        (("getMore",), 1, {"errorCode": 280}, True),  # ChangeStreamFatalError
    ],
    ids=str,
)
async def test_when_the_change_stream_fails(
    world: World, commands: tuple[str, ...], times: int, failure: dict[str, Any], afresh: bool
) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with (
            world.primary() as mongo,
            failing(mongo, *commands, app_name=WATCHER, times=times, **failure) as failed,
        ):
            await failed.wait_until_hit(times)
        await scene.comes_good(f"{times} {commands} fail by {failure}", afresh=afresh)


@pytest.mark.parametrize(
    "failure",
    [CLOSED, {"errorCode": 189}, {"errorCode": 211}, {"errorCode": 11602}],
    ids=str,
)
@pytest.mark.parametrize("commands", [("update",), ("find",), ("update", "find", "aggregate")], ids=str)
async def test_when_the_commands_of_the_service_fail(
    world: World, commands: tuple[str, ...], failure: dict[str, Any]
) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with (
            world.primary() as mongo,
            failing(mongo, *commands, app_name=SERVICE, times=4, **failure) as failed,
        ):
            await failed.wait_until_hit(4)
        await scene.comes_good(f"4 {commands} fail by {failure}", afresh=None)
