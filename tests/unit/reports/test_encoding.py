"""The report's JSON: one shape, in every answer and every frame."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.reports import encoding
from store_api.reports.encoding import ReportEncoder, changes_frames_of, report_json
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


@given(ids, st.dictionaries(ids, st.integers(0, 2**63 - 1), max_size=50), st.integers(200, 2000))
def test_changes_are_one_frame_or_parts_that_say_the_same_and_none_is_large(
    store_id: str, lines: dict[str, int], largest: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "LARGEST_PART", largest)
        parts = changes_frames_of(store_id, lines)
    assert [part.frame.endswith(',"more":true}') for part in parts] == [True] * (len(parts) - 1) + [False]
    together = dict[str, int]()
    for part in parts:
        store = json.loads(part.frame)["store"]
        assert store["store_id"] == store_id
        assert {line["item_id"]: line["quantity"] for line in store["report"]} == part.lines
        assert len(part.frame.encode()) <= largest or len(part.lines) == 1
        together |= part.lines
    assert list(together.items()) == list(lines.items())


def test_a_change_is_in_parts_only_where_it_is_larger_than_what_usual_clients_take() -> None:
    lines = {f"{number:06}" + "x" * 54: 1 for number in range(11_000)}
    assert len(changes_frames_of("s", lines)) == 1
    parts = changes_frames_of(
        "s", lines | {"y" * 128: 1} | {f"{number}" + "x" * 54: 1 for number in range(1000)}
    )
    assert [len(part.frame) <= 2**20 for part in parts] == [True] * len(parts)
    assert len(parts) in (2, 3)
