"""One store as a feed holds it: its stock, carried on by the changes that follow, and what was told of it."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from store_api.errors import BrokenDocument
from store_api.feed.subscribers import Subscriber
from store_api.reports.encoding import broken_frame_of, changes_frames_of, report_json
from store_api.stock import Report, Stock, differences
from store_api.storage import documents
from watchers.changes import EARLIEST, Moment, StoreChange


class State(Enum):
    """How a store stands with its feed."""

    READING = "its document is being read, and changes wait"
    LIVE = "its stock is known, and changes carry it on"
    BROKEN = "its document is no stock; the next whole one mends it"


@dataclass(slots=True)
class Reading:
    """A reading under way: the changes that come meanwhile wait for it.

    Args:
        task: who reads.
        waiting: what came since it began.
    """

    task: asyncio.Task[None]
    waiting: list[StoreChange] = field(default_factory=list)


@dataclass(slots=True)
class LiveStore:
    """A store's stock as it stood at `at`.

    Args:
        stock: the quantities; None unless its `state` is LIVE.
        at: what is not newer is in the stock already.
        times_begun: how often its feed had begun afresh when it was last read; older is stale.
        reading: the reading under way, if there is one.
        told: the stock that was told last, where `stock` is another since; None where it is the same one.
        changed: the lines that changed in `stock` itself since it was told; 0 is gone.
        doubted: the items whose last telling some have missed; they count as changed.
        broken: what is wrong with its document, where that is known; None unless its `state` is BROKEN.
    """

    stock: Stock | None = None
    at: Moment = EARLIEST
    times_begun: int = 0
    reading: Reading | None = None
    told: Stock | None = None
    changed: Stock = field(default_factory=dict)
    doubted: Collection[str] = ()
    broken: BrokenDocument | None = None
    _frame: str | None = None
    _parts: list[str] | None = None

    @classmethod
    def as_read(cls, stock: Stock | BrokenDocument, at: Moment, times_begun: int) -> "LiveStore":
        """Hold a store as it was read."""
        if isinstance(stock, BrokenDocument):
            return cls(None, at, times_begun, broken=stock)
        return cls(stock, at, times_begun)

    @property
    def state(self) -> State:
        """How it stands right now."""
        if self.reading is not None:
            return State.READING
        return State.BROKEN if self.stock is None else State.LIVE

    def frame(self, store_id: str) -> str:
        """Build the text frame that tells the whole report, once for all who ask before it changes."""
        if self._frame is None:
            self._frame = report_json(Report.of(store_id, self.stock or {})).decode()
        return self._frame

    def frames(self, store_id: str, *, in_parts: bool) -> list[str]:
        """Build the text frames that tell the whole report, once for all: one, unless parts are wanted."""
        if not in_parts:
            return [self.frame(store_id)]
        if self._parts is None:
            lines = Report.of(store_id, self.stock or {}).lines
            self._parts = [part.frame for part in changes_frames_of(store_id, lines)]
            if len(self._parts) == 1:
                # Waiting in a thousand queues of both kinds, it is one string.
                self._parts = [self._frame or self._parts[0]]
                self._frame = self._parts[0]
        return self._parts

    def apply(self, change: StoreChange) -> bool:
        """Carry a change over into the stock; False where the store must be read again."""
        self._frame = self._parts = None
        if change.deleted:
            self.replace({})
            return True
        if change.document is not None:
            try:
                self.replace(documents.read_stock(change.document))
            except BrokenDocument:
                return False
            return True
        return self.stock is not None and documents.apply_update(
            self.stock, change.updated, change.removed, self.changed
        )

    def replace(self, stock: Stock | BrokenDocument | None) -> None:
        """Hold another stock, or none; what was told last is kept until the subscribers are told again."""
        if self.told is None:
            self.told = {} if self.stock is None else self.stock
        if isinstance(stock, BrokenDocument):
            self.stock, self.broken = None, stock
        else:
            self.stock, self.broken = stock, None
        self._frame = self._parts = None

    def changes(self) -> Mapping[str, int]:
        """List the lines that differ from what was told last; 0 is gone. There must be a stock."""
        if self.told is None or self.stock is None:
            return self.changed
        changed = differences(self.told, self.stock)
        changed.update((item_id, self.stock.get(item_id, 0)) for item_id in self.doubted)
        return changed

    def mark_told(self) -> None:
        """Note that whoever listens knows the stock as it is now."""
        self.told, self.changed, self.doubted = None, {}, ()

    def offer_whole(self, store_id: str, subscriber: Subscriber) -> None:
        """Offer what a snapshot says of it: the whole report, or that it is broken."""
        if self.stock is not None:
            subscriber.offer_whole(store_id, self.frames(store_id, in_parts=subscriber.only_changes))
            return
        if self.broken is not None:
            subscriber.offer(store_id, broken_frame_of(self.broken))
        if subscriber.only_changes:
            self.tell_all_again()

    def tell_all_again(self) -> None:
        """Let every line count as changed when the stock is told next: some were not told the last one."""
        if self.told is not None:
            self.doubted = [item_id for item_id, quantity in self.told.items() if quantity]

    async def until_read(self) -> None:
        """Wait while it is being read; whoever goes away does not stop the reading.

        Raises:
            StoreApiError: it could not be read.
        """
        while self.reading is not None:
            await asyncio.shield(self.reading.task)

    def wait_for(self, reading: Reading) -> None:
        """Let changes wait for a reading, behind those that waited for the one before."""
        if self.reading is not None:
            reading.waiting = self.reading.waiting
        self.reading = reading

    def settle(self, stock: Stock | BrokenDocument | None, at: Moment) -> bool:
        """End the reading: take what was read, then the newer of what waited.

        Returns:
            False where it must be read again, and some changes go on waiting.
        """
        self.replace(stock)
        self.at = at
        reading = self.reading
        waiting = [] if reading is None else reading.waiting
        for position, change in enumerate(waiting):
            if change.at > at and not self.apply(change):
                del waiting[: position + 1]
                return False
        self.reading = None
        return True


def reading_of(work: Coroutine[Any, Any, None]) -> Reading:
    """Begin a reading; all who wait for it may go before it ends."""
    task = asyncio.create_task(work)
    task.add_done_callback(_keep_quiet)
    return Reading(task)


def _keep_quiet(reading: asyncio.Task[None]) -> None:
    if not reading.cancelled():
        reading.exception()
