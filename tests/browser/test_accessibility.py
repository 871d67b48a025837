"""For everybody: no rule of axe-core is broken, the keyboard is enough, and a phone is wide enough."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.dashboard import Dashboard, address_of
from tests.end_to_end.conftest import Stores

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def assert_accessible(page: Dashboard) -> None:
    """Let axe-core look at the page as it is."""
    results = await Axe().run(page.page)
    assert results.violations_count == 0, results.generate_report()


@pytest.fixture
def shop(stores: Stores, store_id: str) -> str:
    stores.insert_one({"_id": store_id, "items": {f"item-{number}": number + 1 for number in range(200)}})
    return store_id


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
async def test_no_rule_of_accessibility_is_broken(
    open_page: Open, stores: Stores, shop: str, scheme: str, device: dict[str, Any]
) -> None:
    page = await open_page("/", color_scheme=scheme, reduced_motion="reduce", **device, loses_network=True)
    await page.page.get_by_label("Search stores by id").fill(shop)
    await expect(page.row(shop)).to_contain_text("20,100")
    stores.update_one({"_id": shop}, {"$inc": {"items.item-0": 1}})
    await expect(page.row(shop)).to_have_attribute("data-mark", "rose-1")
    await assert_accessible(page)
    await page.page.get_by_role("link", name=shop, exact=True).click()
    stores.update_one({"_id": shop}, {"$inc": {"items.item-1": -1, "items.item-2": 1}})
    await page.shows("item-1", "1")
    await assert_accessible(page)
    await page.page.get_by_role("button", name="Demand", exact=True).click()
    await page.page.get_by_label("Item", exact=True).fill("none")
    await page.page.keyboard.press("Enter")
    await expect(page.page.get_by_role("alert")).to_be_visible()
    await assert_accessible(page)
    await page.page.keyboard.press("Escape")
    await page.page.get_by_role("button", name="Clean", exact=True).click()
    await assert_accessible(page)


async def test_a_phone_is_wide_enough(open_page: Open, shop: str) -> None:
    page = await open_page(address_of(shop), **PHONE)
    for path in (address_of(shop), "/#/"):
        await page.page.evaluate("(path) => { location.href = path; }", path)
        await page.is_live()
        await expect(page.page.locator(".all .row:visible").first).to_be_visible()
        wide, most = await page.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= most
    await page.page.get_by_label("Search stores by id").fill(shop)
    await page.page.get_by_role("link", name=shop, exact=True).tap()
    await page.page.get_by_role("button", name="item-0").tap()
    await expect(page.page.get_by_role("dialog")).to_be_visible()
    await page.page.get_by_role("dialog").get_by_role("button", name="Demand").tap()
    await expect(page.figure("Items")).to_have_text("199")


async def test_the_keyboard_is_enough(open_page: Open, shop: str) -> None:
    page = await open_page("/")
    await page.is_live()
    press = page.page.keyboard.press
    await press("Tab")
    await expect(page.page.get_by_text("Skip to the content")).to_be_focused()
    await press("Enter")
    await press("Tab")
    await expect(page.page.get_by_label("Search stores by id")).to_be_focused()
    await page.page.keyboard.type(shop)
    await expect(page.page.locator(".stores .all .row")).to_have_count(1)
    for _ in range(6):  # four columns that sort, and the rows, which scroll
        await press("Tab")
    await expect(page.page.get_by_role("link", name=shop, exact=True)).to_be_focused()
    await press("Enter")
    await expect(page.page.get_by_role("heading", level=1)).to_have_text(shop)
    await press("Tab")
    await expect(page.page.get_by_role("link", name="All stores")).to_be_focused()
    await press("Tab")
    await press("Enter")
    await page.page.keyboard.type("item-7")
    await press("Enter")
    await page.shows("item-7", "9")
    # Back where it was, once the dialog is gone.
    await expect(page.page.locator("#supply")).to_be_focused()


async def test_a_reader_hears_of_the_connection_and_not_of_every_change(
    open_page: Open, stores: Stores, shop: str
) -> None:
    page = await open_page(address_of(shop))
    await page.shows("item-0", "1")
    stores.update_one({"_id": shop}, {"$inc": {"items.item-0": 1}})
    await page.shows("item-0", "2")
    await expect(page.page.get_by_role("status")).to_have_text("")
    live = page.page.locator("[aria-live], [role=status], [role=alert], [role=log]")
    assert [await each.get_attribute("id") for each in await live.all()] == [
        "announcement",
        "one-store-broken",
        "operation-problem",
        "clean-problem",
        "sign-in-problem",
    ]
    # The plot says in words what it shows.
    await expect(page.page.get_by_role("img", name="Units: 20,100 at")).to_be_visible()
