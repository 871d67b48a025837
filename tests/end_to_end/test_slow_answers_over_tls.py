"""Over TLS, too, who reads slowly gets all of it, and one to whom nothing leaves any more is given up."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from store_api.http import over_tls, progress
from store_api.http.certificates import Certificates
from tests.end_to_end.test_slow_answers import IMPATIENT, LARGE, served
from tests.support.certificates import certified

ASKED = [
    pytest.param(b"GET /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", id="close"),
    pytest.param(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n", id="keep-alive"),
    pytest.param(b"GET /file HTTP/1.0\r\n\r\n", id="a file"),
]


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run on either kind of event loop, whose TLS is each its own."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return certified(tmp_path)


@pytest.fixture
def certificates(settings: dict[str, str]) -> Certificates:
    return Certificates(Path(settings["TLS_CERT"]), Path(settings["TLS_KEY"]))


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "CHECK_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def nothing_to_say(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


@asynccontextmanager
async def said(
    port: int, asked: bytes, settings: dict[str, str]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Say something over TLS, on a connection that has little room for what comes back."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    plug.connect(("127.0.0.1", port))
    plug.setblocking(False)
    trust = ssl.create_default_context(cafile=settings["TLS_CERT"])
    reader, writer = await asyncio.open_connection(
        sock=plug, ssl=trust, server_hostname="localhost", limit=65536
    )
    try:
        writer.write(asked)
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("asked", ASKED)
def test_however_slowly_it_is_read_an_answer_is_whole(
    run: Run, settings: dict[str, str], certificates: Certificates, asked: bytes
) -> None:
    async def scene() -> None:
        async with (
            served(IMPATIENT, certificates) as (port, _),
            asyncio.timeout(30),
            said(port, asked, settings) as (reader, _),
        ):
            head = await reader.readuntil(b"\r\n\r\n")
            size = 0
            while size < len(LARGE):
                size += len(await reader.readexactly(1024 * 1024))
                await asyncio.sleep(0.03)
            if b"connection: close" in head:
                assert await reader.read() == b""
        assert (head.startswith(b"HTTP/1.1 200 OK\r\n"), size) == (True, len(LARGE))

    run(scene())


@pytest.mark.parametrize("asked", ASKED)
def test_one_to_whom_nothing_leaves_any_more_is_given_up(
    run: Run,
    settings: dict[str, str],
    certificates: Certificates,
    asked: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        monkeypatch.setattr(progress, "STUCK_SECONDS", 0.3)
        async with (
            served(IMPATIENT, certificates) as (port, connections),
            asyncio.timeout(30),
            said(port, asked, settings) as (reader, _),
        ):
            # What waits is mostly in the plain transport; without it, nothing would.
            await reader.readuntil(b"\r\n\r\n")
            (connection,) = connections
            assert connection.unsent > len(LARGE) // 4
            while connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    run(scene())


def test_what_waits_beneath_is_counted(
    run: Run, settings: dict[str, str], certificates: Certificates
) -> None:
    async def scene() -> None:
        async with (
            served({}, certificates) as (port, connections),
            asyncio.timeout(30),
            said(port, b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n", settings) as (reader, _),
        ):
            await reader.readuntil(b"\r\n\r\n")
            (connection,) = connections
            assert connection.transport.get_write_buffer_size() < len(LARGE) // 4 < connection.unsent

    run(scene())


@pytest.mark.parametrize(
    "nonsense", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00" + bytes(64), b"", b"\0"]
)
def test_who_speaks_no_tls_is_hung_up_on(run: Run, certificates: Certificates, nonsense: bytes) -> None:
    async def scene() -> None:
        async with served({}, certificates) as (port, connections), asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense)
            writer.write_eof()
            answer = await reader.read()
            assert not answer.startswith(b"HTTP/")
            assert not connections
            writer.close()

    run(scene())


def test_who_says_nothing_is_hung_up_on_in_time(
    run: Run, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        monkeypatch.setattr(over_tls, "HANDSHAKE_SECONDS", 0.2)
        async with served({}, certificates) as (port, connections), asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            assert not connections
            writer.close()

    run(scene())


def test_who_speaks_an_old_tls_is_hung_up_on(
    run: Run, certificates: Certificates, settings: dict[str, str]
) -> None:
    async def scene() -> None:
        old = ssl.create_default_context(cafile=settings["TLS_CERT"])
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        async with served({}, certificates) as (port, _):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection("127.0.0.1", port, ssl=old)

    run(scene())
