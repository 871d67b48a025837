"""Which claims of a process are open still; pure.

Nearly all claims come true. So it is not noted in each of them, but once for all: up to this number, every
claim of this writer that is open still came true. One note a second costs next to nothing, and from then on
no store need prove it.
"""


class OpenNumbers:
    """Counts the claims of each write that may not have come true."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, int]] = {}
        self._highest: dict[str, int] = {}
        self._noted: dict[str, int] = {}

    def begin(self, writer: str, number: int) -> None:
        """Count a claim that is made, or may be."""
        numbers = self._open.setdefault(writer, {})
        numbers[number] = numbers.get(number, 0) + 1
        self._highest[writer] = max(number, self._highest.get(writer, 0))

    def end(self, writer: str, number: int) -> None:
        """Count off a claim that came true, or whose place another claim has taken; once is enough."""
        numbers = self._open.get(writer, {})
        if numbers.get(number, 0) > 1:
            numbers[number] -= 1
        else:
            numbers.pop(number, None)

    def to_note(self) -> dict[str, int]:
        """Give, for each writer of whom there is news, the number up to which its open claims came true."""
        news = {}
        for writer, numbers in self._open.items():
            number = min(numbers) - 1 if numbers else self._highest[writer]
            if number > self._noted.get(writer, 0):
                news[writer] = number
        return news

    def note(self, writer: str, number: int) -> None:
        """Remember what is noted."""
        self._noted[writer] = number

    def forget(self, writer: str) -> None:
        """Forget a writer that writes no more, once nothing of it can change."""
        if not self._open.get(writer) and self._noted.get(writer) == self._highest.get(writer):
            for known in (self._open, self._highest, self._noted):
                known.pop(writer, None)
