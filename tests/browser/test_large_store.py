"""A store of 13,247 items: only what is seen is in the document, and a change is seen at once."""

import asyncio
import random
import sys
import time
from statistics import median, quantiles
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import MOVING, Open
from tests.browser.dashboard import Dashboard, address_of
from tests.end_to_end.conftest import Stores

ITEMS = 13_247
MOST_MEDIAN_SECONDS = 0.1
TIMES = 60

WHEN_PAINTED = """({ item, text }) => {
  window.painted = new Promise((resolve) => {
    const scroller = document.querySelector(".items .scroller");
    const look = () => {
      const rows = [...scroller.querySelectorAll(".row")];
      const row = rows.find((each) => each.children[0].textContent === item);
      if (row?.children[1].textContent === text) {
        observer.disconnect();
        // The next frame begins when this one is on the screen.
        requestAnimationFrame(() => resolve((performance.timeOrigin + performance.now()) / 1000));
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(scroller, { subtree: true, childList: true, characterData: true });
  });
}"""


@pytest.fixture
def large_store(stores: Stores, store_id: str) -> str:
    stores.insert_one({"_id": store_id, "items": {f"item-{number:05}": 500 for number in range(ITEMS)}})
    return store_id


async def seconds_to_paint(page: Dashboard, stores: Stores, store_id: str, item: str, quantity: int) -> float:
    """Write straight to MongoDB; give the time from before that write until its row is on the screen."""
    await page.page.evaluate(WHEN_PAINTED, {"item": item, "text": str(quantity)})
    began = time.time()
    await asyncio.to_thread(stores.update_one, {"_id": store_id}, {"$set": {f"items.{item}": quantity}})
    painted: float = await page.page.evaluate("() => window.painted")
    return painted - began


async def test_a_change_is_painted_within_a_tenth_of_a_second(
    open_page: Open, stores: Stores, large_store: str, record_property: Any
) -> None:
    page = await open_page(address_of(large_store), **MOVING)
    await page.shows("item-00000", "500")
    chance = random.Random(13_247)
    delays = []
    for _ in range(TIMES):
        item, quantity = f"item-{chance.randrange(8):05}", chance.randrange(100, 499)
        delays.append(await seconds_to_paint(page, stores, large_store, item, quantity))
    figure = (
        f"median {median(delays) * 1000:.0f} ms, 95th percentile {quantiles(delays, n=20)[-1] * 1000:.0f} ms"
    )
    record_property("commit_to_painted_row", figure)
    # `pytest -rP` shows it, as everything that passed.
    sys.stdout.write(f"from before a commit to the painted row, {ITEMS} items: {figure}\n")
    assert median(delays) < MOST_MEDIAN_SECONDS, figure


async def test_only_the_rows_that_are_seen_are_in_the_document(
    open_page: Open, stores: Stores, large_store: str
) -> None:
    page = await open_page(address_of(large_store))
    await expect(page.figure("Items")).to_have_text("13,247")
    rows = page.page.locator(".items .all .row")
    await expect(page.page.locator(".items.table")).to_have_attribute("aria-rowcount", "13248")
    assert await rows.count() < 40
    scroller = page.page.get_by_label("Items, rows")
    await scroller.focus()
    await page.page.keyboard.press("End")
    await page.shows("item-13246", "500")
    await expect(page.row("item-13246")).to_have_attribute("aria-rowindex", "13248")
    assert await rows.count() < 40
    stores.update_one({"_id": large_store}, {"$inc": {"items.item-13246": 1}})
    await page.shows("item-13246", "501")


async def test_scrolling_and_updating_stay_smooth(open_page: Open, stores: Stores, large_store: str) -> None:
    page = await open_page(address_of(large_store), **MOVING)
    await page.shows("item-00000", "500")
    await page.page.evaluate(
        """() => {
          const gather = (type, seen) => new PerformanceObserver((list) => list.getEntries().forEach(seen))
            .observe({ type });
          window.long = [];
          gather("longtask", (task) => window.long.push(task.duration));
          window.shifted = 0;
          window.moved = [];
          // The list of changes grows at its top; that moves what is in it, and nothing else.
          const isInList = ({ node }) => (node?.parentElement ?? node)?.closest("#changes");
          gather("layout-shift", ({ value, sources }) => {
            if (!sources.every(isInList)) {
              window.shifted += value;
              const names = sources.map(({ node }) => node?.outerHTML ?? node?.textContent ?? "gone");
              window.moved.push([value, names]);
            }
          });
        }"""
    )

    async def write() -> None:
        for number in range(200):
            change = {"$inc": {f"items.item-{number * 66:05}": 1, f"items.new-{number}": 1}}
            await asyncio.to_thread(stores.update_one, {"_id": large_store}, change)

    writing = asyncio.create_task(write())
    await page.page.get_by_label("Items, rows").hover()
    for _ in range(40):
        await page.page.mouse.wheel(0, 900)
    await writing
    await expect(page.figure("Items")).to_have_text("13,447")
    long, shifted, moved = await page.page.evaluate("() => [window.long, window.shifted, window.moved]")
    # A few of these are the machine's, when it has much else to do; a page that paints 13,247 rows has all.
    assert len(long) < 40, long
    assert not long or median(long) < 200, long
    assert shifted < 0.02, moved


async def test_a_store_of_13247_items_is_cleaned_in_one_go(open_page: Open, large_store: str) -> None:
    page = await open_page(address_of(large_store))
    await expect(page.figure("Items")).to_have_text("13,247")
    await page.page.get_by_role("button", name="Clean", exact=True).click()
    dialog = page.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("13,247 items, 6,623,500 units")
    await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    await dialog.get_by_role("button", name="Clean it").click()
    await expect(page.figure("Units")).to_have_text("0")
    await expect(dialog).to_be_hidden()
    await expect(page.page.locator("#changes li").first).to_contain_text("and 13,244 more")
