"""One subscriber's frames that wait to be sent: all while it keeps up, fewer that say the same when not."""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

MOST_FRAMES = 1000
MOST_BYTES = 4 * 1024 * 1024
"""Beyond either, a subscriber has fallen behind: until it has caught up, a frame gives way to a newer one."""


class Subscriber(ABC):
    """A queue that never makes its producer wait.

    Frames are shared between subscribers: a frame waiting in a thousand queues is one string.

    Attributes:
        write_at_once: writes a frame, as it goes over the wire, past the queue; False where that must wait.
        sent: how many frames left.
        skipped: how many gave way to newer ones.
        too_slow: whether it was let go because too much would wait for it.
        is_broken: whether it was let go because the one store that it listens to cannot be told any more.
    """

    __slots__ = ("_closed", "_is_idle", "_wake", "is_broken", "sent", "skipped", "too_slow", "write_at_once")

    only_changes: ClassVar[bool]

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._closed = False
        self._is_idle = False
        self.write_at_once: Callable[[bytes], bool] = lambda wire: False
        self.sent = 0
        self.skipped = 0
        self.too_slow = False
        self.is_broken = False

    @property
    @abstractmethod
    def waiting(self) -> int:
        """How many frames wait."""

    def offer(
        self, store_id: str, frame: str, lines: Mapping[str, int] | None = None, wire: bytes | None = None
    ) -> None:
        """Add a store's newest frame.

        Args:
            store_id: the store.
            frame: what is sent.
            lines: what it says, where it tells changes alone; None where it tells a whole report.
            wire: the frame as it goes over the wire; None where it must wait its turn.
        """
        if self._is_idle and wire is not None and not self._closed and self.write_at_once(wire):
            self.sent += 1
            return
        if not self._closed:
            # What comes after this one waits behind it, even before anybody has woken up.
            self._is_idle = False
            self._add(store_id, frame, lines)
            self._wake.set()

    def offer_whole(self, store_id: str, frames: Iterable[str]) -> None:
        """Add a store's whole report, in the order of its parts."""
        for frame in frames:
            self.offer(store_id, frame)

    def offer_broken(self, store_id: str, frame: str, wire: bytes | None = None) -> None:
        """Add a frame that tells that one of all stores is broken, as `offer` adds what it holds."""
        # Asked even where it must wait: whatever was written before is flushed then, and not overtaken.
        if self._is_idle and wire is not None and not self._closed and self.write_at_once(wire):
            self.sent += 1
        elif not self._closed:
            self._is_idle = False
            self._add_broken(store_id, frame)
            self._wake.set()

    def let_go_as_broken(self) -> None:
        """End the listening to a store that broke, once all that was told before is sent."""
        self.is_broken = True
        self.close()

    def close(self) -> None:
        """End the listening: what is offered after it is dropped."""
        self._closed = True
        self._wake.set()

    async def next(self) -> str | None:
        """Wait for the next frame; None when the listening is over."""
        while not self.waiting and not self._closed:
            self._wake.clear()
            # Only now may frames overtake the queue: it is empty, and the one before is on its way.
            self._is_idle = True
            await self._wake.wait()
            self._is_idle = False
        if self._closed and not (self.is_broken and self.waiting):
            return None
        self.sent += 1
        return self._take()

    @abstractmethod
    def _add(self, store_id: str, frame: str, lines: Mapping[str, int] | None) -> None: ...

    @abstractmethod
    def _add_broken(self, store_id: str, frame: str) -> None: ...

    @abstractmethod
    def _take(self) -> str: ...


class ReportSubscriber(Subscriber):
    """Gets whole reports, so that a newer one makes an older one needless: one frame a store at most."""

    __slots__ = ("_bytes", "_frames", "_newest")

    only_changes = False

    def __init__(self) -> None:
        super().__init__()
        # Most are empty most of the time, and an empty deque takes ten times the memory of an empty list.
        self._frames: list[tuple[str, str]] = []
        self._bytes = 0
        self._newest: OrderedDict[str, str] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._frames) + len(self._newest)

    def _add(self, store_id: str, frame: str, _: Mapping[str, int] | None) -> None:
        if self._newest:
            self._supersede(store_id, frame)
            return
        self._frames.append((store_id, frame))
        self._bytes += len(frame)
        if len(self._frames) > MOST_FRAMES or self._bytes > MOST_BYTES:
            self._fall_behind()

    def _add_broken(self, store_id: str, frame: str) -> None:
        self._add(store_id, frame, None)

    def _take(self) -> str:
        if self._newest:
            return self._newest.popitem(last=False)[1]
        _, frame = self._frames.pop(0)
        self._bytes -= len(frame)
        return frame

    def _fall_behind(self) -> None:
        for store_id, frame in self._frames:
            self._supersede(store_id, frame)
        self._frames.clear()
        self._bytes = 0

    def _supersede(self, store_id: str, frame: str) -> None:
        # Taken out first: a store's place is that of its newest frame.
        if self._newest.pop(store_id, None) is not None:
            self.skipped += 1
        self._newest[store_id] = frame
