"""A watcher that runs, and a record of what it told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bson import Timestamp
from motor.motor_asyncio import AsyncIOMotorCollection

from store_api.storage.clients import blocking
from watchers.changes import StoreChange
from watchers.store_watcher import StoreWatcher

_SECONDS = 10.0


async def _nothing() -> None:
    pass


@dataclass
class Record:
    """What a watcher told, in order.

    Attributes:
        changes: all changes so far.
        times_afresh: how often it began afresh.
        on_change, on_afresh: what else is done when it does.
    """

    on_change: Callable[[StoreChange], None] = lambda _: None
    on_afresh: Callable[[], Awaitable[None]] = _nothing
    changes: list[StoreChange] = field(default_factory=list)
    times_afresh: int = 0
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def timeless(self) -> list[StoreChange]:
        """The changes without their moments."""
        return [replace(change, at=Timestamp(0, 0), removed=tuple(change.removed)) for change in self.changes]

    def take(self, change: StoreChange) -> None:
        """Note a change."""
        self.on_change(change)
        self.changes.append(change)
        self._told.set()

    async def begin_afresh(self) -> None:
        """Note that it began afresh."""
        await self.on_afresh()
        self.times_afresh += 1
        self._told.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was told fulfils a condition.

        Raises:
            TimeoutError: it did not within 10 seconds.
        """
        async with asyncio.timeout(_SECONDS):
            while not condition():
                self._told.clear()
                await self._told.wait()


def watcher_of(
    collection: AsyncIOMotorCollection[dict[str, Any]],
    record: Record,
    clock: Callable[[], float] = time.monotonic,
) -> StoreWatcher:
    """Build a watcher that tells the record, and makes the shortest pauses."""
    return StoreWatcher(
        blocking(collection),
        on_change=record.take,
        on_afresh=record.begin_afresh,
        random=lambda: 0.0,
        clock=clock,
    )


@asynccontextmanager
async def following(
    collection: AsyncIOMotorCollection[dict[str, Any]],
    record: Record,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[StoreWatcher]:
    """Run a watcher; it has begun when the block begins, and has ended when it ends."""
    watcher = watcher_of(collection, record, clock)
    running = asyncio.create_task(watcher.run())
    try:
        await record.until(lambda: record.times_afresh > 0)
        yield watcher
        assert not running.done()
    finally:
        watcher.stop()
        # The stream's next answer ends it, and this is one.
        await collection.insert_one({"_id": "the last"})
        await asyncio.wait_for(running, _SECONDS)
