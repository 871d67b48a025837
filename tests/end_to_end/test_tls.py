"""TLS_CERT and TLS_KEY: the service itself speaks HTTPS, and takes a new certificate up while it runs."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from pymongo import MongoClient

from tests.end_to_end.conftest import Stores
from tests.end_to_end.raw import raw_connection
from tests.support.certificates import certified
from tests.support.listening import Report, large_store, listening, read_report
from tests.support.mongod import free_port, wait_until
from tests.support.service import Service, new_store_id, run_python
from tests.support.unwatched import WATCHED

NOBODY = "mongodb://127.0.0.1:1/?replicaSet=rs0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def over_tls(mongo_url: str, mongo: MongoClient[dict[str, Any]], folder: Path) -> Iterator[Service]:
    """Serve over TLS in two processes."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "WORKERS": "2", **WATCHED}
    with Service(folder, {**settings, **certified(folder)}) as service:
        service.wait_until_ready()
        yield service
        assert service.stop() == 0
    mongo.drop_database(service.database)
    # Whatever was tried, none of it is worth a complaint but what a test asks for.
    complaints = {line["action"] for line in service.log() if line["level"] != "info"}
    assert complaints <= {"certificate_refused", "refused_callers"}


@pytest.fixture
def service(over_tls: Service) -> Service:
    return over_tls


