"""What a client gets when all is well, to the header and the letter."""

import json
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import pytest
from openpyxl import load_workbook

from store_api.telemetry import readiness
from tests.integration.in_process_api import JSON, Api, check_problem, report

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def store_id(api: Api) -> str:
    """A store whose items are in no order, one of them used up."""
    name = f"store-{uuid4().hex[:12]}"
    api.stores.insert_one({"_id": name, "items": {"table": 2, "lamp": 0, "=1+1": 5, "chair": 10}, "rev": 1})
    return name


def test_a_report_is_to_the_letter_the_contract_s(api: Api, store_id: str) -> None:
    lines = (
        '{"item_id":"table","quantity":2},{"item_id":"=1+1","quantity":5},{"item_id":"chair","quantity":%d}'
    )
    expected = f'{{"store":{{"store_id":"{store_id}","report":[{lines}]}}}}'
    read = api.call("get", f"/stores/{store_id}")
    assert (read.status, read.headers["content-type"]) == (200, "application/json")
    assert read.text == expected % 10
    body = {"operation": "demand", "item_id": "chair", "quantity": 1}
    written = api.call("post", f"/stores/{store_id}", body)
    assert (written.status, written.headers["content-type"]) == (200, "application/json")
    assert written.text == expected % 9
    assert api.call("get", f"/stores/{store_id}").text == expected % 9


def test_items_keep_the_documents_order_and_a_minimal_answer_the_operations(api: Api, store_id: str) -> None:
    items = [{"item_id": item_id, "quantity": 1} for item_id in ("chair", "zoo", "table", "chair")]
    group = {"operation": "supply", "items": items}
    path = f"/stores/{store_id}/group_op"
    answer = api.call("post", path, group)
    assert list(report(answer).items()) == [("table", 3), ("=1+1", 5), ("chair", 12), ("zoo", 1)]
    answer = api.call("post", path, group, {**JSON, "Prefer": "return=minimal"})
    assert list(report(answer).items()) == [("chair", 14), ("zoo", 2), ("table", 4)]


@pytest.mark.parametrize(
    ("prefer", "minimal"),
    [
        ("return=minimal", True),
        ("RETURN=minimal", True),
        ('return="minimal"', True),
        ("respond-async, return=minimal", True),
        ("return=minimal; foo=bar, wait=10", True),
        ("return=minimal, return=representation", True),
        ("return=representation", False),
        ("return=representation, return=minimal", False),
        ("return", False),
        ("minimal", False),
        ("return=minimalist", False),
        ("xreturn=minimal", False),
        ("", False),
        (",;=,", False),
    ],
)
def test_only_who_prefers_it_gets_a_minimal_answer(
    api: Api, store_id: str, prefer: str, minimal: bool
) -> None:
    one = {"operation": "demand", "item_id": "table", "quantity": 2}
    answer = api.call("post", f"/stores/{store_id}", one, {**JSON, "Prefer": prefer})
    assert report(answer) == ({"table": 0} if minimal else {"=1+1": 5, "chair": 10})
    assert answer.headers.get("preference-applied") == ("return=minimal" if minimal else None)


def test_a_refusal_knows_no_preference(api: Api, store_id: str) -> None:
    one = {"operation": "demand", "item_id": "table", "quantity": 3}
    path = f"/stores/{store_id}"
    answer = api.call("post", path, one, {**JSON, "Prefer": "return=minimal"})
    check_problem(answer, 409, "/problems/out-of-stock", path)
    assert "preference-applied" not in answer.headers


def test_a_clean_needs_no_body_and_takes_none_but_its_own(api: Api, store_id: str) -> None:
    path = f"/stores/{store_id}/clean"
    for headers in ({}, {"Content-Type": "text/plain"}):
        assert report(api.call("post", path, headers=headers, raw=b"")) == {}
    assert report(api.call("post", path, {"reason": "count"})) == {}
    for body, status in ((b"not JSON", 400), (b'{"operation": "supply"}', 422)):
        assert api.call("post", path, raw=body).status == status
        assert api.call("post", path, headers={"Content-Type": "text/plain"}, raw=body).status == 415
    assert api.stores.find_one({"_id": store_id}, {"writers": 0}) == {"_id": store_id, "items": {}, "rev": 4}


@pytest.mark.parametrize(
    "path",
    ["/stores", "/stores?limit=1", "/stores/{}", "/health/live", "/health/ready", "/nope", "/stores/%00"],
)
def test_head_is_get_without_the_body(api: Api, store_id: str, path: str) -> None:
    get, head = (api.call(method, path.format(store_id)) for method in ("get", "head"))
    assert head.body == b""
    assert head.status == get.status
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


