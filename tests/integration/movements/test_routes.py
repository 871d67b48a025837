"""The ledger by HTTP: what operations say of themselves is told, by everybody who may read it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from openpyxl import load_workbook

from tests.integration.in_process_api import JSON, Api, check_problem, report, served_in_process
from tests.support.tokens import bearer, let_in, tokens_in


@pytest.fixture(scope="module")
def kept(mongo_url: str) -> Iterator[Api]:
    """The service with a ledger, which asks nobody."""
    with served_in_process(mongo_url, {"LEDGER": "on"}) as api:
        yield api


@pytest.fixture
def path() -> str:
    """The address of a store that is this test's alone."""
    return f"/stores/store-{uuid4().hex[:12]}"


def movements(api: Api, path: str, count: int, headers: dict[str, str] = JSON) -> list[dict[str, Any]]:
    """Wait until there are so many movements, and give them."""
    found: list[dict[str, Any]] = []

    def are_there() -> bool:
        found[:] = api.call("get", path, headers=headers).json["movements"]
        return len(found) >= count

    api.until(are_there, f"{count} movements at {path}")
    assert len(found) == count
    return found


def rows_in(answer: Any) -> list[tuple[Any, ...]]:
    return list(load_workbook(BytesIO(answer.body)).worksheets[0].iter_rows(values_only=True))


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def later(second: int) -> str:
    return f"{datetime.fromtimestamp(time.time() + second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_what_operations_say_of_themselves_is_told(kept: Api, path: str) -> None:
    one = {"item_id": "chair", "quantity": 10}
    kept.call("post", path, {"operation": "supply", **one, "reference": "PO-1", "reason": "purchase"})
    lines = [{"item_id": "chair", "quantity": 3}, {"item_id": "chair", "quantity": 1}]
    kept.call("post", f"{path}/group_op", {"operation": "demand", "items": lines, "reference": "R-1009"})
    kept.call("post", f"{path}/clean", {"reason": "count"})
    kept.stores.update_one({"_id": path.rpartition("/")[2]}, {"$set": {"items.lamp": 2}})
    found = movements(kept, f"{path}/movements", 4)
    told = [(row["op"], row["item_id"], row["delta"], row["quantity"]) for row in found]
    assert told == [
        ("supply", "chair", 10, 10),
        ("demand", "chair", -4, 6),
        ("clean", "chair", -6, 0),
        ("direct", "lamp", 2, 2),
    ]
    assert [(row["reference"], row["reason"]) for row in found] == [
        *(("PO-1", "purchase"), ("R-1009", None), (None, "count"), (None, None))
    ]
    assert {row["actor"] for row in found} == {None}
    assert {row["store_id"] for row in found} == {path.rpartition("/")[2]}
    newest = kept.call("get", f"{path}/movements?order=desc&limit=3").json
    assert newest["movements"] == found[:0:-1]
    assert kept.call("get", newest["next"]).json["movements"] == found[:1]
    by_reference = kept.call("get", "/movements?reference=R-1009").json
    assert [row for row in by_reference["movements"] if row in found] == [found[1]]
    assert kept.call("get", f"{path}/movements?after={found[1]['id']}").json["movements"] == found[2:]
    assert kept.call("get", f"{path}/movements?item_id=lamp&op=direct").json["movements"] == found[3:]