def shown_by(service: Service) -> str:
    """Tell whose certificate a new connection is shown."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=5) as plain,
        anybody.wrap_socket(plain) as plug,
    ):
        certificate = plug.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string().removeprefix("CN=")


async def test_everything_is_served_over_tls(
    service: Service, http: httpx.AsyncClient, stores: Stores, store_id: str
) -> None:
    async with listening(service, store_id) as one, listening(service, None) as every:
        body = {"operation": "supply", "item_id": "chair", "quantity": 2}
        answer = await http.post(f"/stores/{store_id}", json=body)
        assert read_report(answer.content) == await one.report() == Report(store_id, {"chair": 2})
        await every.until(Report(store_id, {"chair": 2}))
    assert (await http.get(f"/stores/{store_id}/xlsx_report")).status_code == 200
    assert (await http.get("/")).status_code == 200
    for origin, status in ((service.url, 200), ("https://evil.example", 403)):
        answer = await http.post(f"/stores/{store_id}/clean", headers={"Origin": origin})
        assert answer.status_code == status


def test_the_banner_says_so(service: Service) -> None:
    for address in (f"https://127.0.0.1:{service.port}/stores", f"wss://127.0.0.1:{service.port}/ws/stores"):
        assert address in service.output
    assert "http://" not in service.output
    assert "ws://" not in service.output


def test_the_health_check_asks_over_tls(service: Service, tmp_path: Path) -> None:
    for question in ("live", "ready"):
        asked = run_python(tmp_path, service.settings, "-m", "store_api.healthcheck", question)
        assert (asked.returncode, asked.stderr) == (0, "")
        assert asked.stdout == f"127.0.0.1:{service.port} answers 200\n"
    plain = {name: value for name, value in service.settings.items() if not name.startswith("TLS_")}
    asked = run_python(tmp_path, plain, "-m", "store_api.healthcheck", "live")
    assert (asked.returncode, asked.stderr) == (1, "")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET /health/live HTTP/1.0\r\n\r\n", False),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 3, True),
        (b"nonsense\r\n\r\n", False),
    ],
    ids=["close", "HTTP/1.0", "kept", "nonsense"],
)
async def test_a_connection_is_kept_or_closed_as_without_tls(
    service: Service, said: bytes, kept: bool
) -> None:
    async with raw_connection(service, said) as (reader, writer), asyncio.timeout(15):
        if kept:
            for _ in range(said.count(b"GET")):
                assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
                await reader.readuntil(b"}")
            writer.write(said)
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        else:
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 ")
            assert await reader.read() == b""


def test_who_sends_all_before_it_reads_learns_that_its_body_is_too_large(
    service: Service, store_id: str
) -> None:
    connection = HTTPSConnection("127.0.0.1", service.port, timeout=10.0, context=service.tls)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/stores/{store_id}", bytes(20 * 1024 * 1024), headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (413, "application/problem+json")
    connection.close()


async def test_who_ends_its_sending_before_it_is_answered_is_taken_to_have_gone(
    service: Service, http: httpx.AsyncClient, store_id: str
) -> None:
    body = b'{"operation": "supply", "item_id": "chair", "quantity": 1}'
    head = f"POST /stores/{store_id} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    said = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    async with raw_connection(service, said) as (reader, writer), asyncio.timeout(5):
        writer.close()  # which says so by TLS; without TLS it would be answered
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read()
    assert (await http.get("/health/live")).status_code == 200


async def test_plain_http_fails_without_a_word_in_the_log(service: Service, http: httpx.AsyncClient) -> None:
    for said in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 100, b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(said)
        writer.write_eof()
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                assert not (await reader.read()).startswith(b"HTTP/")
        writer.close()
    assert (await http.get("/health/live")).status_code == 200


async def test_many_who_do_not_shake_hands_hold_up_nobody(service: Service, http: httpx.AsyncClient) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(200)]
    async with service.client() as another, asyncio.timeout(10):
        assert (await another.get("/health/live")).status_code == 200
    for _, writer in opened:
        writer.close()


async def test_a_slow_reader_of_a_socket_ends_on_the_newest_report(
    service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": large_store()})
    async with listening(service, store_id) as behind:
        # Whoever reads nothing is not written to past 64 KiB: the frames between are left out.
        behind.connection.transport.pause_reading()
        async with listening(service, store_id) as reading:
            for count in range(1, 151):
                stores.update_one({"_id": store_id}, {"$inc": {"items.count": 1}})
                while (await reading.items())["count"] < count:
                    pass
        behind.connection.transport.resume_reading()
        counts = [(await behind.items())["count"]]
        while counts[-1] < 150:
            counts.append((await behind.items())["count"])
    assert counts == sorted(set(counts))
    assert len(counts) < 150


async def test_told_to_end_it_lets_its_listeners_go_and_a_slow_reader_read_to_the_end(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", **certified(tmp_path)}
    items = {f"{number:06}" + "x" * 110: number for number in range(1, 60_001)}
    store_id = new_store_id()
    ask = f"GET /stores/{store_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with Service(tmp_path, settings) as service:
        service.wait_until_ready()
        mongo[service.database]["stores"].insert_one({"_id": store_id, "items": items})
        async with (
            service.client() as idle,
            listening(service, None) as socket,
            raw_connection(service, ask) as (reader, _),
        ):
            await idle.get("/health/live")
            # And somebody who never shakes hands.
            _, silent = await asyncio.open_connection("127.0.0.1", service.port)
            size = len(await reader.readexactly(1000))
            service.tell(signal.SIGTERM)
            assert await socket.closed() == 1001
            while part := await reader.read(256 * 1024):
                size += len(part)
                await asyncio.sleep(0.02)
        assert service.wait() == 0
        silent.close()
    mongo.drop_database(service.database)
    assert size > 60_000 * 116
    assert {line["level"] for line in service.log()} == {"info"}


# A new certificate


async def test_a_new_certificate_is_shown_and_open_connections_stay(
    service: Service, folder: Path, store_id: str
) -> None:
    kept = HTTPSConnection("127.0.0.1", service.port, timeout=10, context=service.tls)
    kept.request("GET", "/health/live")
    kept.getresponse().read()
    async with listening(service, store_id) as socket, service.client() as before:
        with renewed(service, "the-second"):
            certified(folder, "the-second")
        body = {"operation": "supply", "item_id": "chair", "quantity": 1}
        async with service.client() as http:
            assert (await http.post(f"/stores/{store_id}", json=body)).status_code == 200
        assert await socket.report() == Report(store_id, {"chair": 1})
        # Whoever trusts the old one alone is told apart.
        with pytest.raises(httpx.ConnectError):
            await before.get("/health/live")
    kept.request("GET", "/health/live")
    assert kept.getresponse().status == 200
    kept.close()


def test_of_a_broken_one_the_old_goes_on_and_one_line_a_process_says_so(
    service: Service, folder: Path
) -> None:
    before, refused = shown_by(service), len(service.log("certificate_refused"))
    (folder / "tls.key").write_text("nonsense")
    wait_until(lambda: len(service.log("certificate_refused")) == refused + 2, "both have said so")
    assert shown_by(service) == before
    with renewed(service, "mended"):
        certified(folder, "mended")
    assert len(service.log("certificate_refused")) == refused + 2
    assert "TLS_KEY" in service.log("certificate_refused")[-1]["reason"]


def test_a_link_that_leads_elsewhere_is_followed(service: Service, folder: Path, tmp_path: Path) -> None:
    """As Kubernetes does it: the files are links into a folder that is a link itself."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        certified(tmp_path / name, f"link-{name}")
    (folder / "data").symlink_to(tmp_path / "one")
    with renewed(service, "link-one"):
        for file in ("tls.crt", "tls.key"):
            (folder / f"{file}.new").symlink_to(f"data/{file}")
            (folder / f"{file}.new").replace(folder / file)
    with renewed(service, "link-two"):
        (folder / "data.new").symlink_to(tmp_path / "two")
        (folder / "data.new").replace(folder / "data")


@contextmanager
def renewed(service: Service, name: str) -> Iterator[None]:
    """Wait until every process shows the certificate of this name, after what was done within."""
    before = len(service.log("certificate_renewed"))
    yield
    wait_until(
        lambda: len(service.log("certificate_renewed")) == before + service.workers, f"{name} is shown"
    )
    assert shown_by(service) == name


# What cannot be served


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_cannot_be_served_ends_it_at_the_start_with_one_line(tmp_path: Path, workers: str) -> None:
    settings = {"MONGO_URL": NOBODY, "PORT": str(free_port()), "WORKERS": workers, **certified(tmp_path)}
    (tmp_path / "tls.key").unlink()
    ended = run_python(tmp_path, settings, "-m", "store_api")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "store_api: TLS_KEY: cannot be read: No such file or directory\n"
