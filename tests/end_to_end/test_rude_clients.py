"""Clients that vanish, dawdle or talk nonsense cost nobody else anything, and the service goes on."""

import asyncio
import time
from contextlib import AsyncExitStack
from http.client import HTTPConnection

import httpx
import msgspec
import pytest

from tests.end_to_end.conftest import Stores
from tests.end_to_end.raw import raw_connection
from tests.support.listening import read_report
from tests.support.service import Service

MEGABYTE = 1024 * 1024


@pytest.fixture
def service(one_process: Service) -> Service:
    return one_process


def supply_request(store_id: str, length: int | None = None) -> bytes:
    body = msgspec.json.encode({"operation": "supply", "item_id": "chair", "quantity": 1})
    head = (
        f"POST /stores/{store_id} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {length or len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def test_a_half_sent_request_that_is_dropped_changes_nothing(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    whole = supply_request(store_id)
    for sent in (whole[:10], whole[:-30], whole[:-1], supply_request(store_id, length=1000)):
        async with raw_connection(service, sent):
            pass
    assert (await http.get("/health/live")).status_code == 200
    assert (await http.get(f"/stores/{store_id}")).status_code == 404


async def test_a_client_that_does_not_wait_for_its_answer_harms_nobody(
    service: Service, http: httpx.AsyncClient, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    for _ in range(50):
        async with raw_connection(service, supply_request(store_id)):
            pass
    body = {"operation": "supply", "item_id": "table", "quantity": 1}
    answer = await http.post(f"/stores/{store_id}", json=body)
    assert answer.status_code == 200
    items = read_report(answer.content).items
    assert items["table"] == 1
    assert 1 <= items["chair"] <= 51


async def test_many_half_sent_requests_hold_up_nobody(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    async with AsyncExitStack() as opened:
        for _ in range(200):
            await opened.enter_async_context(raw_connection(service, supply_request(store_id)[:-1]))
        began = time.monotonic()
        body = {"operation": "supply", "item_id": "chair", "quantity": 1}
        assert (await http.post(f"/stores/{store_id}", json=body)).status_code == 200
        assert time.monotonic() - began < 1.0


async def test_a_client_that_does_not_read_its_large_answer_holds_up_nobody(
    service: Service, http: httpx.AsyncClient, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {f"item-{n}": n for n in range(20_000)}})
    ask = f"GET /stores/{store_id} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    async with AsyncExitStack() as opened:
        for _ in range(10):
            await opened.enter_async_context(raw_connection(service, ask * 4))
        answer = await http.get(f"/stores/{store_id}")
        assert len(read_report(answer.content).items) == 19_999


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n\r\n",
        b"GET /stores HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET /stores HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /stores/x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET /stores HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_nonsense_is_told_so(service: Service, nonsense: bytes) -> None:
    async with raw_connection(service, nonsense) as (reader, _), asyncio.timeout(5):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"application/problem+json" in answer


async def test_a_client_that_speaks_tls_is_let_go(service: Service) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    async with raw_connection(service, hello) as (reader, writer), asyncio.timeout(5):
        writer.write_eof()
        assert await reader.read() == b""


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_sends_all_before_it_reads_learns_that_its_body_is_too_large(
    service: Service, store_id: str, *, chunked: bool
) -> None:
    body = bytes(20 * MEGABYTE)

    def send() -> tuple[int, str | None, bytes]:
        connection = HTTPConnection("127.0.0.1", service.port, timeout=10.0)
        headers = {"Content-Type": "application/json"}
        whole = iter([body]) if chunked else body
        connection.request("POST", f"/stores/{store_id}", whole, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type"), answer.read()

    status, content_type, problem = await asyncio.to_thread(send)
    assert (status, content_type) == (413, "application/problem+json")
    assert msgspec.json.decode(problem)["status"] == 413


async def test_a_client_that_asks_first_is_spared_sending_a_body_that_is_too_large(
    service: Service, store_id: str
) -> None:
    ask = f"POST /stores/{store_id} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
    ask += f"content-length: {20 * MEGABYTE}\r\n\r\n"
    async with raw_connection(service, ask.encode()) as (reader, _), asyncio.timeout(5):
        answer = await reader.read()
    assert b"HTTP/1.1 413 " in answer


async def test_the_largest_body_that_may_be_sent_is_read(http: httpx.AsyncClient, store_id: str) -> None:
    body = msgspec.json.encode({"operation": "supply", "item_id": "chair", "quantity": 1})
    headers = {"Content-Type": "application/json"}
    for length, status in ((MEGABYTE, 200), (MEGABYTE + 1, 413)):
        answer = await http.post(f"/stores/{store_id}", content=body.ljust(length), headers=headers)
        assert answer.status_code == status