def test_the_report_and_the_pieces_as_they_were(kept: Api, path: str) -> None:
    body = {"operation": "supply", "item_id": "chair", "quantity": 10}
    kept.call("post", path, body)
    (first,) = movements(kept, f"{path}/movements", 1)
    # The next one is in another second, by the clock that counts.
    kept.until(lambda: now() > first["at"], "another second")
    kept.call("post", path, {**body, "operation": "demand", "quantity": 4})
    second = movements(kept, f"{path}/movements", 2)[1]
    kept.until(lambda: kept.call("get", f"{path}?at={second['at']}").status == 200, "that second is over")
    then = kept.call("get", f"{path}?at={first['at']}")
    assert report(then) == {"chair": 10}
    assert then.json["at"] == first["at"]
    assert then.json["complete_until"] >= second["at"]
    assert report(kept.call("get", f"{path}?at={second['at']}")) == {"chair": 6}
    sheet = load_workbook(BytesIO(kept.call("get", f"{path}/xlsx_report?at={first['at']}").body)).worksheets[
        0
    ]
    rows = list(sheet.iter_rows(values_only=True))
    assert ("Time (UTC)", first["at"]) in rows
    assert ("chair", 10) in rows
    units = kept.call("get", f"{path}/units?from={first['at']}&to={second['at']}").json["units"]
    assert [point["units"] for point in units] == [10, 6]
    assert units[0]["at"] == first["at"]
    assert kept.call("get", f"{path}/units").json["units"][-1]["units"] == 6


def test_a_moment_that_cannot_be_told_is_a_problem_that_says_why(kept: Api, path: str) -> None:
    kept.call("post", path, {"operation": "supply", "item_id": "chair", "quantity": 10})
    (row,) = movements(kept, f"{path}/movements", 1)
    for address in (path, f"{path}/xlsx_report"):
        for wrong in ("", "yesterday", "2026-11-26", "2026-13-26T21:00:00Z", "2026-11-26T21:00:00", "1"):
            problem = check_problem(
                kept.call("get", f"{address}?at={wrong}"), 422, "/problems/invalid-input", address
            )
            assert problem["path"] == "at"
        ahead = check_problem(
            kept.call("get", f"{address}?at={later(3600)}"), 422, "/problems/invalid-input", address
        )
        assert "future" in ahead["detail"]
        old = kept.call("get", f"{address}?at=2020-01-01T00:00:00Z")
        check_problem(old, 410, "/problems/history-expired", address)
        behind = kept.call("get", f"{address}?at={now()}")
        check_problem(behind, 503, "/problems/ledger-behind", address)
        assert behind.headers["retry-after"] == "1"
    kept.until(lambda: kept.call("get", f"/stores/never?at={row['at']}").status == 404, "that second is over")
    answer = kept.call("get", f"/stores/never?at={row['at']}")
    check_problem(answer, 404, "/problems/store-not-found", "/stores/never")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("refrence=R-1", "refrence"),
        ("limit=1&limit=2", "limit"),
        *(("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("limit=%D9%A3", "limit")),
        *(("after=17", "after"), ("after=a.b", "after"), ("after=1.2.3", "after"), ("after=", "after")),
        *((f"after={10**18}.1", "after"), ("after=-1.2", "after"), ("after=%D9%A3.1", "after")),
        *(("order=up", "order"), ("op=steal", "op"), ("op=", "op"), ("actor=", "actor")),
        *(("from=now", "from"), ("to=2026-11-26T25:00:00Z", "to"), ("reference=a%00b", "reference")),
        *(("store_id=a%2Fb", "store_id"), ("store_id=", "store_id"), ("item_id=chair", "item_id")),
    ],
)
def test_what_is_asked_wrongly_is_refused_by_name(kept: Api, query: str, name: str) -> None:
    answer = kept.call("get", f"/movements?{query}")
    assert check_problem(answer, 422, "/problems/invalid-input", "/movements")["path"] == name


def test_ten_thousand_movements_are_one_spreadsheet(kept: Api, path: str) -> None:
    items = [{"item_id": f"=i{number:04}", "quantity": 1} for number in range(10_000)]
    kept.call("post", f"{path}/group_op", {"operation": "supply", "items": items, "reference": "007"})
    movements(kept, f"{path}/movements?limit=1&after=0.0&item_id=%3Di9999", 1)
    answer = kept.call("get", f"{path}/xlsx_movements", seconds=60)
    assert answer.headers["content-disposition"].startswith('attachment; filename="movements-store-')
    assert "link" not in answer.headers
    rows = rows_in(answer)
    assert rows[3][:4] == ("Time (UTC)", "Item", "Change", "Quantity")
    assert len(rows) == 4 + 10_000
    assert [row[1] for row in rows[4:]] == [line["item_id"] for line in items]
    assert {row[2:8] for row in rows[4:]} == {(1, 1, "supply", None, "007", None)}
    short = kept.call("get", f"{path}/xlsx_movements?limit=2&order=desc")
    following, _, rel = short.headers["link"].partition("; ")
    assert rel == 'rel="next"'
    assert [row[1] for row in rows_in(kept.call("get", following.strip("<>")))[4:]] == ["=i9997", "=i9996"]


