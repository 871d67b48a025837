"""RATE_WRITES and RATE_READS: who asks too often is told so, and everybody else is served."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from store_api.entrance import Entrance
from store_api.settings import Settings
from store_api.storage.clients import connect
from tests.integration.in_process_api import JSON, Api, check_problem, served_in_process
from tests.support.tokens import bearer, let_in, tokens_in

SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 1}
QUOTAS = {"RATE_WRITES": "3/9999 hours", "RATE_READS": "2/9999 hours"}
"""In windows that do not end while a test runs."""

WINDOW = 9999 * 3600


@pytest.fixture(scope="module")
def api(mongo_url: str) -> Iterator[Api]:
    with served_in_process(mongo_url, {"AUTH": "tokens", **QUOTAS}) as served:
        yield served


def caller(api: Api, *scopes: str) -> dict[str, str]:
    return bearer(let_in(tokens_in(api.stores.database), scopes or ["admin"]))


def supply(api: Api, store_id: str, headers: dict[str, str]) -> Any:
    return api.call("post", f"/stores/{store_id}", SUPPLY, {**JSON, **headers})


def test_one_write_too_many_is_a_429_and_not_applied(api: Api) -> None:
    store_id, headers = uuid4().hex, caller(api)
    assert [supply(api, store_id, headers).status for _ in range(3)] == [200] * 3
    answer = supply(api, store_id, headers)
    problem = check_problem(answer, 429, "/problems/quota-exceeded", f"/stores/{store_id}")
    assert problem["outcome"] == "not applied"
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= WINDOW + 1
    assert answer.headers["ratelimit-policy"] == f'"writes";q=3;w={WINDOW}'
    assert answer.headers["ratelimit"] == f'"writes";r=0;t={wait}'
    assert api.stores.find_one({"_id": store_id})["items"] == {"chair": 3}
    assert api.call("get", f"/stores/{store_id}", headers=headers).status == 200
    assert supply(api, store_id, caller(api)).status == 200


@pytest.mark.parametrize("path", ["/stores", "/stores/x/xlsx_report", "/ws/stores", "/metrics"])
def test_all_that_is_no_operation_is_a_read(api: Api, path: str) -> None:
    headers = caller(api)
    for _ in range(2):
        assert api.call("get", path, headers=headers).status != 429
    answer = api.call("get", path, headers=headers)
    check_problem(answer, 429, "/problems/quota-exceeded", path)
    assert answer.headers["ratelimit-policy"].startswith('"reads";q=2;')
    assert supply(api, uuid4().hex, headers).status == 200


def test_what_is_refused_for_another_reason_counts_as_well(api: Api) -> None:
    headers = caller(api, "read")
    statuses = [supply(api, "x", headers).status for _ in range(4)]
    assert statuses == [403, 403, 403, 429]


def test_who_is_nobody_uses_up_nobodys_quota_and_what_is_open_has_none(api: Api) -> None:
    assert {supply(api, "x", bearer("sapi_wrong")).status for _ in range(5)} == {401}
    assert {api.call("get", path).status for path in ["/health/live", "/"] * 5} == {200}
    assert supply(api, uuid4().hex, caller(api)).status == 200


def test_where_nobody_is_asked_an_address_has_a_quota_whatever_its_headers_say(mongo_url: str) -> None:
    with served_in_process(mongo_url, {"AUTH": "off", **QUOTAS}) as api:
        lies = [{name: f"192.0.2.{number}"} for number, name in enumerate(FORWARDED)]
        statuses = [api.call("get", "/stores", headers=headers).status for headers in lies]
        assert statuses == [200, 200, *[429] * (len(lies) - 2)]


FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")


def test_where_there_are_no_quotas_nothing_counts(mongo_url: str) -> None:
    entrance = Entrance(Settings.read({"MONGO_URL": mongo_url}), connect(mongo_url))
    assert entrance.gate.limits is None
    for variable in QUOTAS:
        settings = Settings.read({"MONGO_URL": mongo_url, variable: QUOTAS[variable]})
        assert Entrance(settings, connect(mongo_url)).gate.limits is not None
