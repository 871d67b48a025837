"""A dashboard as it should be written: it connects again, after a moment, and asks for what there is."""

import asyncio
import random
import time
from collections import Counter

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.faults.writers import RISING
from tests.support.listening import read_report

PAUSES = (0.05, 0.5)
"""Between two attempts, in seconds, at random: all dashboards come back at once otherwise."""


class Dashboard:
    """Shows one store through every restart.

    Args:
        port: where the service, or a balancer before it, is.
        store_id: which store.
        seed: for its pauses.

    Attributes:
        items: what it shows.
        away: for how long it showed what may be old, each time, in seconds.
        closed: how its connections ended: the close code, or the kind of error.
        set_back: what was less than before and must not be.
    """

    def __init__(self, port: int, store_id: str, seed: int) -> None:
        self.items: dict[str, int] = {}
        self.away: list[float] = []
        self.closed: Counter[object] = Counter()
        self.set_back: list[str] = []
        self._url = f"ws://127.0.0.1:{port}/ws/stores/{store_id}?snapshot=true"
        self._random = random.Random(seed)
        self._lost_at: float | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def is_there(self) -> bool:
        """Whether it shows what is."""
        return bool(self.items) and self._lost_at is None

    async def stop(self) -> None:
        """Look no more.

        Raises:
            Exception: what went wrong with the dashboard itself.
        """
        self._task.cancel()
        (ended,) = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def _run(self) -> None:
        while True:
            try:
                async with connect(self._url, proxy=None, compression=None, max_size=None) as socket:
                    async for frame in socket:
                        self._show(frame)
                    self.closed[socket.close_code] += 1
            except (OSError, WebSocketException) as error:
                self.closed[type(error).__name__] += 1
            self._lost_at = self._lost_at or time.monotonic()
            await asyncio.sleep(self._random.uniform(*PAUSES))

    def _show(self, frame: str | bytes) -> None:
        before, self.items = self.items.get(RISING, 0), read_report(frame).items
        if self._lost_at is not None:
            self.away.append(time.monotonic() - self._lost_at)
            self._lost_at = None
        if self.items.get(RISING, 0) < before:
            self.set_back.append(f"from {before} to {self.items.get(RISING, 0)}")
