"""The report's JSON: one shape, in every answer and every frame."""

import json

from hypothesis import given
from hypothesis import strategies as st

from store_api.reports.encoding import ReportEncoder, report_json
from store_api.stock import Report

ids = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)


@given(ids, st.dictionaries(ids, st.integers(0, 2**63 - 1), max_size=5))
def test_a_report_reads_back_line_by_line_in_order(store_id: str, lines: dict[str, int]) -> None:
    assert json.loads(report_json(Report(store_id, lines))) == {
        "store": {
            "store_id": store_id,
            "report": [{"item_id": item_id, "quantity": quantity} for item_id, quantity in lines.items()],
        }
    }


def test_a_report_is_letter_for_letter_what_the_contract_shows() -> None:
    report = Report("abc111", {"item-1": 10, "арт-1": 2})
    assert report_json(report).decode() == (
        '{"store":{"store_id":"abc111","report":['
        '{"item_id":"item-1","quantity":10},{"item_id":"арт-1","quantity":2}]}}'
    )


def test_an_empty_store_has_an_empty_report() -> None:
    assert report_json(Report("s", {})) == b'{"store":{"store_id":"s","report":[]}}'


def test_a_report_that_many_wait_for_is_encoded_once() -> None:
    report = Report("s", {"a": 1})
    encode = ReportEncoder()
    assert encode(report) is encode(report)
