"""Callers of all kinds, a plain client of MongoDB, a socket: how long they wait for a silent primary."""

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
from tests.support.lateness import machine_lateness
from tests.support.listening import Socket, listening
from tests.support.service import new_store_id

PROMISE_SECONDS = 2.0
"""How soon after the time-out of an election every request has its answer that waited for the primary."""

HEALED_SECONDS = 5.0
"""The same, from when a primary can be reached again that is still the primary: the driver looks for it."""

CONFIRMED_SECONDS = 1.0
"""The same, from when MongoDB confirms a plain client's write, where that is later on a busy machine."""

BUSY_SECONDS = 1.5
"""How much later that may be."""

SOCKET_SECONDS = 5.0
"""How soon after a majority confirms writes again the sockets have news."""

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
            while not self._enough.wait(0.03):
                with suppress(PyMongoError):
                    client["plain"]["writes"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
                    self.sure_at.append(time.monotonic())


class Calls:
    """Callers of all kinds, and what they were told since the primary fell silent.

    Args:
        world: whose service they call.
        socket: which hears of every change.

    Attributes:
        hot: a store that half of them write to.
    """

    def __init__(self, world: World, socket: Socket) -> None:
        self.world = world
        self.lateness = 0.0
        self._socket = socket
        self._told_at: list[float] = []
        self._listener = asyncio.create_task(self._listen())
        self.hot, many_stores = new_store_id(), [new_store_id() for _ in range(MANY)]
        self.callers = [
            Caller(world.service.url, stores, f"{'many' if many else 'hot'}-{keyed}-{number}", keyed=keyed)
            for many, stores in enumerate(([self.hot], many_stores))
            for keyed in (False, True)
            for number in range(CALLERS)
        ]
        self._plain = Plain(world.url)
        self.silent_at = 0.0

    async def _listen(self) -> None:
        while True:
            await self._socket.connection.recv()
            self._told_at.append(time.monotonic())

    async def go_on(self) -> None:
        """Wait until everybody has had an answer to a request that began after this moment."""
        now = time.monotonic()
        await until(
            lambda: (
                all(any(call.began > now for call in caller.calls[-9:]) for caller in self.callers)
                and any(at > now for at in self._plain.sure_at[-9:])
                and any(at > now for at in self._told_at[-9:])
            ),
            lambda: "everybody has answers",
            30.0,
        )

    async def stop(self) -> None:
        """Let all have their last answer."""
        self._listener.cancel()
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
        election = self.world.members.election_seconds
        over = healed_at or self.silent_at + election / 2
        due = healed_at + HEALED_SECONDS if healed_at else self.silent_at + election + PROMISE_SECONDS
        due += self.lateness
        since = [call for each in self.callers for call in each.calls if call.ended > self.silent_at]
        waited = [call.ended for call in since if call.began < over < call.ended]
        sure, news = (min(at for at in times if at > over) for times in (self._plain.sure_at, self._told_at))
        sys.stdout.write(
            f"\n{what}, an election after {election:.0f} s: from the silence on it takes"
            f" {sure - self.silent_at:.2f} s until a majority confirms a plain client's write,"
            f" {max(waited, default=over) - self.silent_at:.2f} s until whoever waited has an answer,"
            f" {news - self.silent_at:.2f} s until a socket has news;"
            f" {dict(told(self.callers, self.silent_at))}; a late machine: {self.lateness:.2f} s\n"
        )
        late = [f"news after {news - sure:.2f} s"] if news > sure + SOCKET_SECONDS + self.lateness else []
        late += [f"a majority after {sure - self.silent_at:.2f} s"] if sure > due + BUSY_SECONDS else []
        due = max(due, sure + CONFIRMED_SECONDS)
        return late + [
            f"{call.told} from {call.began - self.silent_at:.2f} to {call.ended - self.silent_at:.2f} s"
            for call in since
            if call.ended > max(due, call.began + AT_MOST_SECONDS)
        ]


@asynccontextmanager
async def calls_of(world: World) -> AsyncIterator[Calls]:
    """Let callers call, in full swing."""
    await asyncio.to_thread(world.service.wait_until_ready)
    with machine_lateness() as machine:
        async with listening(world.service, None, snapshot=False) as socket:
            calls = Calls(world, socket)
            try:
                await calls.go_on()
                calls.silent_at = time.monotonic()
                yield calls
            finally:
                await calls.stop()
    calls.lateness = machine.worst
