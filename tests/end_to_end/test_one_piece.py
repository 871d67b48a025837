"""Answers go out in one block and bodies come in in one piece, whatever a client does to its connection."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from tests.end_to_end.conftest import Stores
from tests.end_to_end.raw import raw_connection
from tests.support.service import Service

SECONDS = 10.0


@pytest.fixture
def service(one_process: Service) -> Service:
    return one_process


class Client:
    """Says bytes, and reads what comes back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, said: bytes) -> None:
        self._writer.write(said)
        await self._writer.drain()

    async def head(self) -> tuple[bytes, dict[bytes, bytes]]:
        """Read a status line and the headers after it."""
        async with asyncio.timeout(SECONDS):
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        assert len(headers) == len(lines)
        return first, headers

    async def body(self, size: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self._reader.readexactly(size)

    async def rest(self) -> bytes:
        """Read until the service hangs up."""
        async with asyncio.timeout(SECONDS):
            return await self._reader.read()


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[Client]:
    async with raw_connection(service) as (reader, writer):
        yield Client(reader, writer)


BODY = msgspec.json.encode({"operation": "supply", "item_id": "chair", "quantity": 1})


def head_of(store_id: str, *lines: str, version: str = "1.1") -> bytes:
    head = [f"POST /stores/{store_id} HTTP/{version}", "host: x", "content-type: application/json", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def sized(store_id: str, *lines: str, version: str = "1.1") -> bytes:
    return head_of(store_id, f"content-length: {len(BODY)}", *lines, version=version)


def report_of(store_id: str, chairs: int) -> bytes:
    lines = [{"item_id": "chair", "quantity": chairs}]
    return msgspec.json.encode({"store": {"store_id": store_id, "report": lines}})


async def expect_report(client: Client, store_id: str, chairs: int, connection: bytes) -> None:
    status, headers = await client.head()
    body = report_of(store_id, chairs)
    assert status == b"HTTP/1.1 200 OK"
    assert abs(parsedate_to_datetime(headers.pop(b"date").decode()).timestamp() - time.time()) < 60
    assert headers == {
        b"cache-control": b"no-store",
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
        b"connection": connection,
    }
    assert await client.body(len(body)) == body


async def test_requests_on_one_connection_are_answered_one_after_the_other(
    service: Service, store_id: str
) -> None:
    async with connected(service) as client:
        for chairs in (1, 2):
            await client.say(sized(store_id) + BODY)
            await expect_report(client, store_id, chairs, b"keep-alive")
        # Three at once, without waiting: each body ends where its head says.
        await client.say((sized(store_id) + BODY) * 3)
        for chairs in (3, 4, 5):
            await expect_report(client, store_id, chairs, b"keep-alive")


@pytest.mark.parametrize("cut", [1, 20, len(BODY) - 1])
async def test_a_body_may_come_after_its_head_and_in_parts(service: Service, store_id: str, cut: int) -> None:
    async with connected(service) as client:
        for part in (sized(store_id), BODY[:cut], BODY[cut:] + sized(store_id) + BODY[:cut], BODY[cut:]):
            await client.say(part)
            await asyncio.sleep(0.02)
        await expect_report(client, store_id, 1, b"keep-alive")
        await expect_report(client, store_id, 2, b"keep-alive")


async def test_a_body_may_come_in_chunks(service: Service, store_id: str) -> None:
    chunked = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (5, BODY[:5], len(BODY) - 5, BODY[5:])
    async with connected(service) as client:
        await client.say(head_of(store_id, "transfer-encoding: chunked") + chunked + sized(store_id) + BODY)
        await expect_report(client, store_id, 1, b"keep-alive")
        await expect_report(client, store_id, 2, b"keep-alive")


@pytest.mark.parametrize("early", [True, False], ids=["body at once", "body after the go-ahead"])
async def test_who_asks_before_sending_a_body_is_told_to_go_on(
    service: Service, store_id: str, early: bool
) -> None:
    async with connected(service) as client:
        head = sized(store_id, "expect: 100-continue")
        await client.say(head + BODY if early else head)
        assert await client.head() == (b"HTTP/1.1 100 Continue", {})
        if not early:
            await client.say(BODY)
        await expect_report(client, store_id, 1, b"keep-alive")


@pytest.mark.parametrize(
    "request_head",
    [
        lambda store_id: sized(store_id, "connection: close"),
        lambda store_id: sized(store_id, version="1.0"),
    ],
    ids=["connection: close", "HTTP/1.0"],
)
async def test_who_wants_one_answer_is_hung_up_on_after_it(
    service: Service, store_id: str, request_head: Callable[[str], bytes]
) -> None:
    async with connected(service) as client:
        await client.say(request_head(store_id) + BODY)
        await expect_report(client, store_id, 1, b"close")
        assert await client.rest() == b""


async def test_head_is_the_same_head_and_nothing_more(
    service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 7}})
    asked = f"/stores/{store_id} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    async with connected(service) as client:
        await client.say(b"HEAD " + asked + b"GET " + asked)
        status, headers = await client.head()
        assert (status, headers[b"content-length"]) == (
            b"HTTP/1.1 200 OK",
            str(len(report_of(store_id, 7))).encode(),
        )
        await expect_report(client, store_id, 7, b"keep-alive")


async def test_a_minimal_answer_says_so(service: Service, store_id: str) -> None:
    async with connected(service) as client:
        await client.say(sized(store_id, "prefer: return=minimal") + BODY)
        _, headers = await client.head()
        assert headers[b"preference-applied"] == b"return=minimal"


@pytest.mark.parametrize("times", [1, 3])
async def test_who_says_that_nothing_more_will_come_is_answered_and_then_hung_up_on(
    service: Service, store_id: str, times: int
) -> None:
    async with raw_connection(service, (sized(store_id) + BODY) * times) as (reader, writer):
        writer.write_eof()
        client = Client(reader, writer)
        for chairs in range(1, times + 1):
            await expect_report(client, store_id, chairs, b"keep-alive")
        assert await client.rest() == b""
