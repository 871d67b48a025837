"""Whatever is written, by whom ever, is seen on every open page."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import expect
from pymongo import MongoClient

from tests.browser.conftest import MOVING, Open
from tests.browser.dashboard import CHANGE, CONTENTS, STORE_CHANGE, STORE_CHANGED, UNITS, address_of
from tests.end_to_end.conftest import Stores, service_alone
from tests.support.programs import begun
from tests.support.service import Service, needs_proc

JSON = "Content-Type: application/json"


def supply(item_id: str, quantity: int) -> dict[str, object]:
    return {"operation": "supply", "item_id": item_id, "quantity": quantity}


async def test_a_write_by_curl_appears(open_page: Open, service: Service, store_id: str) -> None:
    page = await open_page(address_of(store_id))
    await page.is_live()
    body = msgspec.json.encode(supply("chair", 1234)).decode()
    address = f"{service.url}/stores/{store_id}"
    curl = await asyncio.create_subprocess_exec(
        *begun("curl", "-sf", address, "-H", JSON, "-d", body), stdout=subprocess.DEVNULL
    )
    assert await curl.wait() == 0
    await page.shows("chair", "1,234")
    await page.shows("chair", "+1,234", CHANGE)
    await expect(page.figure("Units")).to_have_text("1,234")


async def test_a_write_straight_to_mongodb_appears(open_page: Open, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "table": 2}})
    page = await open_page(address_of(store_id), **MOVING)
    await page.shows("chair", "5")
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": -3}})
    await page.shows("chair", "2")
    await page.shows("chair", "−3", CHANGE)
    await expect(page.row("chair")).to_have_attribute("data-mark", "fell-1")
    # The mark lasts a moment.
    await expect(page.row("chair")).not_to_have_attribute("data-mark", "fell-1")
    await page.shows("chair", "", CHANGE)
    await expect(page.page.locator("#changes li").first).to_contain_text("−3 chair → 2")


async def test_an_item_that_is_used_up_says_goodbye(open_page: Open, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "table": 2}})
    page = await open_page(address_of(store_id))
    await page.shows("chair", "5")
    stores.update_one({"_id": store_id}, {"$unset": {"items.chair": ""}})
    await page.shows("chair", "0")
    await expect(page.figure("Items")).to_have_text("1")
    await expect(page.row("chair")).to_have_count(0)


@pytest.fixture
def two_workers(mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path) -> Iterator[Service]:
    """The service in two processes that share a port."""
    with service_alone(mongo_url, mongo, tmp_path, "2") as service:
        yield service


@needs_proc
async def test_a_write_by_another_worker_appears(
    open_page: Open, two_workers: Service, store_id: str
) -> None:
    page_s, other = two_workers.worker_pids()
    with two_workers.only(page_s):
        page = await open_page(address_of(store_id), two_workers.url)
        await page.is_live()
    async with two_workers.client() as writer:
        with two_workers.only(other):
            # Opened while only the other one takes connections, and kept.
            await writer.get("/health/live")
        await writer.post(f"/stores/{store_id}", json=supply("chair", 7))
    await page.shows("chair", "7")


async def test_all_stores_are_shown_with_what_they_hold(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "table": 2, "none": 0}})
    page = await open_page("/")
    await page.page.get_by_label("Search stores by id").fill(store_id)
    await page.shows(store_id, "2", CONTENTS)
    await page.shows(store_id, "7", UNITS)
    await page.shows(store_id, "–", STORE_CHANGED)
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1, "items.none": 1}})
    await page.shows(store_id, "3", CONTENTS)
    await page.shows(store_id, "9", UNITS)
    await page.shows(store_id, "+2", STORE_CHANGE)
    await page.shows(store_id, "just now", STORE_CHANGED)


async def test_two_pages_agree_with_the_service(
    open_page: Open, service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {f"item-{number}": 9 for number in range(300)}})
    one, other = await open_page(address_of(store_id)), await open_page("/")
    await one.shows("item-0", "9")
    await other.page.get_by_label("Search stores by id").fill(store_id)
    await other.page.get_by_role("link", name=store_id, exact=True).click()
    async with service.client() as client:
        for number in range(0, 300, 3):
            await client.post(f"/stores/{store_id}", json=supply(f"item-{number}", number + 1))
            stores.update_one({"_id": store_id}, {"$inc": {f"items.item-{number + 1}": -9}})
        await client.post(f"/stores/{store_id}", json=supply("chair", 77))
        lines = (await client.get(f"/stores/{store_id}")).json()["store"]["report"]
    stock = {line["item_id"]: line["quantity"] for line in lines}
    for page in (one, other):
        await page.shows("chair", "77")
        await expect(page.figure("Items")).to_have_text("201")
        # Those that are used up have said goodbye.
        await expect(page.page.get_by_role("table", name="Items")).to_have_attribute("aria-rowcount", "202")
        assert await page.stock() == stock


async def test_a_store_that_is_replaced_and_deleted_is_followed(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    page = await open_page(address_of(store_id))
    await page.is_live()
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    await page.shows("chair", "5")
    stores.replace_one({"_id": store_id}, {"items": {"lamp": 1}})
    await page.shows("lamp", "1")
    stores.delete_one({"_id": store_id})
    await expect(page.figure("Items")).to_have_text("0")
    await expect(page.page.get_by_text("Nothing is in this store.")).to_be_visible()


async def test_a_page_of_one_store_goes_on_to_all_and_back(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    page = await open_page(address_of(store_id))
    await page.shows("chair", "5")
    await page.page.get_by_role("link", name="All stores").click()
    await page.page.get_by_label("Search stores by id").fill(store_id)
    await page.shows(store_id, "5", UNITS)
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}})
    await page.shows(store_id, "6", UNITS)
    await page.page.go_back()
    await page.shows("chair", "6")


async def test_searching_and_sorting(open_page: Open, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"item-10": 1, "item-9": 3, "Chair": 2}})
    page = await open_page(address_of(store_id))
    rows = page.page.locator(".items .all .row")
    first_cells = rows.locator(".cell:first-child")
    await expect(first_cells).to_have_text(["Chair", "item-9", "item-10"])
    await page.page.get_by_role("button", name="Quantity").click()
    await expect(first_cells).to_have_text(["item-9", "Chair", "item-10"])
    await expect(page.page.get_by_role("columnheader", name="Quantity")).to_have_attribute(
        "aria-sort", "descending"
    )
    stores.update_one({"_id": store_id}, {"$inc": {"items.item-10": 8}})
    await expect(first_cells).to_have_text(["item-10", "item-9", "Chair"])
    await page.page.get_by_label("Search items by id").fill("cha")
    await expect(first_cells).to_have_text(["Chair"])
    await expect(page.page.locator("#item-found")).to_have_text("1 of 3 items")


async def test_without_a_ledger_there_is_one_line_that_says_so(open_page: Open, store_id: str) -> None:
    page = await open_page(f"{address_of(store_id)}/history")
    await expect(page.page.get_by_text("This service keeps no ledger")).to_be_visible()
    for part in (page.page.get_by_role("link", name="History"), page.page.get_by_label("As of")):
        await expect(part).to_be_hidden()
    await expect(page.page.get_by_role("heading", name="Units since this page was opened")).to_be_visible()
    await expect(page.page.get_by_role("table", name="Items")).to_be_visible()


async def test_an_open_page_asks_for_nothing_but_frames(
    open_page: Open, service: Service, stores: Stores, store_id: str
) -> None:
    page = await open_page(address_of(store_id))
    await page.is_live()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    async with service.client() as client:
        for _ in range(20):
            await client.post(f"/stores/{store_id}", json=supply("chair", 1))
    await page.shows("chair", "20")
    assert asked == []
