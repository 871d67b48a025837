"""The head of every answer: when it was made, and what a cache may do with it."""

import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.end_to_end.conftest import Stores
from tests.support.service import Service

SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 1}
DEMAND = {"operation": "demand", "item_id": "chair", "quantity": 99}

NEVER_KEPT = [
    ("GET", "/stores", 200, None),
    ("GET", "/stores?limit=no", 422, None),
    ("GET", "/stores/{}", 200, None),
    ("HEAD", "/stores/{}", 200, None),
    ("GET", "/stores/nobody", 404, None),
    ("GET", "/stores/{}/xlsx_report", 200, None),
    ("HEAD", "/stores/{}/xlsx_report", 200, None),
    ("GET", "/stores/nobody/xlsx_report", 404, None),
    ("POST", "/stores/{}", 200, SUPPLY),
    ("POST", "/stores/{}", 409, DEMAND),
    ("POST", "/stores/{}", 422, {}),
    ("POST", "/stores/{}", 415, None),
    ("POST", "/stores/{}/clean", 200, None),
    ("GET", "/stores/{}/clean", 405, None),
    ("DELETE", "/stores/{}", 405, None),
    ("GET", "/nothing", 404, None),
    ("GET", "/ws/stores", 426, None),
    ("GET", "/health/live", 200, None),
    ("GET", "/health/ready", 200, None),
    ("GET", "/metrics", 200, None),
]

ASKED_AGAIN = ["/", "/docs", "/openapi.json", "/asyncapi.yaml", "/dashboard/main.js", "/docs/swagger-ui.css"]


@pytest.fixture
def service(one_process: Service) -> Service:
    return one_process


def check_head(answer: httpx.Response, cached: str) -> None:
    made_at = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert abs(made_at - time.time()) < 60
    assert answer.headers["cache-control"] == cached
    names = [name for name, _ in answer.headers.raw if name != b"connection"]
    assert sorted(set(names)) == sorted(names)
    assert "" not in answer.headers.values()


@pytest.mark.parametrize(("method", "path", "status", "body"), NEVER_KEPT)
async def test_what_the_stock_or_the_service_is_right_now_is_kept_by_no_cache(
    http: httpx.AsyncClient,
    stores: Stores,
    store_id: str,
    method: str,
    path: str,
    status: int,
    body: dict[str, str] | None,
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 3}})
    answer = await http.request(method, path.format(store_id), json=body)
    assert answer.status_code == status
    check_head(answer, "no-store")


@pytest.mark.parametrize("path", ASKED_AGAIN)
async def test_files_are_asked_for_again_each_time_and_not_sent_again(
    http: httpx.AsyncClient, path: str
) -> None:
    answer = await http.get(path)
    assert answer.status_code == 200
    check_head(answer, "no-cache")
    again = await http.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    check_head(again, "no-cache")
