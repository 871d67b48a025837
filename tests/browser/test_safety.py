"""Ids are text whatever they look like, and the pages load and run nothing but their own."""

import pytest
from playwright.async_api import Request, expect

from store_api.stock.ids import spelled
from tests.browser.conftest import Open
from tests.browser.dashboard import NO_PAGE, UNITS
from tests.end_to_end.conftest import Stores
from tests.support.service import Service

NASTY = (
    "<img src=x onerror=window.hurt=1>",
    "<script>window.hurt=1<\u2215script>",
    '"><svg onload=window.hurt=1>',
    "javascript:window.hurt=1",
    "{{7*7}}${7*7}",
    "%2e%2e%3Cb%3E",
    "\u202eevil",
)


async def test_ids_are_text(open_page: Open, stores: Stores, store_id: str) -> None:
    named = f"{store_id}<img src=x onerror=window.hurt=1>?&#%2F"
    items = {item.replace("%", "%25").replace(".", "%2E").replace("$", "%24"): 3 for item in NASTY}
    stores.insert_one({"_id": named, "items": items})
    page = await open_page("/")
    await page.page.get_by_label("Search stores by id").fill(named)
    await page.shows(named, str(3 * len(NASTY)), UNITS)
    await page.page.get_by_role("link", name=named).click()
    await expect(page.page.get_by_role("heading", level=1)).to_have_text(named)
    assert set(await page.stock()) == {spelled(each) for each in NASTY}
    stores.update_one({"_id": named}, {"$inc": dict.fromkeys((f"items.{each}" for each in items), 1)})
    await page.shows(NASTY[0], "4")
    await page.page.get_by_role("button", name=NASTY[0]).click()
    await page.page.keyboard.press("Enter")
    await page.shows(NASTY[0], "3")
    assert await page.page.evaluate("() => window.hurt") is None
    assert await page.page.locator("main img, main script, main b > b").count() == 0


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_nothing_is_loaded_from_elsewhere(open_page: Open, service: Service, path: str) -> None:
    page = await open_page(NO_PAGE)
    asked: list[Request] = []
    page.page.on("request", lambda request: asked.append(request))
    await page.page.goto(service.url + path)
    ready = "[data-state=open]" if path == "/" else ".opblock"
    await page.page.wait_for_selector(ready)
    assert {request.url for request in asked if not request.url.startswith((service.url, "data:"))} == set()
    assert len(asked) > 3


async def test_the_policy_stops_what_is_smuggled_in(open_page: Open) -> None:
    page = await open_page("/")
    await page.is_live()
    smuggled = {
        "require-trusted-types-for": "document.body.innerHTML = '<b>hurt</b>'",
        "img-src": "document.body.append(Object.assign(new Image(), { src: 'https://example.invalid/' }))",
        "connect-src": "fetch('https://example.invalid/').catch(() => {})",
    }
    for directive, attempt in smuggled.items():
        stopped = await page.page.evaluate(
            f"""() => new Promise((resolve) => {{
              const tell = (event) => resolve(event.effectiveDirective);
              addEventListener("securitypolicyviolation", tell, {{ once: true }});
              try {{ {attempt}; }} catch {{ /* refused at once, and told as well */ }}
            }})"""
        )
        assert stopped == directive
    assert await page.page.evaluate("() => window.hurt") is None
    # The browser says so itself, a moment later.
    while len(page.complaints) < len(smuggled):
        await page.page.wait_for_event("console")
    page.complaints.clear()


async def test_the_documents_can_be_read_and_tried(open_page: Open, store_id: str) -> None:
    page = await open_page("/docs")
    await page.page.get_by_role("button", name="POST /stores/{store_id} Demand or supply an item").click()
    await page.page.get_by_role("button", name="Try it out").click()
    await page.page.get_by_placeholder("store_id").fill(store_id)
    await page.page.get_by_role("button", name="Execute").click()
    answer = page.page.locator(".live-responses-table .response").first
    await expect(answer).to_contain_text(store_id)
    await expect(answer).to_contain_text("200")
