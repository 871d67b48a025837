"""Lanes: writes in flight at once, and which stores share one; a lane whose write is slow is replaced."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from store_api.commit.store_queue import StoreQueue

LANES = 3
"""Writes in flight at once."""

STORES_AT_ONCE = 64
"""Stores that one write may change."""

LEAST_SECONDS = 0.02
"""A write that is no slower than this is not slow, however fast others are."""

TIMES_USUAL = 4
"""How many times as long as usual a write takes that is slow."""

MOST_SECONDS = 0.1
"""A single trip counts as no longer than this, so that one that waited does not make waiting usual."""

SHARE = 1 / 16
"""The share of the latest write in what is usual."""

MOST_SLOW = 24
"""Lanes that are replaced at once; each waits in a thread, of which there are a few more."""


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


class Pace:
    """Tells when a write is slow.

    Args:
        on_slow: called in the midst of a write that is slow.
    """

    def __init__(self, on_slow: Callable[[], None]) -> None:
        self.on_slow = on_slow
        self.usual = 0.0
        self.slow = 0

    def watching(self) -> "Watch":
        """Watch a write, from entering to leaving."""
        return Watch(self)


class Watch:
    """Watches one write.

    Attributes:
        is_slow: whether it was called slow.
    """

    __slots__ = ("_began", "_clock", "_pace", "_timer", "is_slow")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.is_slow = False

    def __enter__(self) -> Self:
        """Begin."""
        loop = asyncio.get_running_loop()
        patience = max(LEAST_SECONDS, TIMES_USUAL * self._pace.usual)
        self._timer = loop.call_later(patience, self._tell)
        self._clock = loop.time
        self._began = loop.time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and learn how long it took."""
        self._timer.cancel()
        self._pace.slow -= self.is_slow
        took = min(MOST_SECONDS, self._clock() - self._began)
        self._pace.usual += (took - self._pace.usual) * SHARE

    def _tell(self) -> None:
        if self._pace.slow < MOST_SLOW:
            self._pace.slow += 1
            self.is_slow = True
            self._pace.on_slow()
