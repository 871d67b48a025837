"""Who sees to it that the ledger is kept: starts a keeper, another when that dies, and ends it in the end."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from store_api.keeping import attending
from store_api.keeping.attending import LedgerAttendant
from store_api.keeping.lease import LEASE
from store_api.keeping.program import Task
from store_api.ledger.states import STATE
from store_api.storage.clients import Client
from tests.integration.ledger.keeping import Kept
from tests.support.fail_points import failing
from tests.support.ledger_check import first_difference, is_kept, moment_now
from tests.support.service import are_gone, children_of, command_line, needs_proc

pytestmark = needs_proc

SECONDS = 20.0


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look often."""
    monkeypatch.setattr(attending, "LOOK_SECONDS", 0.05)


@asynccontextmanager
async def attended(
    kept: Kept, url: str, clients: tuple[Client, Client], now: Callable[[], float] = time.time
) -> AsyncIterator[LedgerAttendant]:
    attendant = LedgerAttendant(Task(url, kept.database.name, 400), *clients, now)
    running = asyncio.create_task(attendant.run())
    try:
        yield attendant
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def keepers() -> set[int]:
    return {
        child for child in children_of(os.getpid()) if b"store_api.keeping.program" in command_line(child)
    }


def seen_of(pid: int) -> bytes:
    """Give what any process of the same user can see of one: its environment and its command line."""
    return Path(f"/proc/{pid}/environ").read_bytes() + command_line(pid)


def owner(kept: Kept) -> Any:
    held = {"_id": LEASE, "$expr": {"$gte": ["$until", "$$NOW"]}}
    lease = kept.database[STATE].find_one(held)
    return lease and lease["owner"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_one_that_is_killed_is_followed_by_another_at_once_and_ends_with_its_parent(
    kept: Kept, mongo_url: str, client: Client, watcher_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_URL", "mongodb://boss:secret-word@127.0.0.1/")
    kept.stores.insert_one({"_id": "north", "items": {"chair": 1}})
    async with attended(kept, mongo_url, (client, watcher_client)) as attendant:
        await until(lambda: attendant.counts["leases"] == 1)
        first = owner(kept)
        (keeper,) = keepers()
        told = seen_of(keeper)
        assert b"secret-word" not in told
        assert mongo_url.encode() not in told
        os.kill(keeper, signal.SIGKILL)
        killed = time.monotonic()
        await until(lambda: owner(kept) not in (None, first))
        # A lease that must run out would take ten seconds.
        assert time.monotonic() - killed < 9.0
        kept.stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 1}})
        moment = moment_now(kept.database)
        await until(lambda: is_kept(kept.database, moment))
        await until(lambda: attendant.counts["leases"] == 2)
        last = keepers()
        kept.stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 1}})
    assert are_gone(last)
    assert owner(kept) is None
    await kept.check()
    assert first_difference(kept.database) is None


async def test_where_mongodb_lets_none_keep_it_they_are_started_seldom(
    kept: Kept, mongo_url: str, client: Client, watcher_client: Client
) -> None:
    kept.stores.insert_one({"_id": "north", "items": {"chair": 1}})
    clock = [1_795_000_000.0]
    with failing(kept.mongo, "createIndexes", app_name="store_api ledger", errorCode=20) as refused:
        async with attended(kept, mongo_url, (client, watcher_client), lambda: clock[0]) as attendant:
            await refused.wait_until_hit(2)
            await until(lambda: attendant._rests_until > clock[0])
            rests = attendant._rests_until - clock[0]
            await asyncio.sleep(0.3)
            assert keepers() == set()
            clock[0] += rests
            await refused.wait_until_hit(3)
            await until(lambda: attendant._rests_until - clock[0] > rests)