def test_a_key_with_another_reference_is_that_of_another_operation(kept: Api, path: str) -> None:
    body = {"operation": "supply", "item_id": "chair", "quantity": 10, "reference": "PO-1"}
    headers = {**JSON, "Idempotency-Key": uuid4().hex}
    for _ in range(2):
        assert report(kept.call("post", path, body, headers)) == {"chair": 10}
    for other in ({"reference": "PO-2"}, {"reason": "purchase"}):
        answer = kept.call("post", path, {**body, **other}, headers)
        check_problem(answer, 422, "/problems/idempotency-key-reused", path)


def test_a_clean_takes_a_body_that_is_json(kept: Api, path: str) -> None:
    kept.call("post", path, {"operation": "supply", "item_id": "chair", "quantity": 10})
    address = f"{path}/clean"
    wrong = kept.call("post", address, {"reason": "No!"})
    assert check_problem(wrong, 422, "/problems/invalid-input", address)["path"] == "$.reason"
    plain = kept.call("post", address, headers={"Content-Type": "text/plain"}, raw=b"{}")
    check_problem(plain, 415, "/problems/wrong-media-type", address)
    check_problem(kept.call("post", address, raw=b"{"), 400, "/problems/not-json", address)
    assert report(kept.call("get", path)) == {"chair": 10}
    assert report(kept.call("post", address, headers={})) == {}


def test_who_asked_is_told_to_those_whose_store_it_is(mongo_url: str) -> None:
    with served_in_process(mongo_url, {"LEDGER": "on", "AUTH": "tokens"}) as api:
        tokens = tokens_in(api.stores.database)
        admin = bearer(let_in(tokens, ["admin"]))
        till = let_in(tokens, ["supply"], stores=["berlin-*"])
        name = tokens.find_one({"stores": ["berlin-*"]})["name"]  # type: ignore[index]
        body = {"operation": "supply", "item_id": "chair", "quantity": 1}
        api.call("post", "/stores/berlin-1", body, {**JSON, **bearer(till)})
        api.call("post", "/stores/paris", body, {**JSON, **admin})
        assert [row["store_id"] for row in movements(api, "/movements", 2, admin)] == ["berlin-1", "paris"]
        assert movements(api, f"/movements?actor={name}", 1, admin)[0]["store_id"] == "berlin-1"
        reader = bearer(let_in(tokens, ["read"], stores=["berlin-*"]))
        (mine,) = movements(api, "/movements", 1, reader)
        assert (mine["store_id"], mine["actor"]) == ("berlin-1", name)
        assert movements(api, "/movements?store_id=berlin-1", 1, reader) == [mine]
        refused = api.call("get", "/movements?store_id=paris", headers=reader)
        check_problem(refused, 403, "/problems/store-forbidden", "/movements")


def test_a_service_without_a_ledger_says_so(api: Api) -> None:
    api.stores.insert_one({"_id": "plain", "items": {"chair": 1}})
    for address in (
        "/movements",
        "/stores/plain/movements",
        "/stores/plain/units",
        "/stores/plain/xlsx_movements",
    ):
        check_problem(api.call("get", address), 404, "/problems/no-ledger", address)
    for address in ("/stores/plain", "/stores/plain/xlsx_report"):
        answer = api.call("get", f"{address}?at=2026-11-26T21:00:00Z")
        check_problem(answer, 404, "/problems/no-ledger", address)
    assert report(api.call("get", "/stores/plain?then=1")) == {"chair": 1}
