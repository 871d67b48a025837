"""The report as JSON: the same shape in every answer and every frame."""

from collections.abc import Mapping

import msgspec

from store_api.stock import Report

_encode = msgspec.json.encode


class _Line(msgspec.Struct, gc=False):
    item_id: str
    quantity: int


def report_json(report: Report) -> bytes:
    """Encode a report as `{"store": {"store_id": ..., "report": [{"item_id": ..., "quantity": ...}]}}`."""
    if report.encoded is None:
        lines = list(map(_Line, report.lines.keys(), report.lines.values()))
        report.encoded = _encode({"store": {"store_id": report.store_id, "report": lines}})
    return report.encoded


def changes_frame_of(store_id: str, lines: Mapping[str, int]) -> str:
    """Build the text frame that tells just these lines, those with 0 included."""
    return report_json(Report(store_id, lines)).decode()
