"""Keepers of the ledger are killed, halted and cut off while all write: no change is lost or doubled."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.faults.ledger import Ledger
from tests.faults.scene import World, world_of
from tests.faults.writers import ITEMS, RISING, ApiWriter, DirectWriter
from tests.support.ledger_check import check_ledger
from tests.support.mongod import ReplicaSetOfThree, wait_until
from tests.support.service import children_of, command_line, needs_proc

pytestmark = needs_proc

STORES = [f"store-{number}" for number in range(20)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A set of three, and a service of two processes that sees to its ledger."""
    with ReplicaSetOfThree() as members, world_of(members, tmp_path, LEDGER="on", WORKERS="2") as world:
        yield world


def keepers(world: World) -> list[int]:
    """List the processes that keep the ledger, or try to."""
    return sorted(
        child
        for worker in world.service.worker_pids()
        for child in children_of(worker)
        if b"store_api.keeping.program" in command_line(child)
    )


def owner(mongo: "MongoClient[dict[str, Any]]", world: World) -> Any:
    """Tell who has the lease, if anybody has; None where nobody says."""
    held = {"_id": "lease", "$expr": {"$gte": ["$until", "$$NOW"]}}
    try:
        lease = mongo[world.service.database]["ledger_state"].find_one(held)
    except PyMongoError:
        return None
    return lease and lease["owner"]


def kill_one(world: World, mongo: "MongoClient[dict[str, Any]]") -> None:
    """End a keeper at whatever it does, and wait until another keeps the ledger."""
    before = owner(mongo, world)
    for keeper in keepers(world):
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: owner(mongo, world) not in (None, before), "another has the lease", 20.0)


async def test_whoever_keeps_the_ledger_dies_or_hangs_it_adds_up(world: World) -> None:
    chance = random.Random(16)
    seen = Ledger()
    with ExitStack() as left:
        mongo: MongoClient[dict[str, Any]] = left.enter_context(MongoClient(world.url, w="majority"))
        wait_until(lambda: owner(mongo, world) is not None, "the ledger is kept", 20.0)
        items = dict.fromkeys((RISING, *ITEMS), 1_000_000)
        mongo[world.service.database]["stores"].insert_many({"_id": each, "items": items} for each in STORES)
        writers: list[ApiWriter | DirectWriter] = [
            *(ApiWriter(world.service.url, STORES, seen, seed) for seed in range(4)),
            *(DirectWriter(world.url, world.service.database, STORES, seen) for _ in range(2)),
        ]
        try:
            # Halted for longer than its lease, while the primary dies: another takes over.
            await asyncio.to_thread(wait_until, lambda: len(keepers(world)) == 1, "one keeps it", 20.0)
            halted = owner(mongo, world)
            (keeper,) = keepers(world)
            os.kill(keeper, signal.SIGSTOP)
            primary = await asyncio.to_thread(world.members.primary)
            world.members.kill(primary)
            await asyncio.to_thread(
                wait_until, lambda: owner(mongo, world) not in (None, halted), "another has the lease", 25.0
            )
            world.members.start(primary)
            os.kill(keeper, signal.SIGCONT)
            for _ in range(2):
                await asyncio.sleep(chance.uniform(0.2, 0.9))
                await asyncio.to_thread(kill_one, world, mongo)
            with world.primary() as stepping:
                stepping.admin.command({"replSetStepDown": 1, "force": True})
            await asyncio.sleep(chance.uniform(0.2, 0.9))
        finally:
            await asyncio.gather(*(writer.finish() for writer in writers))
        assert sum(len(writer.acknowledged_at) for writer in writers) > 100
        await asyncio.to_thread(check_ledger, mongo, world.service.database, 30.0)
        taken = mongo[world.service.database]["ledger_state"].find_one({"_id": "lease"})
        assert taken is not None
        assert taken["taken"] >= 4
