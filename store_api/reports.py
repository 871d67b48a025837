"""The report as JSON: the same shape in every answer and every frame."""

import msgspec

from store_api.stock import Report

_encode = msgspec.json.encode


def report_json(report: Report) -> bytes:
    """Encode a report as `{"store": {"store_id": ..., "report": [{"item_id": ..., "quantity": ...}]}}`."""
    if report.encoded is None:
        lines = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in report.lines.items()]
        report.encoded = _encode({"store": {"store_id": report.store_id, "report": lines}})
    return report.encoded
