"""Idempotency-Key in one process: what a repeat is told, and what is no key, in tables."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.in_process_api import JSON, Api, check_problem, report, served_in_process

CHAIR = {"item_id": "chair", "quantity": 4}
LARGEST = 2**63 - 1
REUSED = "/problems/idempotency-key-reused"
INVALID = "/problems/idempotency-key-invalid"
CALLS: list[tuple[str, Any]] = [
    ("", {"operation": "supply", **CHAIR}),
    ("/group_op", {"operation": "supply", "items": [CHAIR]}),
    ("/clean", None),
]
"""The three calls that change a store."""

REFUSALS: list[tuple[str, Any, dict[str, int] | None, int, str]] = [
    ("", {"operation": "demand", **CHAIR}, None, 404, "store-not-found"),
    ("/group_op", {"operation": "demand", "items": [CHAIR]}, None, 404, "store-not-found"),
    ("/clean", None, None, 404, "store-not-found"),
    ("", {"operation": "demand", **CHAIR}, {"chair": 3}, 409, "out-of-stock"),
    ("/group_op", {"operation": "demand", "items": [CHAIR]}, {"chair": 3}, 409, "out-of-stock"),
    ("", {"operation": "supply", **CHAIR}, {"chair": LARGEST}, 409, "quantity-overflow"),
    ("/group_op", {"operation": "supply", "items": [CHAIR]}, {"chair": LARGEST}, 409, "quantity-overflow"),
]
"""An operation, what its store holds (None: there is none), and what it is refused with."""


@pytest.fixture
def store_id(api: Api) -> str:
    """A store that holds 10 chairs."""
    name = f"store-{uuid4().hex[:12]}"
    api.stores.insert_one({"_id": name, "items": {"chair": 10}, "rev": 1})
    return name


@pytest.fixture(scope="module")
def strict_api(mongo_url: str) -> Iterator[Api]:
    """The service where every operation must have a key."""
    with served_in_process(mongo_url, {"REQUIRE_IDEMPOTENCY_KEY": "true"}) as api:
        yield api


def new_key() -> str:
    return f"order-{uuid4().hex}"


def named(key: str, **more: str) -> dict[str, str]:
    """Give the head of a request with a key."""
    return {**JSON, "Idempotency-Key": key, **more}


def items_of(api: Api, store_id: str) -> Any:
    document = api.stores.find_one({"_id": store_id})
    return document and document["items"]


@pytest.mark.parametrize(("call", "body"), CALLS, ids=str)
def test_a_repeat_is_answered_with_the_report_as_it_is_now(
    api: Api, store_id: str, call: str, body: Any
) -> None:
    path, key = f"/stores/{store_id}{call}", new_key()
    first = api.call("post", path, body, named(key))
    assert (first.status, first.headers["idempotency-key"]) == (200, key)
    assert "idempotent-replayed" not in first.headers
    api.call("post", f"/stores/{store_id}", {"operation": "supply", "item_id": "lamp", "quantity": 1})
    now = report(api.call("get", f"/stores/{store_id}"))
    for _ in range(2):
        again = api.call("post", path, body, named(key))
        assert (again.status, again.headers["idempotency-key"]) == (200, key)
        assert again.headers["idempotent-replayed"] == "true"
        assert report(again) == now == {**report(first), "lamp": 1}


@pytest.mark.parametrize(("call", "body", "items", "status", "kind"), REFUSALS, ids=str)
def test_a_repeat_of_what_was_refused_is_refused_though_it_could_be_served_by_now(
    api: Api, call: str, body: Any, items: dict[str, int] | None, status: int, kind: str
) -> None:
    store_id, key = f"store-{uuid4().hex[:12]}", new_key()
    if items is not None:
        api.stores.insert_one({"_id": store_id, "items": items, "rev": 1})
    path = f"/stores/{store_id}{call}"
    first = api.call("post", path, body, named(key))
    problem = check_problem(first, status, f"/problems/{kind}", path)
    assert (problem["outcome"], first.headers["idempotency-key"]) == ("not applied", key)
    assert "idempotent-replayed" not in first.headers
    if kind == "out-of-stock":
        assert problem["shortages"] == [{"item_id": "chair", "wanted": 4, "available": 3}]
    enough = {"_id": store_id, "items": {"chair": 50}, "rev": 7}
    api.stores.replace_one({"_id": store_id}, enough, upsert=True)
    again = api.call("post", path, body, named(key))
    assert check_problem(again, status, f"/problems/{kind}", path) == problem
    assert (again.headers["idempotency-key"], again.headers["idempotent-replayed"]) == (key, "true")
    assert items_of(api, store_id) == {"chair": 50}
    assert api.call("post", path, body, named(new_key())).status == 200


@pytest.mark.parametrize(
    ("call", "body", "elsewhere"),
    [
        ("", {"operation": "supply", **CHAIR}, True),
        ("", {"operation": "demand", **CHAIR}, False),
        ("", {"operation": "supply", "item_id": "chair", "quantity": 5}, False),
        ("", {"operation": "supply", "item_id": "table", "quantity": 4}, False),
        ("/group_op", {"operation": "supply", "items": [CHAIR]}, False),
        ("/clean", None, False),
    ],
    ids=str,
)
def test_a_key_is_for_one_operation_alone(
    api: Api, store_id: str, call: str, body: Any, elsewhere: bool
) -> None:
    key = new_key()
    api.call("post", f"/stores/{store_id}", {"operation": "supply", **CHAIR}, named(key))
    other = f"other-{uuid4().hex}" if elsewhere else store_id
    path = f"/stores/{other}{call}"
    answer = api.call("post", path, body, named(key))
    problem = check_problem(answer, 422, REUSED, path)
    assert (problem["outcome"], answer.headers["idempotency-key"]) == ("not applied", key)
    assert "idempotent-replayed" not in answer.headers
    assert items_of(api, store_id) == {"chair": 14}
    assert elsewhere is (items_of(api, other) is None)


def test_how_the_same_is_said_does_not_matter(api: Api, store_id: str) -> None:
    path, key = f"/stores/{store_id}/group_op", new_key()
    table = {"item_id": "table", "quantity": 2}
    body = {"operation": "supply", "items": [CHAIR, table]}
    api.call("post", path, body, named(key))
    halves = [table, {"item_id": "chair", "quantity": 1}, {"quantity": 3, "item_id": "chair"}]
    spaced = (
        b' {"items" : [ {"quantity":2, "item_id":"table"},\n{"item_id":"chair","quantity":4}],'
        b'"operation":"supply"}'
    )
    for answer in (
        api.call("post", path, {"operation": "supply", "items": [table, CHAIR]}, named(key)),
        api.call("post", path, {"operation": "supply", "items": halves}, named(key)),
        api.call("post", path, headers=named(key), raw=spaced),
    ):
        assert (answer.status, answer.headers["idempotent-replayed"]) == (200, "true")
        assert report(answer) == {"chair": 14, "table": 2}


def test_who_prefers_another_answer_asks_for_the_same(api: Api, store_id: str) -> None:
    path, key = f"/stores/{store_id}", new_key()
    body = {"operation": "supply", "item_id": "table", "quantity": 2}
    minimal = {"Prefer": "return=minimal"}
    assert report(api.call("post", path, body, named(key, **minimal))) == {"table": 2}
    whole = api.call("post", path, body, named(key))
    assert (whole.headers["idempotent-replayed"], report(whole)) == ("true", {"chair": 10, "table": 2})
    short = api.call("post", path, body, named(key, **minimal))
    assert (short.headers["preference-applied"], report(short)) == ("return=minimal", {"table": 2})


def test_bare_and_in_quotes_it_is_the_same_key(api: Api, store_id: str) -> None:
    path, key = f"/stores/{store_id}", new_key()
    body = {"operation": "supply", **CHAIR}
    first = api.call("post", path, body, named(f'"{key}"'))
    again = api.call("post", path, body, named(key))
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == key
    assert (again.headers["idempotent-replayed"], report(again)) == ("true", {"chair": 14})


@pytest.mark.parametrize("key", ["a", "x" * 255, '"' + "y" * 255 + '"', "!#$%&'()*+,-./:;<=>?@[]^_`{|}~\\"])
def test_every_visible_ascii_character_but_a_quotation_mark_can_be_in_a_key(
    api: Api, store_id: str, key: str
) -> None:
    answer = api.call("post", f"/stores/{store_id}", {"operation": "supply", **CHAIR}, named(key))
    assert (answer.status, answer.headers["idempotency-key"]) == (200, key.strip('"'))


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        "x" * 256,
        '"' + "x" * 256 + '"',
        "a b",
        '"a b"',
        '"a',
        'a"',
        'a"b',
        '"a"b"',
        '"a";q=1',
        '\\"',
    ],
)
@pytest.mark.parametrize(("call", "body"), CALLS, ids=str)
def test_what_is_no_key_is_refused(api: Api, store_id: str, call: str, body: Any, key: str) -> None:
    path = f"/stores/{store_id}{call}"
    problem = check_problem(api.call("post", path, body, named(key)), 400, INVALID, path)
    assert problem["outcome"] == "not applied"
    assert items_of(api, store_id) == {"chair": 10}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"operation":"supply","item_id":"chair","quantity":0}', 422),
        (b'{"operation":"take","item_id":"chair","quantity":1}', 422),
    ],
)
def test_a_body_that_is_wrong_claims_no_key(api: Api, store_id: str, body: bytes, status: int) -> None:
    path, key = f"/stores/{store_id}", new_key()
    assert api.call("post", path, headers=named(key), raw=body).status == status
    first = api.call("post", path, {"operation": "supply", **CHAIR}, named(key))
    assert (first.status, report(first)) == (200, {"chair": 14})
    assert "idempotent-replayed" not in first.headers


def test_a_page_of_another_site_claims_no_key(api: Api, store_id: str) -> None:
    path, key = f"/stores/{store_id}/clean", new_key()
    assert api.call("post", path, headers=named(key, Origin="https://evil.example")).status == 403
    assert api.call("post", path, headers=named(key)).status == 200


@pytest.mark.parametrize(("call", "body"), CALLS, ids=str)
def test_where_keys_are_required_an_operation_without_one_is_refused(
    strict_api: Api, call: str, body: Any
) -> None:
    store_id = f"store-{uuid4().hex[:12]}"
    strict_api.stores.insert_one({"_id": store_id, "items": {"chair": 10}, "rev": 1})
    path = f"/stores/{store_id}{call}"
    missing = strict_api.call("post", path, body)
    problem = check_problem(missing, 400, "/problems/idempotency-key-missing", path)
    assert problem["outcome"] == "not applied"
    assert items_of(strict_api, store_id) == {"chair": 10}
    assert strict_api.call("get", f"/stores/{store_id}").status == 200
    assert strict_api.call("post", path, body, named(new_key())).status == 200
