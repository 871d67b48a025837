"""Who reads slowly gets all of it, whatever it is; only one to whom nothing leaves any more is given up."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pymongo import MongoClient
from sanic import HTTPResponse, Request, Sanic

from store_api.http import progress
from store_api.http.certificates import Certificates
from store_api.http.over_tls import TlsConnection
from store_api.http.progress import Connection
from store_api.pages.static_files import Asset
from store_api.web.error_handler import ProblemHandler
from store_api.web.fast_path import WholeAnswer, WholeRequest
from tests.support.mongod import free_port
from tests.support.service import Service, new_store_id

LARGE = bytes(12 * 1024 * 1024)
"""More than the system takes at once on its way to somebody who does not read."""

HEADS = [
    pytest.param("GET /whole HTTP/1.1\r\nHost: x\r\n\r\n", id="keep-alive"),
    pytest.param("GET /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", id="close"),
    pytest.param("GET /whole HTTP/1.0\r\n\r\n", id="HTTP/1.0"),
    pytest.param("GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", id="a file, close"),
    pytest.param("GET /file HTTP/1.1\r\nHost: x\r\n\r\n", id="a file"),
    pytest.param("POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", id="POST"),
    pytest.param(
        "GET /whole HTTP/1.1\r\nHost: x\r\n\r\nGET /live HTTP/1.1\r\nHost: x\r\n\r\n", id="pipelined"
    ),
]

IMPATIENT = {"KEEP_ALIVE_TIMEOUT": 0.1, "REQUEST_TIMEOUT": 0.1, "GRACEFUL_TCP_CLOSE_TIMEOUT": 0.1}


async def whole(_: Request) -> HTTPResponse:
    return WholeAnswer(LARGE, "application/json")


async def live(_: Request) -> HTTPResponse:
    return WholeAnswer(b"{}", "application/json")


async def long_work(_: Request) -> HTTPResponse:
    await asyncio.sleep(0.5)
    return WholeAnswer(b"{}", "application/json")


@asynccontextmanager
async def served(
    limits: dict[str, float], certificates: Certificates | None = None
) -> AsyncIterator[tuple[int, Any]]:
    """Serve in this process, over TLS if there are certificates, and give the port and the connections."""
    app: Any = Sanic(
        f"slow_answers_{uuid4().hex}",
        configure_logging=False,
        error_handler=ProblemHandler(),
        request_class=WholeRequest,
    )
    app.config.update({"TOUCHUP": False, **limits})
    app.ctx.certificates = certificates
    app.add_route(whole, "/whole", methods=["GET", "POST"])
    app.add_route(live, "/live")
    app.add_route(long_work, "/long", methods=["GET", "POST"])
    app.add_route(Asset(LARGE, "text/javascript").answer, "/file", name="file")
    port, protocol = free_port(), TlsConnection if certificates else Connection
    server = await app.create_server("127.0.0.1", port, protocol=protocol, access_log=False)
    await server.startup()
    try:
        yield port, server.connections
    finally:
        for connection in list(server.connections):
            connection.abort()
        await server.close()


async def say(port: int, said: str) -> socket.socket:
    """Say something over a connection that has little room for what comes back."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    plug.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port))
    await asyncio.get_running_loop().sock_sendall(plug, said.encode())
    return plug


async def read_slowly(plug: socket.socket, pause: float = 0.0) -> bytes:
    """Read until the other side closes, or has sent an answer of a known length."""
    read, loop = bytearray(), asyncio.get_running_loop()
    while part := await loop.sock_recv(plug, 256 * 1024):
        read += part
        head, end, body = read.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.startswith(b"content-length: ")]
        if end and len(body) >= int(lengths[0].partition(b": ")[2]) and b"connection: keep-alive" in head:
            break
        await asyncio.sleep(pause)
    return bytes(read)


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "CHECK_SECONDS", 0.05)


@pytest.mark.parametrize("asked", HEADS)
async def test_however_slowly_it_is_read_an_answer_is_whole(asked: str) -> None:
    async with served(IMPATIENT) as (port, _), asyncio.timeout(30):
        with await say(port, asked) as plug:
            answer = await read_slowly(plug, 0.02)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(answer.partition(b"\r\n\r\n")[2]) >= len(LARGE)


@pytest.mark.parametrize("asked", HEADS)
async def test_one_to_whom_nothing_leaves_any_more_is_given_up(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "STUCK_SECONDS", 0.3)
    async with served(IMPATIENT) as (port, connections), asyncio.timeout(30):
        with await say(port, asked):
            while not connections:  # noqa: ASYNC110
                await asyncio.sleep(0)
            while connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("said", "status", "outcome"),
    [
        ("POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + "x" * 40, 408, "not applied"),
        ("POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", 408, "not applied"),
        ("POST /whole HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx", 408, "not applied"),
        ("POST /whole HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 408, "not applied"),
        ("GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", 408, "not applied"),
        ("POST /whole HTTP/1.1\r\nHost:", 408, "not applied"),
    ],
    ids=["half a body", "no body", "half a chunk", "no chunk", "GET with half a body", "half a head"],
)
async def test_a_request_that_never_comes_whole_is_told_so_and_hung_up_on(
    said: str, status: int, outcome: str
) -> None:
    async with served({"REQUEST_TIMEOUT": 0.1, "RESPONSE_TIMEOUT": 0.1}) as (port, _), asyncio.timeout(10):
        with await say(port, said) as plug:
            head, _, body = (await read_slowly(plug)).partition(b"\r\n\r\n")
    assert b"connection: close" in head
    problem = msgspec.json.decode(body)
    assert (problem["status"], problem["outcome"]) == (status, outcome)


async def test_a_body_that_comes_slowly_is_waited_for_as_long_as_it_comes() -> None:
    async with served({"RESPONSE_TIMEOUT": 1.0}) as (port, _), asyncio.timeout(10):
        with await say(port, "GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n") as plug:
            for _ in range(8):
                await asyncio.sleep(0.2)
                await asyncio.get_running_loop().sock_sendall(plug, b"x")
            assert (await read_slowly(plug)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("method", "is_answered"), [("GET", False), ("POST", True)])
async def test_long_reading_ends_for_one_who_says_no_more_and_an_operation_is_answered(
    method: str, is_answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "GONE_SECONDS", 0.05)
    async with served({}) as (port, _), asyncio.timeout(10):
        with await say(port, f"{method} /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as plug:
            plug.shutdown(socket.SHUT_WR)
            assert (await read_slowly(plug) != b"") == is_answered


async def test_a_service_that_is_told_to_end_lets_a_slow_reader_read_to_the_end(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    items = {f"{number:06}" + "x" * 110: number for number in range(1, 60_001)}
    store_id = new_store_id()
    with Service(tmp_path, settings) as service:
        service.wait_until_ready()
        mongo[service.database]["stores"].insert_one({"_id": store_id, "items": items})
        with await say(service.port, f"GET /stores/{store_id} HTTP/1.1\r\nHost: localhost\r\n\r\n") as plug:
            await asyncio.get_running_loop().sock_recv(plug, 1000)
            service.tell(signal.SIGTERM)
            size = 1000
            while part := await asyncio.get_running_loop().sock_recv(plug, 64 * 1024):
                size += len(part)
                await asyncio.sleep(0.02)
        assert service.wait() == 0
    mongo.drop_database(service.database)
    assert size > 60_000 * 116
