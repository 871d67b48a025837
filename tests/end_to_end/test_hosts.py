"""For which hosts a request may be, and of which pages: whatever its headers say, and in whatever form."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pymongo import MongoClient

from tests.end_to_end.conftest import Stores
from tests.end_to_end.raw import raw_connection
from tests.support.service import Service
from tests.support.unwatched import WATCHED

ALLOWED = "https://shop.example"


@pytest.fixture(scope="module")
def on_loopback(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve on loopback, told nothing of hosts, and of one page that may write."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "ALLOWED_ORIGINS": ALLOWED}
    with Service(tmp_path_factory.mktemp("hosts"), {**settings, **WATCHED}) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


@pytest.fixture
def service(on_loopback: Service) -> Service:
    return on_loopback


@pytest.fixture
def store(stores: Stores, store_id: str) -> str:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    return store_id


async def statuses(service: Service, head: str, body: bytes = b"") -> list[int]:
    """Say this and that no more follows, and give the statuses of what comes."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    said = f"{head}{length}Connection: close\r\n\r\n".encode() + body
    async with raw_connection(service, said) as (reader, _), asyncio.timeout(10):
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", await reader.read())]


GUARDED = ("/stores", "/stores/x", "/stores/x/xlsx_report", "/ws/stores", "/ws/stores/x", "/metrics")
PAGES = ("/", "/docs", "/dashboard/main.js", "/openapi.json", "/asyncapi.yaml")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST.", "localhost.:1", "127.0.0.1:80"]
)
async def test_for_this_machine_it_answers(service: Service, host: str) -> None:
    for path in ("/stores", "/metrics", *PAGES):
        assert await statuses(service, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n") == [200]


REBOUND = (
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.2",
    "[::2]",
    "0.0.0.0",  # noqa: S104  (nobody listens there)
    "127.1",
    "2130706433",
    "",
)
"""Names and addresses that lead here all the same, once somebody has them do so."""


@pytest.mark.parametrize("host", REBOUND)
async def test_under_a_name_of_somebody_else_s_it_answers_no_more_than_its_health(
    service: Service, host: str
) -> None:
    for path in (*GUARDED, *PAGES):
        assert await statuses(service, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n") == [421], path
    for path in ("/health/live", "/health/ready"):
        assert await statuses(service, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n") == [200]


async def test_a_421_says_what_it_is(service: Service) -> None:
    said = b"GET /stores HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    async with raw_connection(service, said) as (reader, _), asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")
    problem = msgspec.json.decode(body)
    assert (problem["type"], problem["outcome"]) == ("/problems/unknown-host", "not applied")
    assert b"evil" not in body


LIES = (
    "X-Forwarded-Host: localhost",
    "X-Forwarded-For: 127.0.0.1",
    "Forwarded: host=localhost;for=127.0.0.1;proto=https",
    "X-Original-Host: localhost",
    "X-Host: localhost",
    "X-Original-URL: /health/live",
    "X-Rewrite-URL: /health/live",
    "X-HTTP-Method-Override: GET",
)


async def test_what_a_proxy_would_say_changes_nothing(service: Service, store: str) -> None:
    lies = "".join(f"{line}\r\n" for line in LIES)
    assert await statuses(service, f"GET /stores HTTP/1.1\r\nHost: evil.example\r\n{lies}") == [421]
    turned = lies.replace("localhost", "evil.example")
    assert await statuses(service, f"GET /stores/{store} HTTP/1.1\r\nHost: localhost\r\n{turned}") == [200]
    page = f"POST /stores/{store}/clean HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
    assert await statuses(service, f"{page}{turned}") == [403]


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        # What the target names counts, and not what the header does (RFC 9112, 3.2.2).
        ("http://evil.example/stores", "Host: localhost\r\n", 421),
        ("http://evil.example/", "Host: localhost\r\n", 421),
        ("http://localhost/stores", "Host: evil.example\r\n", 200),
        ("https://[::1]:8000/stores", "Host: evil.example\r\n", 200),
        ("http://localhost@evil.example/stores", "Host: localhost\r\n", 400),
        ("//evil.example/stores", "Host: localhost\r\n", 404),
        ("/stores", "Host: localhost\r\nHost: evil.example\r\n", 400),
        ("/stores", "Host: localhost\r\nHost: localhost\r\n", 400),
        ("/stores", "Host: localhost, evil.example\r\n", 400),
        ("/stores", "Host: localhost:80:80\r\n", 400),
        ("/stores", "Host: [::1\r\n", 400),
        ("/stores", "Host : localhost\r\n", 400),
        ("/stores", "", 400),
    ],
)
async def test_in_whatever_form_a_request_names_its_host(
    service: Service, target: str, host: str, status: int
) -> None:
    assert await statuses(service, f"GET {target} HTTP/1.1\r\n{host}") == [status]


