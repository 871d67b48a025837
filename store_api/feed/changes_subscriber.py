"""One subscriber's changes that wait to be sent: each while it keeps up, merged by store when not."""

from collections import OrderedDict, deque
from collections.abc import Mapping

from store_api.feed import subscribers
from store_api.reports.encoding import changes_frames_of

MOST_MERGED_LINES = 1_000_000
"""More merged lines than these, about 100 MB, are kept for nobody: the subscriber is let go as too slow."""


class ChangesSubscriber(subscribers.Subscriber):
    """Gets the lines that changed, none of which a newer frame makes needless.

    Once it has fallen behind, the lines of a store become one change: each item's newest quantity. Whole
    reports come before all changes, and stay; the changes that follow count from them. So do the further
    parts of a change whose first one has left. That a store is broken
    comes after its lines, and is not worth telling any more once there are newer ones.
    """

    __slots__ = ("_broken", "_bytes", "_frames", "_lines", "_merged", "_whole")

    only_changes = True

    def __init__(self) -> None:
        super().__init__()
        self._whole: deque[str] = deque()
        self._frames: deque[tuple[str, str, Mapping[str, int] | None]] = deque()
        self._bytes = 0
        self._merged: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._lines = 0
        self._broken: OrderedDict[str, str] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many frames wait."""
        return len(self._whole) + len(self._frames) + len(self._merged) + len(self._broken)

    def _add(self, store_id: str, frame: str, lines: Mapping[str, int] | None) -> None:
        if lines is None:
            self._whole.append(frame)
            return
        self._queue(store_id, frame, lines)
        # What one change says is sent, however much it is.
        if self._lines > max(MOST_MERGED_LINES, len(lines)):
            self.too_slow = True
            self._merged.clear()
            self._broken.clear()
            self.close()

    def _add_broken(self, store_id: str, frame: str) -> None:
        self._queue(store_id, frame, None)

    def _queue(self, store_id: str, frame: str, lines: Mapping[str, int] | None) -> None:
        if self._merged or self._broken:
            self._merge(store_id, frame, lines)
            return
        self._frames.append((store_id, frame, lines))
        self._bytes += len(frame)
        if len(self._frames) > subscribers.MOST_FRAMES or self._bytes > subscribers.MOST_BYTES:
            self._fall_behind()

    def _take(self) -> str:
        if self._whole:
            return self._whole.popleft()
        if self._broken and next(iter(self._broken)) not in self._merged:
            return self._broken.popitem(last=False)[1]
        if self._merged:
            store_id, lines = self._merged.popitem(last=False)
            self._lines -= len(lines)
            first, *others = changes_frames_of(store_id, lines)
            self._whole += [part.frame for part in others]
            return first.frame
        _, frame, _ = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def _fall_behind(self) -> None:
        for waiting in self._frames:
            self._merge(*waiting)
        self._frames.clear()
        self._bytes = 0

    def _merge(self, store_id: str, frame: str, lines: Mapping[str, int] | None) -> None:
        if self._broken.pop(store_id, None) is not None:
            self.skipped += 1
        if lines is None:
            self._broken[store_id] = frame
            return
        # A store keeps its place: a busy one would never come to be sent, and gather lines for ever.
        merged = self._merged.get(store_id)
        if merged is None:
            merged = self._merged[store_id] = {}
        else:
            self.skipped += 1
        self._lines -= len(merged)
        merged.update(lines)
        self._lines += len(merged)
