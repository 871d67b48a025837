"""Whatever goes wrong, the client gets a problem that says what became of its operation, and no more."""

import json
import logging
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from store_api.commit import doubts
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import BROKEN, insert_unchecked
from tests.integration.in_process_api import JSON, Api, check_problem, report
from tests.support.fail_points import failing

Mongo = MongoClient[dict[str, Any]]

SUPPLY = {"operation": "supply", "item_id": "lamp", "quantity": 1}
GROUP = {"operation": "supply", "items": [{"item_id": "lamp", "quantity": 1}]}

ROUTES = [
    ("get", "/stores/{}", None),
    ("head", "/stores/{}", None),
    ("post", "/stores/{}", SUPPLY),
    ("post", "/stores/{}/group_op", GROUP),
    ("post", "/stores/{}/clean", None),
    ("get", "/stores/{}/xlsx_report", None),
    ("head", "/stores/{}/xlsx_report", None),
]
"""Every route that names a store."""


@pytest.fixture
def store_id(api: Api) -> str:
    """A store that holds 10 chairs."""
    name = f"store-{uuid4().hex[:12]}"
    api.stores.insert_one({"_id": name, "items": {"chair": 10}, "rev": 1})
    return name


def everything(api: Api) -> list[dict[str, Any]]:
    return list(api.stores.find().sort("_id"))


def lines_of(caplog: pytest.LogCaptureFixture, action: str) -> list[logging.LogRecord]:
    return [line for line in caplog.records if vars(line).get("action") == action]


@pytest.mark.parametrize(
    "wrong_id", ["%2F", "a%2Fb", "%FF", "%C3", "%00", "%0A", "%7F", "%ED%A0%80", "%EF%BF%BF", "x" * 129]
)
def test_a_wrong_store_id_is_refused_on_every_route_and_nothing_is_made_of_it(
    api: Api, wrong_id: str
) -> None:
    before = everything(api)
    for method, route, body in ROUTES:
        path = route.format(wrong_id)
        answer = api.call(method, path, body)
        if method == "head":
            assert (answer.status, answer.body) == (422, b"")
            assert answer.headers["content-type"] == "application/problem+json"
            continue
        problem = check_problem(answer, 422, "/problems/invalid-input", path)
        assert (problem["path"], problem["outcome"]) == ("store_id", "not applied")
    assert everything(api) == before


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/stores", {"get", "head"}),
        ("/stores/a", {"get", "head", "post"}),
        ("/stores/a/xlsx_report", {"get", "head"}),
        ("/stores/a/group_op", {"post"}),
        ("/stores/a/clean", {"post"}),
        ("/health/live", {"get", "head"}),
        ("/health/ready", {"get", "head"}),
        ("/ws/stores", {"get"}),
        ("/ws/stores/a", {"get"}),
    ],
)
def test_every_other_method_is_refused_and_the_right_ones_are_named(
    api: Api, path: str, allowed: set[str]
) -> None:
    before = everything(api)
    for method in {"get", "head", "post", "put", "patch", "delete", "options"} - allowed:
        answer = api.call(method, path, SUPPLY if method in {"post", "put", "patch"} else None)
        assert answer.status == 405
        assert set(answer.headers["allow"].lower().split(", ")) == allowed
        if method != "head":
            check_problem(answer, 405, "about:blank", path)
    assert everything(api) == before


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "a/b, c"}], ids=str)
@pytest.mark.parametrize(("route", "body"), [("/stores/{}", SUPPLY), ("/stores/{}/group_op", GROUP)])
def test_what_is_not_said_to_be_json_is_refused_on_both_routes(
    api: Api, store_id: str, route: str, body: object, headers: dict[str, str]
) -> None:
    before = everything(api)
    path = route.format(store_id)
    answer = api.call("post", path, headers=headers, raw=json.dumps(body).encode())
    check_problem(answer, 415, "/problems/wrong-media-type", path)
    assert everything(api) == before


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_store_is_a_500_that_is_logged_and_a_clean_repairs_it(
    api: Api, store_id: str, broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    name = f"broken-{uuid4().hex[:12]}"
    document = {"_id": name, "rev": 1, **broken}
    insert_unchecked(api.stores, document)
    reads = 0
    for method, route, body in ROUTES:
        if "clean" in route or method == "head":
            continue
        before = api.stores.find_one({"_id": name})
        path = route.format(name)
        problem = check_problem(api.call(method, path, body), 500, "/problems/broken-document", path)
        applied = api.stores.find_one({"_id": name}) != before
        assert problem["outcome"] == ("applied" if applied else "not applied")
        reads += 1
        logged = lines_of(caplog, "broken_document")
        assert [(line.levelno, vars(line)["store"]) for line in logged] == [(logging.ERROR, name)] * reads
    page = api.call("get", f"/stores?limit=1&after={name[:-1]}").json
    assert [store["store_id"] for store in page["stores"]] == [name]
    assert report(api.call("post", f"/stores/{store_id}", SUPPLY)) == {"chair": 10, "lamp": 1}
    assert report(api.call("post", f"/stores/{name}/clean")) == {}
    assert report(api.call("post", f"/stores/{name}", SUPPLY)) == {"lamp": 1}


def check_discreet(text: str) -> None:
    """What the driver says names hosts, commands and documents; none of that is a client's business."""
    for word in ("127.0.0.1", "fail", "mongod", "errmsg", "code", "Traceback", "pymongo", "$inc", "items."):
        assert word not in text


OPEN: list[tuple[dict[str, Any], int]] = [
    ({"errorCode": 8}, 0),
    ({"writeConcernError": {"code": 64, "errmsg": "waiting on 127.0.0.1 timed out"}}, 1),
]
"""Failures of a write that leave its outcome open, and whether it was executed all the same."""


@pytest.mark.parametrize(("failure", "applied"), OPEN, ids=str)
@pytest.mark.parametrize("prefer", ["return=minimal", "return=representation"])
def test_while_nobody_says_what_became_of_an_operation_it_is_a_503_that_says_so(
    api: Api,
    other_program: Mongo,
    store_id: str,
    failure: dict[str, Any],
    applied: int,
    prefer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doubts, "DOUBT_SECONDS", 0.2)
    path = f"/stores/{store_id}"
    with failing(other_program, "update", "findAndModify", **failure):
        answer = api.call("post", path, SUPPLY, {**JSON, "Prefer": prefer})
    problem = check_problem(answer, 503, "/problems/outcome-unknown", path)
    assert problem["outcome"] == "unknown"
    assert "may have been applied" in problem["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    check_discreet(answer.text)
    assert api.stores.find_one({"_id": store_id})["items"].get("lamp", 0) == applied
    assert api.call("get", path).status == 200


@pytest.mark.parametrize(("failure", "applied"), OPEN, ids=str)
def test_what_became_of_an_operation_is_found_out(
    api: Api, other_program: Mongo, store_id: str, failure: dict[str, Any], applied: int
) -> None:
    path = f"/stores/{store_id}"
    with failing(other_program, "update", **failure):
        answer = api.call("post", path, SUPPLY)
    assert api.stores.find_one({"_id": store_id})["items"].get("lamp", 0) == applied
    if applied:
        assert answer.status == 200
    else:
        # It was tried again and again, and each time it is sure that nothing happened.
        check_problem(answer, 503, "/problems/database-unavailable", path)


@pytest.mark.parametrize("path", ["/stores/{}", "/stores/{}/xlsx_report", "/stores"])
def test_a_reading_that_fails_is_a_503(api: Api, other_program: Mongo, store_id: str, path: str) -> None:
    path = path.format(store_id)
    with failing(other_program, "find", "aggregate", errorCode=8):
        answer = api.call("get", path)
    check_problem(answer, 503, "/problems/database-unavailable", path)
    assert int(answer.headers["retry-after"]) >= 1
    check_discreet(answer.text)
    assert api.call("get", path).status == 200


def test_a_refusal_that_cannot_be_proven_is_none(api: Api, other_program: Mongo, store_id: str) -> None:
    path = f"/stores/{store_id}"
    body = {"operation": "demand", "item_id": "chair", "quantity": 11}
    with failing(other_program, "find", errorCode=8):
        answer = api.call("post", path, body)
    assert check_problem(answer, 503, "/problems/database-unavailable", path)["outcome"] == "not applied"
    assert api.stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 10},
        "rev": 1,
    }
    check_problem(api.call("post", path, body), 409, "/problems/out-of-stock", path)


