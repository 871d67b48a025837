"""Two services on one set of three, whose members and processes die, hang and step down at random.

By hand, for ten minutes: `TORTURE_SECONDS=600 python -m pytest -s tests/faults/test_torture.py`.
"""

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.faults.wishes import Client, Stores, Wish, contradictions
from tests.support.mongod import ReplicaSetOfThree
from tests.support.service import Service

CLIENTS = 16
SERVICES = 2

KNOWN_SECONDS = 60.0
"""How long after the last fault a client may still not know what became of its last wish."""

Mongo = MongoClient[dict[str, Any]]


class Torture:
    """A context manager: everything is started, tortured by `go_on`, judged by `judge`, and stopped.

    Args:
        folder: for what services say.
        seed: of chance.

    Attributes:
        told: what clients were told, counted.
        done: what was done to members and services, counted.
        said: what services said, by action, and what they found.
        wishes: everything that clients wanted.
        slowest: how long the slowest answer took, in seconds.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.told: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.said: Counter[str] = Counter()
        self.wishes: list[Wish] = []
        self.slowest = 0.0
        self._chance = random.Random(seed)
        self._folders = [folder / str(number) for number in range(SERVICES)]
        self._members = ReplicaSetOfThree()
        self._services: list[Service] = []
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        """Start everything."""
        with ExitStack() as resources:
            resources.enter_context(self._members)
            for folder in self._folders:
                folder.mkdir()
                service = Service(folder, {"MONGO_URL": self._members.url})
                self._services.append(resources.enter_context(service))
            for service in self._services:
                service.wait_until_ready()
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._resources.close()

    async def go_on(self, seconds: float) -> None:
        """Let clients have wishes for so long while everything happens, then let them all know.

        Raises:
            TimeoutError: somebody does not get to know.
        """
        stores, urls = Stores(), [service.url for service in self._services]
        clients = [
            Client(urls, stores, self.told, random.Random(self._chance.random())) for _ in range(CLIENTS)
        ]
        ends_at = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(
            self._again_and_again(self._hurt_members, ends_at),
            *(self._again_and_again(partial(self._hurt_service, one), ends_at) for one in self._services),
        )
        async with asyncio.timeout(KNOWN_SECONDS):
            await asyncio.gather(*(client.finish() for client in clients))
        self.wishes = [wish for client in clients for wish in client.wishes]
        self.slowest = max(client.slowest for client in clients)
        for service in self._services:
            self._hear(service)

    def judge(self) -> list[str]:
        """Give everything that is wrong."""
        self._members.wait_until_whole()
        with Mongo(self._members.url) as mongo:
            found = {document["_id"]: document["items"] for document in mongo["store_api"]["stores"].find()}
        return list(contradictions(self.wishes, found))

    async def _again_and_again(self, hurt: Callable[[], Awaitable[None]], ends_at: float) -> None:
        while (left := ends_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, self._chance.uniform(0.5, 4.0)))
            await hurt()

    async def _hurt_members(self) -> None:
        """Do something to the primary; a majority stays up, and the set is whole before the next time."""
        how = self._chance.choice((self._kill_primary, self._freeze_primary, self._step_down))
        self.done[how.__name__.strip("_")] += 1
        await how(await asyncio.to_thread(self._members.primary, 30.0))
        await asyncio.to_thread(self._members.wait_until_whole)

    async def _kill_primary(self, primary: int) -> None:
        await asyncio.to_thread(self._members.kill, primary)
        await asyncio.sleep(self._chance.choice((0.0, 0.5, 3.0)))
        await asyncio.to_thread(self._members.start, primary)

    async def _freeze_primary(self, primary: int) -> None:
        self._members.freeze(primary)
        try:
            await asyncio.sleep(self._chance.choice((0.2, 1.5, 3.0, 5.0)))
        finally:
            self._members.thaw(primary)

    async def _step_down(self, primary: int) -> None:
        def ask() -> None:
            with Mongo(self._members.url_of(primary)) as mongo, suppress(PyMongoError):
                mongo.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2})

        await asyncio.to_thread(ask)

    async def _hurt_service(self, service: Service) -> None:
        await asyncio.sleep(self._chance.uniform(1.0, 5.0))
        how = self._chance.choice((self._kill, self._kill, self._freeze))
        self.done[f"{how.__name__.strip('_')}_service"] += 1
        await how(service)

    async def _freeze(self, service: Service) -> None:
        """Let it hang for so long that the other takes its operations over: it goes on as if nothing was."""
        service.tell(signal.SIGSTOP)
        try:
            await asyncio.sleep(self._chance.choice((0.5, 2.0, 4.0)))
        finally:
            service.tell(signal.SIGCONT)

    async def _kill(self, service: Service) -> None:
        await asyncio.to_thread(service.kill)
        self._hear(service)
        await asyncio.sleep(self._chance.choice((0.0, 1.0)))
        await asyncio.to_thread(service.start)
        await asyncio.to_thread(service.wait_until_ready, 60.0)

    def _hear(self, service: Service) -> None:
        """Count what a service said; killed, it may not have come to the end of its last line."""
        for line in service.complaints.splitlines():
            with suppress(ValueError):
                self.said[" ".join(_said_in(line))] += 1


def _said_in(line: str) -> list[str]:
    """Give what counts of a log line."""
    said = json.loads(line)
    return [str(said[name]) for name in ("action", "found", "error") if name in said]