def test_the_service_is_alive_and_ready(api: Api) -> None:
    assert (api.call("get", "/health/live").status, api.call("get", "/health/live").json) == (
        200,
        {"status": "live"},
    )
    ready = api.call("get", "/health/ready")
    assert (ready.status, ready.json) == (200, {"status": "ready"})


def test_without_news_of_the_change_stream_it_is_alive_and_not_ready(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "LONGEST_SILENCE_SECONDS", 0.0)
    answer = api.call("get", "/health/ready")
    problem = check_problem(answer, 503, "/problems/not-ready", "/health/ready")
    assert (problem["primary_reachable"], problem["change_stream_alive"]) == (True, False)
    assert answer.headers["retry-after"]
    assert api.call("get", "/health/live").status == 200


def rows_of(answer: Any) -> list[tuple[Any, ...]]:
    """The lines of the workbook's only sheet, from the header on."""
    (sheet,) = load_workbook(BytesIO(answer.body)).worksheets
    rows = [tuple(cell.value for cell in row) for row in sheet.iter_rows()]
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    return rows[rows.index(("Item", "Quantity")) :]


def test_the_spreadsheet_is_sorted_by_item_and_holds_no_formula(api: Api, store_id: str) -> None:
    answer = api.call("get", f"/stores/{store_id}/xlsx_report")
    assert (answer.status, answer.headers["content-type"]) == (200, XLSX)
    assert rows_of(answer) == [("Item", "Quantity"), ("=1+1", 5), ("chair", 10), ("table", 2)]
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert store_id in disposition


def test_the_spreadsheet_of_an_odd_store_has_a_name_that_every_browser_takes(api: Api) -> None:
    name = f'скл"ад\\.. {uuid4().hex}'
    api.stores.insert_one({"_id": name, "items": {}})
    answer = api.call("get", f"/stores/{quote(name, safe='')}/xlsx_report")
    assert rows_of(answer) == [("Item", "Quantity")]
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    assert disposition.count('"') == 2
    assert "\\" not in disposition
    assert "склад" in unquote(disposition.partition("filename*=UTF-8''")[2]).replace('"', "")


def test_the_overview_ends_without_a_next_page(api: Api) -> None:
    # After every other id that there is, so that the last page is this test's alone.
    names = [f"\U0010fffd {uuid4().hex} {odd}" for odd in ("&limit=1", "+", "a?b#c", "é", "🪑%41")]
    api.stores.insert_many({"_id": name, "items": {"chair": 3, "table": 4, "lamp": 0}} for name in names)
    seen, address = [], "/stores?limit=2&after=" + quote("\U0010fffd", safe="")
    while address:
        page = api.call("get", address)
        assert page.status == 200
        seen += page.json["stores"]
        address = page.json["next"]
    assert seen == [{"store_id": name, "items": 2, "units": 7} for name in sorted(names)]
    whole = api.call("get", "/stores?limit=5&after=" + quote("\U0010fffd", safe="")).json
    assert whole == {"stores": seen, "next": None}


def test_the_overview_gives_a_thousand_stores_unless_asked_for_more_or_fewer(api: Api) -> None:
    prefix = f"many-{uuid4().hex}"
    api.stores.insert_many({"_id": f"{prefix}-{number:04}", "items": {}} for number in range(1001))
    page = api.call("get", f"/stores?after={prefix}").json
    assert len(page["stores"]) == 1000
    assert page["next"] == f"/stores?limit=1000&after={prefix}-0999"
    first = api.call("get", f"/stores?after={prefix}&limit=1&limit=2").json["stores"]
    assert [store["store_id"] for store in first] == [f"{prefix}-0000"]
    assert len(api.call("get", f"/stores?after={prefix}&limit=10000").json["stores"]) >= 1001


@pytest.mark.parametrize("after", ["%FF", "%ED%A0%80", "%00", "%zz", "", "$gt", "{}"])
def test_a_page_may_begin_after_anything(api: Api, after: str) -> None:
    answer = api.call("get", f"/stores?limit=1&after={after}")
    assert answer.status == 200
    assert len(json.dumps(answer.json["stores"])) > 1


def test_the_largest_quantities_come_through_whole(api: Api, store_id: str) -> None:
    api.stores.update_one({"_id": store_id}, {"$set": {"items": {"chair": 2**63 - 1 - 10**9}}})
    path = f"/stores/{store_id}"
    body = {"operation": "supply", "item_id": "chair", "quantity": 10**9}
    answer = api.call("post", path, body)
    assert f'"quantity":{2**63 - 1}}}' in answer.text
    problem = check_problem(api.call("post", path, body), 409, "/problems/quantity-overflow", path)
    assert problem["outcome"] == "not applied"
    (largest,) = rows_of(api.call("get", f"{path}/xlsx_report"))[1:]
    assert largest == ("chair", str(2**63 - 1))
