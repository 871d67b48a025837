"""What happened: events that are cheap to note, counts, and the story of what went wrong."""

import re
import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path

EVENTS = 400_000
"""How many events are remembered: those of the last minutes."""

LAST_FAULTS = 30
MOST_TOLD = 10
"""Wrongs whose events are told: what came first tells most."""

LINES = 20_000
"""Log lines that are remembered."""

MOST_LINES = 100
"""Of the story on the terminal; the file has all."""

NAMES = re.compile(r"[a-z]\d+-\d+-\d+(?: [\w.-]+)?|[\w.-]+(?= heard)")
"""How stores, with lanes in them, are written where something is wrong."""


class Story:
    """Notes what happens, and tells what concerns a wrong.

    Attributes:
        counts: answers and other events of this round, by kind.
        wrongs: what is wrong.
        slowest: the slowest answer of this round, in seconds.
        operations: how many were answered in this round.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrongs: list[str] = []
        self.slowest = 0.0
        self.operations = 0
        self._began = time.monotonic()
        self._events: deque[tuple[float, str, str, object, object]] = deque(maxlen=EVENTS)
        self._faults: deque[str] = deque(maxlen=LAST_FAULTS)
        self._said: deque[str] = deque(maxlen=LINES)

    def note(self, store: str, who: str, what: object, became: object) -> None:
        """Note an event.

        Args:
            store: which it concerns.
            who: the lane, the socket or the like.
            what: was asked, and is written out only if it must be told.
            became: of it.
        """
        self._events.append((time.monotonic(), store, who, what, became))

    def fault(self, text: str) -> None:
        """Note what is done to the world."""
        self._faults.append(f"{self._stamp(time.monotonic())} {text}")
        self._events.append((time.monotonic(), "", "", "fault", text))

    def said(self, line: str) -> None:
        """Note what a program said."""
        self._said.append(line)

    def wrong(self, text: str) -> None:
        """Note that something is wrong."""
        self.wrongs.append(f"{self._stamp(time.monotonic())} {text}")

    def told(self, seconds: float, what: str) -> None:
        """Count an answer."""
        self.operations += 1
        self.counts[what] += 1
        self.slowest = max(self.slowest, seconds)

    def begin_round(self) -> None:
        """Count anew."""
        self.counts.clear()
        self.slowest, self.operations = 0.0, 0

    def write(self, file: Path, begin: Sequence[str]) -> list[str]:
        """Write the story of all that is wrong into a file, and give as much as a terminal takes.

        Args:
            file: where to.
            begin: its first lines.
        """
        subjects = {name for wrong in self.wrongs[:MOST_TOLD] for name in NAMES.findall(wrong)}
        stores = {name.partition(" ")[0] for name in subjects}
        lines = [*begin, "", "What is wrong:", *self.wrongs[:200], "", "The last faults:", *self._faults]
        lines += ["", f"What touches {', '.join(sorted(subjects)) or 'nothing by name'}:"]
        for at, store, who, what, became in self._events:
            if what == "fault" or f"{store} {who}" in subjects or who in subjects or store in subjects:
                lines.append(f"{self._stamp(at)} {store} {who} {what}: {became}")
        lines += ["", "And in the same stores:"]
        for at, store, who, what, became in self._events:
            if store in stores and f"{store} {who}" not in subjects and store not in subjects:
                lines.append(f"{self._stamp(at)} {store} {who} {what}: {became}")
        file.write_text("\n".join([*lines, "", "What programs said:", *self._said]) + "\n")
        return lines[:MOST_LINES]

    def _stamp(self, at: float) -> str:
        return f"{at - self._began:9.3f}"
