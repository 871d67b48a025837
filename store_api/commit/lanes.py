"""Lanes: writes in flight at once, and which stores share one; a lane whose write is slow is replaced."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from store_api.commit.round_trip import Pace
from store_api.commit.store_queue import StoreQueue

LANES = 3
"""Writes in flight at once."""

STORES_AT_ONCE = 64
"""Stores that one write may change."""


class Lanes:
    """Writes stores that are ready, each by one lane at a time.

    Args:
        most: writes in flight at once.
        write: writes what waits for these stores, and puts them where they belong after it.
        gather: waits for those who were just answered and may ask again.
    """

    def __init__(
        self,
        most: int,
        write: Callable[[Sequence[StoreQueue]], Awaitable[None]],
        gather: Callable[[], Awaitable[None]],
    ) -> None:
        self._write = write
        self._gather = gather
        self._most = self.free = most
        self._pace = Pace(on_slow=self._replace)
        self._running: set[asyncio.Task[None]] = set()
        self.ready: deque[StoreQueue] = deque()

    def add(self, queue: StoreQueue) -> None:
        """Let a store take part."""
        self.ready.append(queue)
        self._open_if_free()

    async def close(self) -> None:
        """Wait until no write is in flight."""
        while self._running:
            await asyncio.wait(self._running)

    @property
    def is_idle(self) -> bool:
        """Whether no store is ready, and none is written."""
        return not (self.ready or self._running)

    def _open_if_free(self) -> None:
        if self.ready and self.free:
            self.free -= 1
            lane = asyncio.create_task(self._run())
            self._running.add(lane)
            lane.add_done_callback(self._running.discard)

    async def _run(self) -> None:
        is_replaced = False
        while self.ready and not is_replaced:
            queues = self._take_share()
            with self._pace.watching() as watch:
                await self._write(queues)
            is_replaced = watch.is_slow
            if not is_replaced:
                await self._gather()
        if not is_replaced:
            self.free += 1
        else:
            self._open_if_free()

    def _take_share(self) -> Sequence[StoreQueue]:
        """Take as many stores as leave the other lanes their share: MongoDB writes each lane's one by one."""
        share = min(STORES_AT_ONCE, -(-len(self.ready) // self._most))
        queues = [self.ready.popleft() for _ in range(share)]
        self._open_if_free()
        return queues

    def _replace(self) -> None:
        """Let another lane begin in the place of one whose write is slow."""
        self.free += 1
        self._open_if_free()
