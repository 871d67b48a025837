"""Ids of every kind on the page, and stores that cannot be read: what people see is what there is."""

from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.dashboard import STORE_CHANGED, UNITS, Dashboard, address_of
from tests.end_to_end.conftest import Stores
from tests.support.odd_ids import FOREIGN_SPELLED, SPELLED

COMPOSED, DECOMPOSED = "é", "e\u0301"
DECOMPOSED_SEEN = "e‹U+0301›"


def break_it(stores: Stores, store_id: str, items: Any = None) -> None:
    stores.database.command(
        {
            "update": stores.name,
            "updates": [{"q": {"_id": store_id}, "u": {"$set": {"items": items}}, "upsert": True}],
            "bypassDocumentValidation": True,
        }
    )


async def test_ids_are_spelled_as_everywhere_else(open_page: Open) -> None:
    page = await open_page()
    cases = {**SPELLED, **FOREIGN_SPELLED}
    spelled = await page.page.evaluate(
        """async (names) => {
          const { nameOf, spelled } = await import("/dashboard/spelling.js");
          return names.map((name) => [spelled(name), nameOf(name).textContent]);
        }""",
        list(cases),
    )
    assert dict(zip(cases, spelled, strict=True)) == {name: [seen, seen] for name, seen in cases.items()}


async def test_ids_that_look_the_same_are_told_apart_and_found_together(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    items = {COMPOSED: 3, DECOMPOSED: 5, "chair": 1, "chair\u200b": 2, "\u200b": 7, " ": 8}
    stores.insert_one({"_id": store_id, "items": items})
    page = await open_page(address_of(store_id))
    seen = {COMPOSED: 3, DECOMPOSED_SEEN: 5, "chair": 1, "chair‹U+200B›": 2, "‹U+200B›": 7, "␣": 8}
    await page.shows(DECOMPOSED_SEEN, "5")
    assert await page.stock() == seen
    for search in (COMPOSED, DECOMPOSED):
        await page.page.get_by_label("Search items by id").fill(search)
        await expect(page.page.locator("#item-found")).to_have_text("2 of 6 items")


async def test_a_shortage_of_what_looks_the_same_says_which_it_is(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {COMPOSED: 3}})
    page = await open_page(address_of(store_id), loses_network=True)
    await page.page.get_by_role("button", name="Demand", exact=True).click()
    await page.page.get_by_label("Item", exact=True).fill(DECOMPOSED)
    await page.page.locator("#operation-send").click()
    await expect(page.page.locator("#operation-problem")).to_contain_text(
        f"{DECOMPOSED_SEEN}: 1 wanted, 0 available"
    )


async def test_the_longest_id_can_be_typed(open_page: Open, stores: Stores, store_id: str) -> None:
    longest = "😀" * 128
    page = await open_page(address_of(store_id))
    await page.is_live()
    await page.page.get_by_role("button", name="Supply", exact=True).click()
    item = page.page.get_by_label("Item", exact=True)
    await item.focus()
    await page.page.keyboard.insert_text(longest)
    await page.page.locator("#operation-send").click()
    await page.shows(longest, "1")
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"] == {longest: 1}


async def test_a_store_that_breaks_while_it_is_looked_at_says_so_as_when_it_is_opened(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    live = await open_page(address_of(store_id), loses_network=True)
    await live.shows("chair", "5")
    break_it(stores, store_id)
    opened = await open_page(address_of(store_id), loses_network=True)
    for page in (live, opened):
        await expect(page.connection).to_contain_text(
            f"The document of store '{store_id}' is broken: its 'items'"
        )
    stores.replace_one({"_id": store_id}, {"items": {"chair": 6}})
    for page in (live, opened):
        await page.is_live()
        await page.shows("chair", "6")


@pytest.mark.parametrize("first", ["broken from the first", "breaks later"])
async def test_among_all_stores_a_broken_one_says_so_and_the_others_go_on(
    open_page: Open, stores: Stores, store_id: str, first: str
) -> None:
    other = f"{store_id}-other"
    stores.insert_one({"_id": other, "items": {"chair": 5}})
    if first == "breaks later":
        stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    else:
        break_it(stores, store_id)
    page = await open_page("/")
    await page.page.get_by_label("Search stores by id").fill(store_id)
    await page.shows(other, "5", UNITS)
    break_it(stores, store_id)
    await page.shows(store_id, "broken", STORE_CHANGED)
    await page.is_live()
    await page.row(store_id).get_by_role("link").click()
    await expect(notice_on(page)).to_contain_text(
        f"The document of store '{store_id}' is broken: its 'items'"
    )
    stores.replace_one({"_id": store_id}, {"items": {"chair": 6}})
    await page.shows("chair", "6")
    await expect(notice_on(page)).to_be_hidden()
    stores.delete_one({"_id": store_id})


def notice_on(page: Dashboard) -> Locator:
    return page.page.locator("#one-store-broken")
