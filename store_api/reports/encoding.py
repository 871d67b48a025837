"""The report as JSON: the same shape in every answer and every frame."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from store_api.contract.channels import LARGEST_PART
from store_api.contract.schemas import (
    Broken,
    BrokenStore,
    ChangedLine,
    Changes,
    ChangesFrame,
    StoreChanges,
)
from store_api.errors import BrokenDocument
from store_api.stock import Report

_encode = msgspec.json.encode

_MOST_LINES = LARGEST_PART // len('{"item_id":"i","quantity":1},')
"""More lines than these are too large for one part, whatever they are."""

_FEW_LINES = 1_000
"""Those whose size tells how many lines the next part may hold."""

_FULL = 0.9
"""How full a part is meant to be: lines are of different lengths."""


def report_json(report: Report) -> bytes:
    """Encode a report as `{"store": {"store_id": ..., "report": [{"item_id": ..., "quantity": ...}]}}`."""
    return _lines_json(report.store_id, report.lines)


class ReportEncoder:
    """Encodes reports for answers, and one that is asked for many times in a row only once.

    All who share a batch are answered with the same report, one right after the other.
    """

    def __init__(self) -> None:
        self._report: Report | None = None
        self._json = b""

    def __call__(self, report: Report) -> bytes:
        """Encode a report as `report_json` does."""
        if report is not self._report:
            self._json = report_json(report)
            self._report = report
        return self._json


class Part(NamedTuple):
    """A text frame, and the lines that it tells."""

    frame: str
    lines: Mapping[str, int]


def changes_frames_of(store_id: str, lines: Mapping[str, int]) -> list[Part]:
    """Build the frames that tell just these lines, those with 0 included.

    Returns:
        One, or as many as it takes for none to be larger than `LARGEST_PART`; all but the last say `more`.
    """
    if len(lines) <= _MOST_LINES:
        whole = _lines_json(store_id, lines)
        if len(whole) <= LARGEST_PART:
            return [Part(whole.decode(), lines)]
    return list(_parts(store_id, list(lines.items())))


def _parts(store_id: str, lines: list[tuple[str, int]]) -> Iterator[Part]:
    begin, count = 0, _FEW_LINES
    while begin < len(lines):
        some = dict(lines[begin : begin + count])
        changes = StoreChanges(store_id, list(map(ChangedLine, some.keys(), some.values())))
        part = _encode(ChangesFrame(changes, more=begin + count < len(lines)))
        # A line that is too large by itself, which only other programs can write, is sent all the same.
        if len(part) <= LARGEST_PART or len(some) == 1:
            yield Part(part.decode(), some)
            begin += count
        count = max(1, int(len(some) * _FULL * LARGEST_PART / len(part)))


def broken_frame_of(broken: BrokenDocument) -> str:
    """Build the text frame that tells that a store cannot be told."""
    return _encode(Broken(BrokenStore(broken.store_id, str(broken)))).decode()


def _lines_json(store_id: str, lines: Mapping[str, int]) -> bytes:
    # A whole report is of the same shape as one of changes, but that it holds no 0.
    return _encode(Changes(StoreChanges(store_id, list(map(ChangedLine, lines.keys(), lines.values())))))
