"""The report as JSON: the same shape in every answer and every frame."""

import msgspec

from store_api.stock.operations import Report

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
