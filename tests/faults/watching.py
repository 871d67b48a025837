"""Those who watch while a fault lasts: dashboards on websockets, and a probe of the service's health."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed

from bench.load.http_client import Connection
from tests.faults.writers import RISING
from tests.support.listening import Socket, read_report
from tests.support.service import Service

PROBE_SECONDS = 0.03


async def until(condition: Callable[[], bool], what: Callable[[], str], seconds: float) -> float:
    """Look until the condition holds, and give how many seconds that took.

    Raises:
        AssertionError: it did not in time; `what` says what is wrong.
    """
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, f"not within {seconds} s: {what()}"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


class Follower:
    """A dashboard that keeps the last report of each store.

    Attributes:
        last: what is in each store, by the last frame.
        frames: how many came.
        set_back: what was less than before and must not be.
        closed: the close code, once closed.
    """

    def __init__(self, socket: Socket, name: str, stores: frozenset[str]) -> None:
        self.name = name
        self.stores = stores
        self.last: dict[str, dict[str, int]] = {}
        self.frames = 0
        self.set_back: list[str] = []
        self.closed: int | None = None
        self._socket = socket
        self._task = asyncio.create_task(self._follow())

    def has_seen(self, item_id: str) -> bool:
        """Whether the last report of each of its stores has this item."""
        return all(item_id in self.last.get(store_id, ()) for store_id in self.stores)

    async def stop(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        most: defaultdict[str, int] = defaultdict(int)
        try:
            while True:
                store_id, items = read_report(await self._socket.connection.recv())
                self.frames += 1
                self.last[store_id] = items
                seen = items.get(RISING, 0)
                if seen < most[store_id]:
                    self.set_back.append(f"{self.name}, {store_id}: from {most[store_id]} to {seen}")
                most[store_id] = seen
        except ConnectionClosed:
            self.closed = self._socket.connection.close_code


class HealthProbe:
    """Asks the health routes again and again.

    Attributes:
        readiness: the answers of `/health/ready` whenever they changed, with their time.
        liveness: every answer that `/health/live` gave.
    """

    def __init__(self, service: Service) -> None:
        self.readiness: list[tuple[float, int]] = []
        self.liveness: set[int] = set()
        self._connection = Connection(service.url)
        self._task = asyncio.create_task(self._run())

    @property
    def is_ready(self) -> bool:
        """Whether the last answer was yes."""
        return bool(self.readiness) and self.readiness[-1][1] == HTTPStatus.OK

    def was_unready(self, since: float) -> bool:
        """Whether the service has said since then that it is not ready."""
        ends = [at for at, _ in self.readiness[1:]] + [math.inf]
        # An answer holds until the next that is another.
        return any(
            status == HTTPStatus.SERVICE_UNAVAILABLE and end >= since
            for (_, status), end in zip(self.readiness, ends, strict=True)
        )

    def check(self) -> None:
        """Raise what went wrong with the probe itself."""
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Ask no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._connection.close()

    async def _run(self) -> None:
        while True:
            status = (await self._connection.request("GET", "/health/ready")).status
            if not self.readiness or self.readiness[-1][1] != status:
                self.readiness.append((time.monotonic(), status))
            self.liveness.add((await self._connection.request("GET", "/health/live")).status)
            await asyncio.sleep(PROBE_SECONDS)
