"""What is open to whom of a session: scripts, pages of other origins, sockets, and the documents."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, Response, expect
from pymongo import MongoClient

from tests.browser.conftest import Open
from tests.browser.dashboard import NO_PAGE, Dashboard
from tests.browser.signing_in import ALL, door, sign_in, signed_in
from tests.end_to_end.conftest import Stores
from tests.support.mongod import free_port
from tests.support.service import Service
from tests.support.tokens import Documents, let_in, tokens_in

PAGE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<p>Hi\r\n"
)
ALLOWED, FOREIGN = free_port(), free_port()
"""Ports of other pages, whose origins are others therefore."""

OPEN = """([url, offered]) => new Promise((resolve) => {
    const socket = new WebSocket(url, offered);
    window.ended = new Promise((done) => { socket.onclose = (event) => done(event.code); });
    window.ended.then((code) => resolve({code}));
    socket.onmessage = (event) => resolve({frame: event.data, protocol: socket.protocol});
})"""


@pytest.fixture(scope="module")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that asks who calls."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    settings |= {"AUTH": "tokens", "ALLOWED_ORIGINS": f"http://127.0.0.1:{ALLOWED}"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


async def test_no_script_can_read_what_lets_one_in(open_page: Open, tokens: Documents) -> None:
    token = let_in(tokens, ALL)
    page = await signed_in(open_page, token)
    await page.is_live()
    (cookie,) = await page.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    kept = await page.page.evaluate(
        """async () => JSON.stringify([
          document.cookie, { ...localStorage }, { ...sessionStorage },
          location.href, history.state, window.name,
          (await indexedDB.databases()).length, (await caches.keys()).length,
          Array.from(document.querySelectorAll("input"), (input) => input.value),
          document.documentElement.outerHTML, performance.getEntries().map((entry) => entry.name),
        ])"""
    )
    assert token not in kept
    assert cookie["value"] not in kept
    assert token not in cookie["value"]


async def test_a_page_that_is_signed_out_asks_nothing(open_page: Open, tokens: Documents) -> None:
    page = await open_page(NO_PAGE, loses_network=True)
    await page.page.clock.install()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.page.on("websocket", lambda socket: asked.append(socket.url))
    await page.page.goto(page.page.url.replace(NO_PAGE, "/"))
    await expect(door(page)).to_be_visible()
    first = len(asked)
    assert asked.count("session") == 1
    await page.page.clock.fast_forward(600_000)
    await sign_in(page, let_in(tokens, ALL))
    await page.is_live()
    assert asked[first] == "session"
    assert len(asked) == first + 2


class Elsewhere(BaseHTTPRequestHandler):
    """A page of another origin of the same site: a browser sends it the session along, however strict."""

    def do_GET(self) -> None:
        """Answer with an empty page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html lang=en><title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def test_a_page_of_another_origin_reads_nothing_writes_nothing_and_opens_no_socket(
    open_page: Open, tokens: Documents, stores: Stores, service: Service, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    page = await signed_in(open_page, let_in(tokens, ["admin"]))
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        await page.page.goto(f"http://127.0.0.1:{server.server_port}/")
        answers: list[Response] = []
        page.page.on("response", lambda answer: answers.append(answer))
        told = await page.page.evaluate(
            """async ([service, store]) => {
              const tried = (path, options) =>
                fetch(service + path, { credentials: "include", ...options })
                  .then((answer) => answer.text().then((text) => `${answer.type} ${text}`), () => "nothing");
              const heard = new Promise((resolve) => {
                const socket = new WebSocket(`${service.replace("http", "ws")}/ws/stores?snapshot=true`);
                socket.onmessage = (event) => resolve(event.data);
                socket.onerror = () => resolve("nothing");
              });
              return [
                await tried(`/stores/${store}`), await tried("/session"),
                await tried(`/stores/${store}`, { mode: "no-cors" }),
                await tried(`/stores/${store}/clean`, { method: "POST" }),
                await tried(`/stores/${store}/clean`, { method: "POST", mode: "no-cors" }),
                await tried("/session", { method: "DELETE" }),
                await heard,
              ];
            }""",
            [service.url, store_id],
        )
        server.shutdown()
    nothing = "nothing"
    assert told == [nothing, nothing, "opaque ", nothing, "opaque ", nothing, nothing]
    # The browser did send the cookie, or the first were a 401; the answer it kept for itself.
    answered = {
        (answer.request.method, answer.url.removeprefix(service.url), answer.status) for answer in answers
    }
    assert {("GET", f"/stores/{store_id}", 200), ("POST", f"/stores/{store_id}/clean", 403)} <= answered
    assert stores.find_one({"_id": store_id}) == {"_id": store_id, "items": {"chair": 5}}
    await page.page.goto(service.url)
    await page.is_live()
    assert [complaint for complaint in page.complaints if "CORS policy" not in complaint] == []
    page.complaints.clear()


async def test_the_documents_try_calls_out_with_the_session(
    open_page: Open, tokens: Documents, stores: Stores, service: Service, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    page = await signed_in(open_page, let_in(tokens, ["read"]))
    await page.is_live()
    await page.page.goto(f"{service.url}/docs")
    await try_out(page, store_id)
    await expect(page.page.locator(".live-responses-table .response").first).to_contain_text("chair")


async def test_the_documents_try_calls_out_with_a_token_and_keep_it_nowhere(
    open_page: Open, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    token = let_in(tokens, ["read"])
    page = await open_page("/docs", loses_network=True)
    await page.page.get_by_role("button", name="Authorize").click()
    await page.page.get_by_label("auth-bearer-value").fill(token)
    await page.page.get_by_role("button", name="Apply credentials").first.click()
    await page.page.get_by_role("button", name="Close").last.click()
    await try_out(page, store_id)
    await expect(page.page.locator(".live-responses-table .response").first).to_contain_text("chair")
    kept = await page.page.evaluate(
        "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])"
    )
    assert token not in kept


async def try_out(page: Dashboard, store_id: str) -> None:
    """Ask for a report, on the page of the documents."""
    await page.page.get_by_role("button", name="GET /stores/{store_id} The report of a store").click()
    await page.page.get_by_role("button", name="Try it out").click()
    await page.page.get_by_placeholder("store_id").fill(store_id)
    await page.page.get_by_role("button", name="Execute").click()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PAGE)
        writer.close()

    servers = [await asyncio.start_server(answer, "127.0.0.1", port) for port in (ALLOWED, FOREIGN)]
    context = await browser.new_context()
    page = await context.new_page()
    yield page
    await context.close()
    for server in servers:
        server.close()


async def test_a_page_sends_its_token_as_a_subprotocol_and_is_told_when_it_ends(
    service: Service, page: Page, mongo: MongoClient[dict[str, Any]], stores: Stores, store_id: str
) -> None:
    tokens = tokens_in(mongo[service.database])
    token = let_in(tokens, ["read"])
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    url = f"ws://127.0.0.1:{service.port}/ws/stores/{store_id}?snapshot=true"
    offered = ["store_api.v1", f"store_api.bearer.{token}"]
    await page.goto(f"http://127.0.0.1:{FOREIGN}")
    assert await page.evaluate(OPEN, [url, offered]) == {"code": 1006}
    for own in (f"{service.url}/", f"http://127.0.0.1:{ALLOWED}"):
        await page.goto(own)
        assert await page.evaluate(OPEN, [url, ["store_api.v1"]]) == {"code": 1006}
        told = await page.evaluate(OPEN, [url, offered])
        assert (own, told.get("protocol")) == (own, "store_api.v1")
        assert '"chair"' in told["frame"]
    tokens.update_one({"hint": token[:9]}, {"$set": {"revoked": datetime.now(UTC)}})
    assert await page.evaluate("window.ended") == 4401
