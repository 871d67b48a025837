"""What a page in a browser gets with `new WebSocket`, to which it can give no header."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page
from pymongo import MongoClient

from tests.end_to_end.conftest import Stores
from tests.support.mongod import free_port
from tests.support.service import Service
from tests.support.tokens import let_in, tokens_in

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
    for own in (f"{service.url}/docs", f"http://127.0.0.1:{ALLOWED}"):
        await page.goto(own)
        assert await page.evaluate(OPEN, [url, ["store_api.v1"]]) == {"code": 1006}
        told = await page.evaluate(OPEN, [url, offered])
        assert (own, told.get("protocol")) == (own, "store_api.v1")
        assert '"chair"' in told["frame"]
    tokens.update_one({"hint": token[:9]}, {"$set": {"revoked": datetime.now(UTC)}})
    assert await page.evaluate("window.ended") == 4401
