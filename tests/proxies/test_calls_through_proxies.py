"""Calls through each proxy: what the service answers arrives, and what a client says of itself does not."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urljoin

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.conftest import Stores
from tests.proxies.running import FILES, PREFIX, SECONDS, Proxy
from tests.support.listening import read_report
from tests.support.service import Service
from tests.support.tokens import Documents, bearer, let_in

ODD_IDS = ("50%", "a b", "a+b&c?d#e", "a%2Fb", "..", "a//b", "арт 🪑", "\\", "(a)'\"", "%2e")
LARGE = 30_000


@pytest.fixture(params=FILES)
def proxy(request: pytest.FixtureRequest, proxies: dict[str, Proxy]) -> Proxy:
    return proxies[request.param]


@pytest.fixture
def token(tokens: Documents) -> dict[str, str]:
    return bearer(let_in(tokens, ["admin"]))


@pytest.fixture
async def http(proxy: Proxy, token: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with proxy.client(**token) as client:
        yield client


async def test_what_is_asked_is_answered_below_the_prefix(
    http: httpx.AsyncClient, proxy: Proxy, stores: Stores, store_id: str
) -> None:
    supply = {"operation": "supply", "items": [{"item_id": f"i-{n}", "quantity": 1} for n in range(9_000)]}
    applied = await http.post(
        f"/stores/{store_id}/group_op", json=supply, headers={"Prefer": "return=minimal"}
    )
    assert applied.status_code == 200, applied.text
    assert applied.headers["preference-applied"] == "return=minimal"
    read = (await http.get(f"/stores/{store_id}")).content
    assert read_report(read) == read_report(applied.content)
    refused = await http.get(f"/stores/{store_id}-none")
    assert refused.json()["instance"] == f"{PREFIX}/stores/{store_id}-none"
    stores.insert_one({"_id": f"{store_id}-2", "items": {}})
    first = await http.get("/stores", params={"limit": 1, "after": store_id})
    assert urljoin(str(first.url), first.json()["next"] or "").startswith(f"{proxy.url}/stores")
    too_large = await http.post(
        f"/stores/{store_id}", content=b" " * (2**20 + 1), headers={"Content-Type": "application/json"}
    )
    assert (too_large.status_code, too_large.headers["content-type"]) == (413, "application/problem+json")
    bare = await http.get(proxy.url)
    assert (bare.status_code, urljoin(proxy.url, bare.headers["location"])) == (308, f"{proxy.url}/")
    assert (await http.get(f"{proxy.origin}/stores")).status_code == 404


@pytest.mark.parametrize("name", ODD_IDS)
async def test_ids_arrive_as_they_are_written(
    proxy: Proxy, service: Service, token: dict[str, str], name: str
) -> None:
    # httpx would write some of them otherwise.
    segment = quote(name, safe="").replace(".", "%2E")
    path = f"/stores/{segment}-{proxy.name}"
    answers = [
        await raw_get(port, tls, prefix + path, token)
        for port, tls, prefix in ((service.port, None, ""), (proxy.port, proxy.tls, PREFIX))
    ]
    assert answers[0][0] in (404, 422)
    assert answers[0][1].replace(b'"instance":"', f'"instance":"{PREFIX}'.encode()) == answers[1][1]


async def raw_get(
    port: int, tls: ssl.SSLContext | None, path: str, headers: dict[str, str]
) -> tuple[int, bytes]:
    """Ask for a path letter by letter, and give the status and the body."""
    server = "localhost" if tls is not None else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=server)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Connection": "close", **headers}.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n{lines}\r\n".encode())
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return int(head.split()[1]), body


async def test_what_a_client_says_of_itself_goes_no_further(
    http: httpx.AsyncClient, token: dict[str, str]
) -> None:
    forged = {
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-For": "203.0.113.9",
    }
    missing = await http.get("/stores/none", headers=forged)
    assert (missing.status_code, missing.json()["instance"]) == (404, f"{PREFIX}/stores/none")
    signed_in = await http.post("/session", headers={**forged, **token})
    cookie = signed_in.headers["set-cookie"]
    assert cookie.startswith("__Secure-store_api_session=")
    assert f"; Path={PREFIX}/; Max-Age" in cookie
    assert cookie.endswith("; Secure")
    foreign = await http.post("/session", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


async def test_a_large_report_read_slowly_arrives_whole(
    proxies: dict[str, Proxy], token: dict[str, str], stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {f"item-{number:06}": number for number in range(1, LARGE)}})
    began = asyncio.get_running_loop().time()
    reports = await asyncio.gather(*(read_slowly(proxies[name], store_id, token) for name in FILES))
    assert [len(read_report(report).items) for report in reports] == [LARGE - 1] * len(FILES)
    # Longer than the proxies wait for something to come.
    assert asyncio.get_running_loop().time() - began > SECONDS


async def read_slowly(proxy: Proxy, store_id: str, token: dict[str, str]) -> bytes:
    content = bytearray()
    async with (
        proxy.client(**token, **{"Accept-Encoding": "identity"}) as client,
        client.stream("GET", f"/stores/{store_id}") as answer,
    ):
        async for piece in answer.aiter_raw(16 * 1024):
            content += piece
            await asyncio.sleep(0.04)
    return bytes(content)


async def test_sockets_stay_as_long_as_the_service_pings_them(
    proxies: dict[str, Proxy], service: Service, token: dict[str, str], stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    sockets = {name: await listen(proxies[name], store_id, token) for name in FILES}
    # Nothing is to be waited for but time: that nobody cuts them off while nothing happens.
    await asyncio.sleep(1.5 * SECONDS)
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}})
    for socket in sockets.values():
        async with asyncio.timeout(5):
            assert read_report(await socket.recv()).items == {"chair": 2}
    # And it is the pings: without them those proxies that have such a time-out do.
    with halted(service):
        for name in ("nginx", "haproxy"):
            async with asyncio.timeout(5 * SECONDS):
                with pytest.raises(ConnectionClosed):
                    await sockets[name].recv()
    for socket in sockets.values():
        await socket.close()


async def listen(proxy: Proxy, store_id: str, headers: dict[str, str]) -> ClientConnection:
    """Listen to a store, and take the snapshot off; nothing is said but what must be."""
    where = f"{proxy.url.replace('https', 'wss')}/ws/stores/{store_id}?snapshot=true"
    how = {"additional_headers": headers, "ssl": proxy.tls, "proxy": None, "ping_interval": None}
    socket = await connect(where, **how)  # type: ignore[arg-type]
    await socket.recv()
    return socket


@contextmanager
def halted(service: Service) -> Iterator[None]:
    """Let the service say nothing for a while."""
    service.tell(signal.SIGSTOP)
    try:
        yield
    finally:
        service.tell(signal.SIGCONT)
