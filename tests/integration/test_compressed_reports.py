"""Large reports are compressed for those who can read that, and for nobody else; nothing else is."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from store_api.web.fast_path import WORTH_SQUEEZING
from tests.integration.in_process_api import JSON, Api, report, served_in_process

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
ITEMS = {f"item-{number:05}": number for number in range(1, 3_000)}


@pytest.fixture(scope="module")
def api(mongo_url: str) -> Iterator[Api]:
    """The service with a ledger, since its pages are as large as reports."""
    with served_in_process(mongo_url, {"LEDGER": "on"}) as api:
        yield api


@pytest.fixture
def path(api: Api) -> str:
    """The address of a large store that is this test's alone."""
    store_id = f"store-{uuid4().hex[:12]}"
    api.stores.insert_one({"_id": store_id, "items": ITEMS})
    return f"/stores/{store_id}"


def test_a_large_report_is_compressed_for_who_can_read_that(api: Api, path: str) -> None:
    plain = api.call("get", path, headers=PLAIN)
    squeezed = api.call("get", path, headers=GZIP)
    assert report(squeezed) == report(plain) == ITEMS
    assert squeezed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    for answer in (plain, squeezed):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
    assert int(squeezed.headers["content-length"]) < int(plain.headers["content-length"]) / 3


@pytest.mark.parametrize("taken", ["gzip;q=0", "identity", "br", "*;q=0", ""])
def test_who_cannot_read_it_gets_it_as_it_is(api: Api, path: str, taken: str) -> None:
    answer = api.call("get", path, headers={"Accept-Encoding": taken})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert report(answer) == ITEMS


def test_its_head_says_what_the_whole_answer_would(api: Api, path: str) -> None:
    for headers in (GZIP, PLAIN):
        whole, head = (api.call(method, path, headers=headers).headers for method in ("get", "head"))
        for name in ("content-length", "content-encoding", "vary", "content-type"):
            assert head.get(name) == whole.get(name), name


def test_pages_of_stores_and_movements_are_compressed_too(api: Api, path: str) -> None:
    store = path.rpartition("/")[2]
    api.stores.insert_many({"_id": f"{store}-{number:04}", "items": {"chair": 1}} for number in range(1_000))
    movements = f"{path}/movements?limit=1000"
    api.until(lambda: len(api.call("get", movements).json["movements"]) == 1_000, "the ledger is there")
    moment = api.call("get", movements).json["movements"][0]["at"]
    api.until(lambda: api.call("get", f"{path}?at={moment}").status == 200, "the past is there")
    for address in (f"/stores?after={store}", movements, "/movements?limit=1000", f"{path}?at={moment}"):
        squeezed, plain = (api.call("get", address, headers=headers) for headers in (GZIP, PLAIN))
        assert squeezed.headers["content-encoding"] == "gzip", address
        assert "content-encoding" not in plain.headers
        assert plain.headers["vary"] == squeezed.headers["vary"] == "Accept-Encoding"


def test_small_reports_and_answers_to_operations_are_as_they_were(api: Api, path: str) -> None:
    supply = {"operation": "supply", "item_id": "chair", "quantity": 1}
    answers = [
        api.call("post", path, supply, {**JSON, **GZIP}),
        api.call("post", f"{path}-new", supply, {**JSON, **GZIP}),
        api.call("get", f"{path}-new", headers=GZIP),
        api.call("get", f"{path}-none", headers=GZIP),
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 404]
    assert len(answers[0].body) > WORTH_SQUEEZING
    for answer in answers:
        assert not {"vary", "content-encoding"} & set(answer.headers)
