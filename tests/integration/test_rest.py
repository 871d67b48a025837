"""The HTTP contract, in-process through sanic-testing: every row, and every way to be wrong."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from openpyxl import load_workbook

from tests.integration.in_process_api import JSON, Api, check_problem, report


@pytest.fixture
def store_id(api: Api) -> str:
    """A store that holds 10 chairs, and a used-up table."""
    name = f"store-{uuid4().hex[:12]}"
    api.stores.insert_one({"_id": name, "items": {"chair": 10, "table": 0}, "rev": 1})
    return name


def test_every_row_of_the_contract(api: Api, store_id: str) -> None:
    path = f"/stores/{store_id}"
    assert report(api.call("get", path)) == {"chair": 10}
    one = {"item_id": "chair", "quantity": 4}
    assert report(api.call("post", path, {"operation": "demand", **one})) == {"chair": 6}
    group = {"operation": "supply", "items": [one, {"item_id": "a.b", "quantity": 1}, one]}
    assert report(api.call("post", f"{path}/group_op", group)) == {"chair": 14, "a.b": 1}
    overview = api.call("get", f"/stores?limit=1&after={store_id[:-1]}").json
    assert overview["stores"] == [{"store_id": store_id, "items": 2, "units": 15}]
    emptied = api.call("post", f"{path}/clean")
    assert (emptied.status, report(emptied)) == (200, {})
    assert api.call("get", "/health/live").status == 200
    assert api.call("head", path).status == 200


def test_a_supply_creates_its_store_and_a_demand_does_not(api: Api) -> None:
    path = f"/stores/new-{uuid4().hex}"
    one = {"item_id": "chair", "quantity": 4}
    check_problem(
        api.call("post", path, {"operation": "demand", **one}), 404, "/problems/store-not-found", path
    )
    check_problem(api.call("post", f"{path}/clean"), 404, "/problems/store-not-found", f"{path}/clean")
    check_problem(api.call("get", path), 404, "/problems/store-not-found", path)
    xlsx = f"{path}/xlsx_report"
    check_problem(api.call("get", xlsx), 404, "/problems/store-not-found", xlsx)
    assert report(api.call("post", path, {"operation": "supply", **one})) == {"chair": 4}


def test_a_demand_beyond_the_stock_lists_what_is_short_and_takes_nothing(api: Api, store_id: str) -> None:
    path = f"/stores/{store_id}/group_op"
    items = [{"item_id": name, "quantity": 7} for name in ("chair", "table", "lamp", "chair")]
    problem = check_problem(
        api.call("post", path, {"operation": "demand", "items": items}), 409, "/problems/out-of-stock", path
    )
    assert problem["outcome"] == "not applied"
    assert problem["shortages"] == [
        {"item_id": "chair", "wanted": 14, "available": 10},
        {"item_id": "table", "wanted": 7, "available": 0},
        {"item_id": "lamp", "wanted": 7, "available": 0},
    ]
    assert api.stores.find_one({"_id": store_id})["items"] == {"chair": 10, "table": 0}


@pytest.mark.parametrize("prefer", ["return=minimal", "Return = minimal ; x=1", 'wait=1, return="minimal"'])
def test_a_minimal_answer_holds_just_the_operation_s_items(api: Api, store_id: str, prefer: str) -> None:
    body = {"operation": "demand", "item_id": "chair", "quantity": 10}
    answer = api.call("post", f"/stores/{store_id}", body, {**JSON, "Prefer": prefer})
    assert report(answer) == {"chair": 0}
    assert answer.headers["preference-applied"] == "return=minimal"
    cleaned = api.call("post", f"/stores/{store_id}/clean", headers={"Prefer": prefer})
    assert (report(cleaned), cleaned.headers["preference-applied"]) == ({}, "return=minimal")


def test_another_preference_changes_nothing(api: Api, store_id: str) -> None:
    body = {"operation": "supply", "item_id": "lamp", "quantity": 1}
    headers = {**JSON, "Prefer": "return=representation, return=minimal"}
    answer = api.call("post", f"/stores/{store_id}", body, headers)
    assert report(answer) == {"chair": 10, "lamp": 1}
    assert "preference-applied" not in answer.headers


ITEM_IDS = (
    "a.b",
    "$x",
    "арт-1",
    "=1+1",
    "a/b",
    "%41",
    "100%",
    "__proto__",
    "0",
    " ",
    "é" * 128,
    "👩‍👩‍👧",
    "x" * 128,
)


@pytest.mark.parametrize("item_id", ITEM_IDS)
def test_honest_item_ids_of_every_kind_come_back_as_they_were(api: Api, store_id: str, item_id: str) -> None:
    one = {"item_id": item_id, "quantity": 3}
    assert report(api.call("post", f"/stores/{store_id}", {"operation": "supply", **one}))[item_id] == 3
    taken = {"operation": "demand", "items": [one]}
    assert item_id not in report(api.call("post", f"/stores/{store_id}/group_op", taken))


@pytest.mark.parametrize("name", ["a.b", "$x", "склад", "=1+1", "100%", "a b", "a?b#c", "é" * 128])
def test_honest_store_ids_of_every_kind_are_found_again(api: Api, name: str) -> None:
    path = f"/stores/{quote(name, safe='')}"
    made = api.call("post", path, {"operation": "supply", "item_id": "chair", "quantity": 1})
    assert made.json["store"]["store_id"] == name
    assert api.call("get", path).json == made.json
    assert name in [row["store_id"] for row in api.call("get", "/stores?limit=10000").json["stores"]]


@pytest.mark.parametrize(
    "name", ["%2F", "a%2Fb", "%FF", "%00", "%0A", "%ED%A0%80", "x" * 129, "%C2%85", "%E2%80%A8"]
)
def test_what_is_no_store_id_is_refused(api: Api, name: str) -> None:
    path = f"/stores/{name}"
    for method in ("get", "post"):
        answer = api.call(
            method, path, {"operation": "supply", "item_id": "a", "quantity": 1} if method == "post" else None
        )
        assert answer.status == 422
        assert answer.json["path"] == "store_id"


def wrong_quantities() -> Iterator[tuple[str, bytes, int]]:
    for text in (
        "0",
        "-1",
        "1.0",
        "1e400",
        "1e2",
        "1000000001",
        str(2**63),
        str(10**30),
        "true",
        '"1"',
        "null",
        "{}",
        "[1]",
    ):
        yield (
            f"quantity {text}",
            b'{"operation":"supply","item_id":"chair","quantity":%s}' % text.encode(),
            422,
        )
    for text in ("NaN", "Infinity", "01", "1."):
        yield (
            f"quantity {text}",
            b'{"operation":"supply","item_id":"chair","quantity":%s}' % text.encode(),
            400,
        )


def wrong_ids() -> Iterator[tuple[str, bytes, int]]:
    for value in (
        "",
        "x" * 129,
        "a\u0000",
        "a\nb",
        "\u007f",
        "\u0085",
        "\u2028",
        "\ufffe",
        None,
        1,
        True,
        ["a"],
        {"$ne": None},
    ):
        body = {"operation": "demand", "item_id": value, "quantity": 1}
        yield f"item_id {value!r}"[:30], json.dumps(body).encode(), 422
    yield "lone surrogate", b'{"operation":"supply","item_id":"\\ud800","quantity":1}', 400
    yield "not UTF-8", b'{"operation":"supply","item_id":"\xff","quantity":1}', 400


def wrong_shapes() -> Iterator[tuple[str, bytes, int]]:
    good = {"operation": "supply", "item_id": "chair", "quantity": 1}
    for name in good:
        yield f"no {name}", json.dumps({key: good[key] for key in good if key != name}).encode(), 422
    yield "other operation", json.dumps({**good, "operation": "steal"}).encode(), 422
    yield "more members", json.dumps({**good, "items": []}).encode(), 422
    for text in ("[]", "null", "1", '"x"'):
        yield f"a body {text}", text.encode(), 422
    yield "empty", b"", 400
    yield "half", b'{"operation":"supply"', 400
    yield "two", json.dumps(good).encode() + b"{}", 400
    yield "deep", b"[" * 100_000 + b"]" * 100_000, 400
    yield "deep inside", b'{"operation":"supply","item_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400


WRONG_BODIES = [*wrong_quantities(), *wrong_ids(), *wrong_shapes()]


@pytest.mark.parametrize(
    ("body", "status"), [case[1:] for case in WRONG_BODIES], ids=[case[0] for case in WRONG_BODIES]
)
def test_a_wrong_body_is_a_problem_and_changes_nothing(
    api: Api, store_id: str, body: bytes, status: int
) -> None:
    path = f"/stores/{store_id}"
    before = api.stores.find_one({"_id": store_id})
    kind = "/problems/not-json" if status == 400 else "/problems/invalid-input"
    problem = check_problem(api.call("post", path, raw=body), status, kind, path)
    assert problem["outcome"] == "not applied"
    assert status == 400 or problem["path"].startswith("$")
    assert api.stores.find_one({"_id": store_id}, {"writers": 0}) == before


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([], "$.items"),
        ([{"item_id": f"i{number}", "quantity": 1} for number in range(10_001)], "$.items"),
        ([{"item_id": "a", "quantity": 1}, {"item_id": "b", "quantity": 0}], "$.items[1].quantity"),
        ([{"item_id": {"$ne": None}, "quantity": 1}], "$.items[0].item_id"),
        ({"a": 1}, "$.items"),
    ],
    ids=["empty", "10,001 lines", "a zero", "an object", "no list"],
)
def test_a_wrong_group_is_a_problem_that_names_the_field(
    api: Api, store_id: str, items: Any, path: str
) -> None:
    before = api.stores.find_one({"_id": store_id})
    answer = api.call("post", f"/stores/{store_id}/group_op", {"operation": "supply", "items": items})
    problem = check_problem(answer, 422, "/problems/invalid-input", f"/stores/{store_id}/group_op")
    assert problem["path"] == path
    assert api.stores.find_one({"_id": store_id}, {"writers": 0}) == before


def test_ten_thousand_lines_are_taken(api: Api, store_id: str) -> None:
    items = [{"item_id": f"i{number % 5000}", "quantity": 1} for number in range(10_000)]
    answer = api.call("post", f"/stores/{store_id}/group_op", {"operation": "supply", "items": items})
    assert report(answer) == {"chair": 10, **{f"i{number}": 2 for number in range(5000)}}


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "application/jsonp"])
def test_another_media_type_is_415(api: Api, store_id: str, media_type: str) -> None:
    body = json.dumps({"operation": "supply", "item_id": "chair", "quantity": 1}).encode()
    answer = api.call("post", f"/stores/{store_id}", headers={"Content-Type": media_type}, raw=body)
    check_problem(answer, 415, "/problems/wrong-media-type", f"/stores/{store_id}")
    good = api.call(
        "post", f"/stores/{store_id}", headers={"Content-Type": "Application/JSON; charset=utf-8"}, raw=body
    )
    assert good.status == 200


def test_more_than_a_mebibyte_is_413(api: Api, store_id: str) -> None:
    for size in (2**20 + 1, 20_000_000):
        answer = api.call("post", f"/stores/{store_id}", raw=b" " * size)
        check_problem(answer, 413, "about:blank", f"/stores/{store_id}")
    assert api.stores.find_one({"_id": store_id})["items"] == {"chair": 10, "table": 0}


@pytest.mark.parametrize("path", ["/nope", "/dashboard/nope", "/stores/a/b/c", "/health", "/stores/a/nope"])
def test_an_unknown_address_is_a_404_problem(api: Api, path: str) -> None:
    check_problem(api.call("get", path), 404, "about:blank", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("put", "/stores/a", "GET, HEAD, POST"),
        ("delete", "/stores", "GET, HEAD"),
        ("get", "/stores/a/clean", "POST"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(
    api: Api, method: str, path: str, allowed: str
) -> None:
    answer = api.call(method, path)
    check_problem(answer, 405, "about:blank", path)
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "limit=-1", "limit=٣"])
def test_a_wrong_page_is_a_problem(api: Api, query: str) -> None:
    assert (
        check_problem(api.call("get", f"/stores?{query}"), 422, "/problems/invalid-input", "/stores")["path"]
        == "limit"
    )


def test_the_overview_is_turned_page_by_page(api: Api) -> None:
    prefix = f"page-{uuid4().hex}"
    api.stores.insert_many(
        {"_id": f"{prefix}-{number} &", "items": {"a": number, "b": 0}} for number in range(5)
    )
    url = f"/stores?limit=2&after={prefix}"
    found: list[dict[str, Any]] = []
    while url and len(found) < 5:
        page = api.call("get", url).json
        found += page["stores"]
        url = page["next"]
    assert [(row["store_id"], row["items"], row["units"]) for row in found[:5]] == [
        (f"{prefix}-{number} &", min(number, 1), number) for number in range(5)
    ]


def test_the_spreadsheet_is_the_report(api: Api, store_id: str) -> None:
    answer = api.call("get", f"/stores/{store_id}/xlsx_report")
    assert (
        answer.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    sheet = load_workbook(BytesIO(answer.body)).worksheets[0]
    assert [row for row in sheet.iter_rows(values_only=True) if row[0] == "chair"] == [("chair", 10)]


def test_a_broken_document_is_a_500_problem_for_its_store_alone(api: Api, store_id: str) -> None:
    broken = f"broken-{uuid4().hex}"
    document = {"_id": broken, "items": {"chair": "many"}}
    api.stores.database.command("insert", "stores", documents=[document], bypassDocumentValidation=True)
    check_problem(api.call("get", f"/stores/{broken}"), 500, "/problems/broken-document", f"/stores/{broken}")
    body = {"operation": "demand", "item_id": "chair", "quantity": 1}
    answer = api.call("post", f"/stores/{broken}", body)
    assert (
        check_problem(answer, 500, "/problems/broken-document", f"/stores/{broken}")["outcome"]
        == "not applied"
    )
    assert report(api.call("post", f"/stores/{store_id}", body)) == {"chair": 9}
    assert report(api.call("post", f"/stores/{broken}/clean")) == {}