async def test_an_old_client_that_names_no_host_is_none_of_a_browser_and_is_refused(service: Service) -> None:
    assert await statuses(service, "GET /stores HTTP/1.0\r\n") == [421]
    assert await statuses(service, "GET /health/live HTTP/1.0\r\n") == [200]


BODIES = {
    "": b'{"operation": "supply", "item_id": "chair", "quantity": 1}',
    "/group_op": b'{"operation": "supply", "items": [{"item_id": "chair", "quantity": 1}]}',
    "/clean": b"",
}
FOREIGN = (
    "Origin: https://evil.example",
    "Origin: null",
    "Origin: https://localhost.evil.example",
    "Origin: http://localhost:1",
    "Origin: https://shop.example.evil.example",
    "Origin: http://shop.example",
    "Origin: https://shop.example:8443",
    "Origin:",
    "Sec-Fetch-Site: cross-site",
    "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin",
)


@pytest.mark.parametrize("said", FOREIGN)
async def test_a_foreign_page_writes_nothing_and_opens_no_socket(
    service: Service, stores: Stores, store: str, said: str
) -> None:
    before = stores.find_one({"_id": store})
    for path, body in BODIES.items():
        head = f"POST /stores/{store}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        assert await statuses(service, f"{head}{said}\r\n", body) == [403]
    assert stores.find_one({"_id": store}) == before
    for path in ("/ws/stores", f"/ws/stores/{store}"):
        assert await statuses(service, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{said}\r\n") == [403]
    # What it reads, a browser does not show it: nothing allows that.
    assert await statuses(service, f"GET /stores HTTP/1.1\r\nHost: localhost\r\n{said}\r\n") == [200]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Origin: http://localhost\r\n",
        "Origin: https://localhost\r\nSec-Fetch-Site: same-origin\r\n",
        f"Origin: {ALLOWED}\r\nSec-Fetch-Site: cross-site\r\n",
        "Origin: https://SHOP.example\r\n",
        "Sec-Fetch-Site: none\r\n",
    ],
)
async def test_its_own_page_an_allowed_one_and_programs_write(
    service: Service, store: str, said: str
) -> None:
    for path, body in BODIES.items():
        head = f"POST /stores/{store}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        assert await statuses(service, f"{head}{said}", body) == [200]
    # The handshake is none, but it is that which is said then.
    assert await statuses(service, f"GET /ws/stores HTTP/1.1\r\nHost: localhost\r\n{said}") == [426]


async def test_no_page_of_another_origin_is_allowed_to_read(service: Service, store: str) -> None:
    for method in ("GET", "OPTIONS"):
        said = (
            f"{method} /stores/{store} HTTP/1.1\r\nHost: localhost\r\nOrigin: {ALLOWED}\r\n"
            "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        )
        async with raw_connection(service, said.encode()) as (reader, _), asyncio.timeout(10):
            assert b"access-control-" not in (await reader.read()).lower()
