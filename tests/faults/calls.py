"""Callers of all kinds beside a plain client of MongoDB: how long they wait while the primary is silent.

How soon an answer can be sure is up to MongoDB, too: it takes a majority, and members that copied from the
one that is silent have to give it up first. So what counts is when the plain client's write is sure again.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.faults.callers import Caller, told
from tests.faults.scene import World
from tests.faults.watching import until
from tests.support.mongod import ELECTION_SECONDS, HEARTBEAT_SECONDS
from tests.support.service import new_store_id

PROMISE_SECONDS = ELECTION_SECONDS + 2.0
"""How soon after the primary fell silent every request that it concerns has its answer."""

CONFIRMED_SECONDS = 3 * HEARTBEAT_SECONDS + 1.0
"""The same, counted from when a majority confirms writes again, where that is later.

Until they give up the silent one for good, members tell each other only in heartbeats what they have. A
fence, a claim and a write take three.
"""

AT_MOST_SECONDS = 3.0
"""How long a request may take that is sent later."""

MANY = 100
CALLERS = 6
"""Of each kind: with and without keys, on the hot store and on many."""


class Plain:
    """A plain client in a thread, which notes when a majority had each of its writes."""

    def __init__(self, url: str) -> None:
        self.sure_at: list[float] = []
        self._url = url
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Stop, once the write on its way is answered or given up."""
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        quick: dict[str, Any] = {"heartbeatFrequencyMS": 500, "connectTimeoutMS": 500, "timeoutMS": 5000}
        with MongoClient[dict[str, Any]](self._url, w="majority", journal=True, **quick) as client:
            while not self._enough.wait(0.01):
                with suppress(PyMongoError):
                    client["plain"]["writes"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
                    self.sure_at.append(time.monotonic())


class Calls:
    """Callers of all kinds, and what they were told since the primary fell silent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._hot, self._many = [new_store_id()], [new_store_id() for _ in range(MANY)]
        self.callers = [
            Caller(world.service.url, stores, f"{'many' if many else 'hot'}-{keyed}-{number}", keyed=keyed)
            for many, stores in enumerate((self._hot, self._many))
            for keyed in (False, True)
            for number in range(CALLERS)
        ]
        self._plain = Plain(world.url)
        self.silent_at = 0.0

    async def go_on(self) -> None:
        """Wait until everybody has had an answer to a request that began after this moment."""
        now = time.monotonic()
        await until(
            lambda: (
                all(any(call.began > now for call in caller.calls[-9:]) for caller in self.callers)
                and any(at > now for at in self._plain.sure_at[-9:])
            ),
            lambda: "everybody has answers",
            30.0,
        )

    async def stop(self) -> None:
        """Let all have their last answer."""
        await asyncio.gather(*(caller.finish() for caller in self.callers))
        await asyncio.to_thread(self._plain.stop)

    def contradictions(self) -> list[tuple[str, str, int, int]]:
        """List where a store has not what its callers were told, unit for unit."""
        with self.world.primary() as mongo:
            stores = mongo[self.world.service.database]["stores"]
            found = {document["_id"]: document["items"] for document in stores.find()}
        return [
            (caller.name, store_id, found.get(store_id, {}).get(caller.name, 0), sure)
            for caller in self.callers
            for store_id, sure in caller.sure.items()
            if found.get(store_id, {}).get(caller.name, 0) != sure
        ]

    def late(self, what: str, healed_at: float | None = None) -> list[str]:
        """Print how long they waited; gives those who waited for too long.

        Args:
            what: happened.
            healed_at: when the primary could be heard again, where no other was elected.
        """
        silence_ends = healed_at or self.silent_at + ELECTION_SECONDS / 2
        sure = min(at for at in self._plain.sure_at if at > silence_ends)
        due = max((healed_at or self.silent_at) + PROMISE_SECONDS, sure + CONFIRMED_SECONDS)
        since = [call for each in self.callers for call in each.calls if call.ended > self.silent_at]
        early = [call for call in since if call.began < self.silent_at + ELECTION_SECONDS / 2]
        waited = [call.ended for call in early if call.seconds > ELECTION_SECONDS / 2]
        answered = max(waited, default=self.silent_at) - self.silent_at
        longest = max(call.seconds for call in since)
        sys.stdout.write(
            f"\n{what}: a majority confirms {sure - self.silent_at:.2f} s after the silence began; whoever"
            f" asked before has an answer after {answered:.2f} s; the longest took {longest:.2f} s;"
            f" {dict(told(self.callers, self.silent_at))}\n"
        )
        return [
            f"{call.told} from {call.began - self.silent_at:.2f} to {call.ended - self.silent_at:.2f} s"
            for call in since
            if call.ended > max(due, call.began + AT_MOST_SECONDS)
        ]


@asynccontextmanager
async def calls_of(world: World) -> AsyncIterator[Calls]:
    """Let callers call, in full swing."""
    await asyncio.to_thread(world.service.wait_until_ready)
    calls = Calls(world)
    try:
        await calls.go_on()
        calls.silent_at = time.monotonic()
        yield calls
    finally:
        await calls.stop()
