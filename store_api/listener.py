"""One listener's frames that wait to be sent: all while it keeps up, each store's newest when not."""

import asyncio
from collections import OrderedDict, deque

MOST_FRAMES = 1000
MOST_BYTES = 4 * 1024 * 1024
"""Beyond either, a listener has fallen behind: until it has caught up, a frame gives way to a newer one."""


class Listener:
    """A queue that never makes its producer wait and never grows beyond one frame a store.

    Frames are shared between listeners: a frame waiting in a thousand queues is one string.
    """

    __slots__ = ("_bytes", "_closed", "_frames", "_newest", "_wake", "skipped")

    def __init__(self) -> None:
        self._frames: deque[tuple[str, str]] = deque()
        self._bytes = 0
        self._newest: OrderedDict[str, str] = OrderedDict()
        self._wake = asyncio.Event()
        self._closed = False
        self.skipped = 0

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._frames) + len(self._newest)

    def offer(self, store_id: str, frame: str) -> None:
        """Add a store's newest frame."""
        if self._newest:
            self._supersede(store_id, frame)
        else:
            self._frames.append((store_id, frame))
            self._bytes += len(frame)
            if len(self._frames) > MOST_FRAMES or self._bytes > MOST_BYTES:
                self._fall_behind()
        self._wake.set()

    def close(self) -> None:
        """End the listening: nobody offers any more."""
        self._closed = True
        self._wake.set()

    async def next(self) -> str | None:
        """Wait for the next frame; None when the listening is over."""
        while not self.waiting and not self._closed:
            self._wake.clear()
            await self._wake.wait()
        if self._closed:
            return None
        if self._newest:
            return self._newest.popitem(last=False)[1]
        _, frame = self._frames.popleft()
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
