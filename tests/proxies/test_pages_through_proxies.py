"""The dashboard and the documents' page in Chromium, through each proxy: nothing leaves the prefix."""

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.dashboard import address_of
from tests.end_to_end.conftest import Stores
from tests.proxies.running import FILES, UNNAMED, Proxy
from tests.support.tokens import Documents, bearer, let_in

ALL = ["read", "supply", "demand", "clean"]


def asked_by(page: Page) -> list[str]:
    """Gather the addresses that a page asks for, of sockets, too."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url.replace("wss://", "https://", 1)))
    return asked


@pytest.mark.parametrize("name", [*FILES, UNNAMED])
async def test_who_signs_in_sees_live_changes_and_stays_below_the_prefix(
    open_page: Open,
    proxies: dict[str, Proxy],
    tokens: Documents,
    stores: Stores,
    store_id: str,
    name: str,
) -> None:
    proxy = proxies[name]
    token = let_in(tokens, ALL, name=f"ann-{name}-{store_id}")
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    # An empty page first, so that all that the other asks for is heard of.
    dashboard = await open_page("about:blank", "", loses_network=True, ignore_https_errors=True)
    page, asked = dashboard.page, asked_by(dashboard.page)
    await page.goto(proxy.url + address_of(store_id))
    await page.get_by_role("dialog", name="Sign in").get_by_label("Token").fill(token)
    await page.keyboard.press("Enter")
    await dashboard.is_live()
    await dashboard.shows("chair", "5")
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 2}})
    await dashboard.shows("chair", "7")
    await page.get_by_role("button", name="Demand", exact=True).click()
    await page.get_by_label("Item", exact=True).fill("chair")
    await page.keyboard.press("Enter")
    await dashboard.shows("chair", "6")
    await page.get_by_role("link", name="History").click()
    await expect(page.locator("#history-table")).to_contain_text("demanded")
    async with proxy.client(**bearer(token)) as client:
        await send_some(client, store_id)
    # Signed in it stays, and the session is nobody's outside the prefix where the service knows that.
    await page.reload()
    await dashboard.is_live()
    paths = {cookie["name"]: cookie["path"] for cookie in await page.context.cookies()}
    assert paths == (
        {"__Host-store_api_session": "/"} if name == UNNAMED else {"__Secure-store_api_session": "/stock/"}
    )
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert await page.context.cookies() == []
    assert {"ws", "session", "stores", "dashboard"} <= {where.split("/")[4] for where in asked}
    assert [where for where in asked if not where.startswith(f"{proxy.url}/")] == []


async def send_some(client: httpx.AsyncClient, store_id: str) -> None:
    """Supply something, as another program."""
    body = {"operation": "supply", "item_id": "lamp", "quantity": 1}
    assert (await client.post(f"/stores/{store_id}", json=body)).status_code == 200


@pytest.mark.parametrize("name", ["nginx", UNNAMED])
async def test_calls_are_tried_out_from_the_documents_page(
    open_page: Open, proxies: dict[str, Proxy], name: str
) -> None:
    proxy = proxies[name]
    dashboard = await open_page("about:blank", "", ignore_https_errors=True)
    page, asked = dashboard.page, asked_by(dashboard.page)
    await page.goto(f"{proxy.url}/docs/")
    assert page.url == f"{proxy.url}/docs"
    await page.get_by_role("button", name="GET /health/live Whether the process runs").click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".live-responses-table .response").first).to_contain_text('"live"')
    for link in (
        "Dashboard",
        "OpenAPI 3.1",
        "AsyncAPI 3 (websockets)",
        "the AsyncAPI document",
        "a dashboard",
    ):
        address = await page.get_by_role("link", name=link).first.evaluate("(link) => link.href")
        assert address.startswith(f"{proxy.url}/"), link
    assert f"{proxy.url}/health/live" in asked
    assert [where for where in asked if not where.startswith((f"{proxy.url}/", "data:"))] == []
