"""Numbers of writes: always growing, so that of any two writes of a process one is the later.

A write has an even number. The odd number above it is a fence: where a store has that, the write was not
applied, and no copy of it ever can be (`storage/updates.py`).
"""

import time
from collections.abc import Callable
from uuid import uuid4

STEP = 2
"""Between two writes, so that a fence fits in between."""

WRITER_LENGTH = 10
"""Digits of a writer's id, of 16 kinds: of 10,000 writers in two days hardly ever two have the same."""


def draw_writer() -> str:
    """Draw the id of a writer like no other."""
    return uuid4().hex[:WRITER_LENGTH]


class Numbers:
    """Numbers the writes of one process.

    Args:
        draw: draws a writer's id.
        clock: gives seconds since 1970: a number tells about when it was given.

    Attributes:
        writer: who writes.
    """

    def __init__(self, draw: Callable[[], str] = draw_writer, clock: Callable[[], float] = time.time) -> None:
        self._draw = draw
        self._clock = clock
        self._last = 0
        self.writer = draw()
        self._writers = {self.writer}

    def next(self) -> int:
        """Give a number, higher than every one before: the even milliseconds since 1970, or the next one."""
        self._last = max(self._last + STEP, int(self._clock() * 1000) // STEP * STEP)
        return self._last

    def leave(self, writer: str) -> None:
        """Write under another id from now on, if it is this one so far: its numbers stay as they are."""
        if writer == self.writer:
            self.writer = self._draw()
            self._writers.add(self.writer)

    def is_ours(self, writer: str) -> bool:
        """Tell whether this process writes, or has written, under an id."""
        return writer in self._writers
