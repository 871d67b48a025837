"""The report as JSON: the same shape in every answer and every frame."""

from collections.abc import Mapping

import msgspec

from store_api.contract.schemas import Broken, BrokenStore, ChangedLine, Changes, StoreChanges
from store_api.errors import BrokenDocument
from store_api.stock import Report

_encode = msgspec.json.encode


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


def changes_frame_of(store_id: str, lines: Mapping[str, int]) -> str:
    """Build the text frame that tells just these lines, those with 0 included."""
    return _lines_json(store_id, lines).decode()


def broken_frame_of(broken: BrokenDocument) -> str:
    """Build the text frame that tells that a store cannot be told."""
    return _encode(Broken(BrokenStore(broken.store_id, str(broken)))).decode()


def _lines_json(store_id: str, lines: Mapping[str, int]) -> bytes:
    # A whole report is of the same shape as one of changes, but that it holds no 0.
    return _encode(Changes(StoreChanges(store_id, list(map(ChangedLine, lines.keys(), lines.values())))))