def test_an_operation_that_was_applied_and_cannot_be_reported_is_not_to_be_sent_again(
    api: Api, other_program: Mongo, store_id: str
) -> None:
    path = f"/stores/{store_id}"
    with failing(other_program, "find", errorCode=8):
        answer = api.call("post", path, SUPPLY)
    problem = check_problem(answer, 500, "/problems/applied-unreported", path)
    assert problem["outcome"] == "applied"
    assert "retry-after" not in answer.headers
    check_discreet(answer.text)
    assert report(api.call("get", path)) == {"chair": 10, "lamp": 1}


def test_our_own_fault_is_a_500_that_says_nothing_and_a_line_that_says_where(
    api: Api, store_id: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("mongodb://user:password@127.0.0.1")

    path = f"/stores/{store_id}"
    with monkeypatch.context() as faulty:
        faulty.setattr(StoreWriter, "read", fail)
        answer = api.call("get", path)
    check_problem(answer, 500, "about:blank", path)
    check_discreet(answer.text)
    (line,) = lines_of(caplog, "fault")
    assert vars(line)["error"] == "ZeroDivisionError"
    assert vars(line)["path"] == path
    assert "test_rest_faults.py" in vars(line)["where"]
    assert "password" not in str(vars(line))
    assert report(api.call("get", path)) == {"chair": 10}


def test_a_write_that_fails_by_our_own_fault_has_an_unknown_outcome_and_holds_up_nobody(
    api: Api, store_id: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("mongodb://user:password@127.0.0.1")

    path = f"/stores/{store_id}"
    with monkeypatch.context() as faulty:
        faulty.setattr(StoreWriter, "apply", fail)
        answer = api.call("post", path, SUPPLY)
    assert check_problem(answer, 503, "/problems/outcome-unknown", path)["outcome"] == "unknown"
    check_discreet(answer.text)
    assert [vars(line)["error"] for line in lines_of(caplog, "fault")] == ["ZeroDivisionError"]
    assert report(api.call("post", path, SUPPLY)) == {"chair": 10, "lamp": 1}
