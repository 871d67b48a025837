"""What the change stream stood on is gone: it begins afresh, and everybody is told what there is now."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.scene import Mongo, World, scene_of, world_of
from tests.support.fail_points import failing
from tests.support.mongod import ReplicaSetOfThree

WATCHER = "store_api watcher"
SMALL_OPLOG = ("--oplogSize", "1", "--syncdelay", "1")
"""A history of one megabyte, cut back as soon as a checkpoint, one a second, is past it."""

FILLING = {"filling": "x" * 20_000}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        ReplicaSetOfThree(SMALL_OPLOG) as members,
        world_of(members, tmp_path_factory.mktemp("service")) as world,
    ):
        yield world


def oldest(mongo: Mongo) -> Any:
    entry = mongo["local"]["oplog.rs"].find_one(sort=[("$natural", 1)])
    assert entry is not None
    return entry["ts"]


def lose_history(mongo: Mongo) -> None:
    """Write until the oplog no longer reaches back to now."""
    now = mongo.admin.command("ping")["operationTime"]
    while oldest(mongo) <= now:
        mongo["elsewhere"]["filling"].insert_many([dict(FILLING) for _ in range(20)])


async def test_when_history_is_lost_while_the_stream_is_cut_off(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with (
            world.primary() as mongo,
            failing(mongo, "getMore", "aggregate", app_name=WATCHER, closeConnection=True),
        ):
            await asyncio.to_thread(lose_history, mongo)
            await scene.is_unready()
        await scene.comes_good("history lost", afresh=True, unready=True)
        assert 286 in [line["code"] for line in scene.said("stream_failed")]


async def test_when_the_collection_is_dropped(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with world.primary() as mongo, scene.ledger.deleted():
            await asyncio.to_thread(mongo[world.service.database].drop_collection, "stores")
        await scene.comes_good("collection dropped", afresh=True, reset=True)


async def test_when_the_database_is_dropped(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        with world.primary() as mongo, scene.ledger.deleted():
            await asyncio.to_thread(mongo.drop_database, world.service.database)
        await scene.comes_good("database dropped", afresh=True, reset=True)


async def test_when_the_stream_is_refused_while_three_hundred_stores_are_listened_to(world: World) -> None:
    async with scene_of(world, many=300) as scene:
        await scene.in_full_swing()
        with (
            world.primary() as mongo,
            failing(mongo, "getMore", app_name=WATCHER, times=1, errorCode=280) as refused,
        ):
            await refused.wait_until_hit()
        await scene.comes_good("300 stores", afresh=True)
