"""Two processes behind a TCP proxy are restarted under load, one by one: a blink, and nothing is lost."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.faults.balancer import Balancer, balanced
from tests.faults.dashboard import Dashboard
from tests.faults.ledger import Ledger
from tests.faults.watching import until
from tests.faults.writers import ITEMS, RISING, ApiWriter
from tests.support.service import Service, new_store_id

Mongo = MongoClient[dict[str, Any]]

WRITERS, DASHBOARDS = 24, 40
PROMISE_SECONDS = 5.0
PAUSE_SECONDS = 0.5
"""Between the last new connection and SIGTERM: what preStop is for."""


@pytest.fixture(scope="module")
def services(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    with (
        Service(tmp_path_factory.mktemp("one"), settings) as one,
        Service(tmp_path_factory.mktemp("two"), settings) as two,
        Mongo(mongo_url) as mongo,
    ):
        for service in (one, two):
            service.wait_until_ready()
        yield [one, two]
        mongo.drop_database(one.database)


class Crowd:
    """Writers and dashboards, all through the balancer."""

    def __init__(self, port: int, stores: list[str], ledger: Ledger) -> None:
        self.ledger = ledger
        self.writers = [
            ApiWriter(f"http://127.0.0.1:{port}", stores, ledger, seed) for seed in range(WRITERS)
        ]
        self.dashboards = {
            Dashboard(port, stores[seed % len(stores)], seed): stores[seed % len(stores)]
            for seed in range(DASHBOARDS)
        }

    async def is_in_full_swing(self) -> None:
        """Wait until everybody writes, and every dashboard shows what is."""
        written = [len(writer.acknowledged_at) + 10 for writer in self.writers]
        await until(
            lambda: (
                all(dashboard.is_there for dashboard in self.dashboards)
                and all(len(each.acknowledged_at) >= n for each, n in zip(self.writers, written, strict=True))
            ),
            lambda: "everybody writes and looks",
            20.0,
        )

    def longest_pause(self) -> float:
        """Tell the longest time for which a writer had no operation acknowledged."""
        return max(
            later - earlier
            for writer in self.writers
            for earlier, later in zip(writer.acknowledged_at, writer.acknowledged_at[1:], strict=False)
        )

    async def finish_writing(self) -> None:
        await asyncio.gather(*(writer.finish() for writer in self.writers))

    async def stop(self) -> None:
        await self.finish_writing()
        await asyncio.gather(*(dashboard.stop() for dashboard in self.dashboards))


@asynccontextmanager
async def crowd_before(port: int, mongo: Mongo, database: str) -> AsyncIterator[Crowd]:
    stores, ledger = [new_store_id() for _ in range(4)], Ledger()
    items = {RISING: 1, **dict.fromkeys(ITEMS, 1_000_000)}
    # Every store that is there in the end is held against what was told: none of another crowd's.
    mongo[database]["stores"].delete_many({})
    for store_id in stores:
        mongo[database]["stores"].insert_one({"_id": store_id, "items": items})
        ledger.applied(store_id, items, ledger.age)
    async with AsyncExitStack() as left:
        crowd = Crowd(port, stores, ledger)
        left.push_async_callback(crowd.stop)
        await crowd.is_in_full_swing()
        yield crowd


async def restart(service: Service, balancer: Balancer, *, announced: bool) -> float:
    """Restart a process as a rolling update does, and give how long it took to end."""
    if announced:
        balancer.withdraw(service.port)
        await asyncio.sleep(PAUSE_SECONDS)
    began = time.monotonic()
    assert await asyncio.to_thread(service.stop) == 0
    ended = time.monotonic() - began
    await asyncio.to_thread(service.start)
    await asyncio.to_thread(service.wait_until_ready)
    if announced:
        balancer.admit(service.port)
    return ended


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
async def test_a_rolling_restart_loses_nothing_and_every_dashboard_is_back_in_seconds(
    services: list[Service], mongo_url: str, *, announced: bool
) -> None:
    database = services[0].database
    with Mongo(mongo_url) as mongo:
        async with (
            balanced([service.port for service in services]) as balancer,
            crowd_before(balancer.port, mongo, database) as crowd,
        ):
            ends = []
            for service in services:
                ends.append(await restart(service, balancer, announced=announced))
                await crowd.is_in_full_swing()
            await crowd.finish_writing()
            truth = {each["_id"]: each["items"] for each in mongo[database]["stores"].find()}
            await until(
                lambda: all(each.items == truth[store_id] for each, store_id in crowd.dashboards.items()),
                lambda: "every dashboard shows the truth",
                PROMISE_SECONDS,
            )
            report(crowd, ends, announced=announced)
            check(crowd, truth)


def report(crowd: Crowd, ends: list[float], *, announced: bool) -> None:
    away = sorted(seconds for dashboard in crowd.dashboards for seconds in dashboard.away)
    how = sum((dashboard.closed for dashboard in crowd.dashboards), Counter[object]())
    sys.stdout.write(
        f"\nrolling restart, {'announced' if announced else 'unannounced'}:"
        f" {crowd.ledger.acknowledged} operations acknowledged, {crowd.ledger.unknown} unknown;"
        f" a writer waited {crowd.longest_pause():.2f} s at most;"
        f" processes ended in {', '.join(f'{seconds:.2f} s' for seconds in ends)};"
        f" {len(away)} times a dashboard was away, {away[len(away) // 2]:.2f} s in the middle and"
        f" {away[-1]:.2f} s at most; connections ended by {dict(how)}\n"
    )


def check(crowd: Crowd, truth: dict[str, dict[str, int]]) -> None:
    wrong = {store_id: crowd.ledger.contradictions(store_id, items) for store_id, items in truth.items()}
    assert not any(wrong.values()), wrong
    assert crowd.ledger.unknown == 0
    assert [surprise for writer in crowd.writers for surprise in writer.surprises] == []
    away = [seconds for dashboard in crowd.dashboards for seconds in dashboard.away]
    assert len(away) >= DASHBOARDS
    assert max(away) < PROMISE_SECONDS
    assert [each for dashboard in crowd.dashboards for each in dashboard.set_back] == []
