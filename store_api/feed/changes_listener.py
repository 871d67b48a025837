"""One listener's changes that wait to be sent: a frame each while it keeps up, merged by store when not."""

from collections import OrderedDict, deque
from collections.abc import Mapping

from store_api.feed import subscribers as listener
from store_api.feed.live_store import changes_frame_of

MOST_LINES = 1_000_000
"""More merged lines than these, about 100 MB, are kept for nobody: the listener is let go as too slow."""


class ChangesListener(listener.Listener):
    """Gets the lines that changed, none of which a newer frame makes needless.

    Once it has fallen behind, the lines of a store become one frame: each item's newest quantity. Whole
    reports come before all changes, and stay; the changes that follow count from them.
    """

    __slots__ = ("_bytes", "_frames", "_lines", "_merged", "_whole")

    only_changes = True

    def __init__(self) -> None:
        super().__init__()
        self._whole: deque[str] = deque()
        self._frames: deque[tuple[str, str, Mapping[str, int]]] = deque()
        self._bytes = 0
        self._merged: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._lines = 0

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._whole) + len(self._frames) + len(self._merged)

    def _add(self, store_id: str, frame: str, lines: Mapping[str, int] | None) -> None:
        if lines is None:
            self._whole.append(frame)
            return
        if self._merged:
            self._merge(store_id, lines)
        else:
            self._frames.append((store_id, frame, lines))
            self._bytes += len(frame)
            if len(self._frames) > listener.MOST_FRAMES or self._bytes > listener.MOST_BYTES:
                self._fall_behind()
        # What one change says is sent, however much it is.
        if self._lines > max(MOST_LINES, len(lines)):
            self._let_go()

    def _take(self) -> str:
        if self._whole:
            return self._whole.popleft()
        if self._merged:
            store_id, lines = self._merged.popitem(last=False)
            self._lines -= len(lines)
            return changes_frame_of(store_id, lines)
        _, frame, _ = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def _fall_behind(self) -> None:
        for store_id, _, lines in self._frames:
            self._merge(store_id, lines)
        self._frames.clear()
        self._bytes = 0

    def _merge(self, store_id: str, lines: Mapping[str, int]) -> None:
        # A store keeps its place: a busy one would never come to be sent, and gather lines for ever.
        merged = self._merged.get(store_id)
        if merged is None:
            merged = self._merged[store_id] = {}
        else:
            self.skipped += 1
        self._lines -= len(merged)
        merged.update(lines)
        self._lines += len(merged)

    def _let_go(self) -> None:
        self.too_slow = True
        self._merged.clear()
        self.close()
