"""What the dashboard shows of the ledger: a store's history, its last day, and its report as of a moment."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Locator, Request, Route, expect
from pymongo import MongoClient

from tests.browser.conftest import Open
from tests.browser.dashboard import Dashboard, address_of
from tests.browser.signing_in import ALL, signed_in
from tests.browser.test_accessibility import PHONE, assert_accessible
from tests.end_to_end.conftest import Stores
from tests.support.service import Service, children_of, command_line
from tests.support.tokens import bearer, let_in, tokens_in

NASTY = "<img src=x onerror=hurt=1>\u200b"
NASTY_SEEN = "<img src=x onerror=hurt=1>‹U+200B›"

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that keeps a ledger, and knows who asks."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "AUTH": "tokens", "LEDGER": "on"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


@pytest.fixture(scope="module")
def token(service: Service, mongo: MongoClient[dict[str, Any]]) -> str:
    return let_in(tokens_in(mongo[service.database]), ALL, name="till-7")


@pytest.fixture
async def till(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        client.headers.update(bearer(token))
        yield client


async def movements(till: httpx.AsyncClient, store_id: str, count: int) -> Rows:
    """Wait until a store has so many rows, and give them."""
    while True:
        answer = await till.get(f"/stores/{store_id}/movements", params={"limit": 1000})
        rows: Rows = answer.raise_for_status().json()["movements"]
        if len(rows) >= count:
            return rows
        await asyncio.sleep(0.05)


def lines(page: Dashboard) -> Locator:
    return page.page.locator(".history .all .row")


def cells(page: Dashboard, line: int) -> Locator:
    """What a line of the history says, but for its time."""
    return lines(page).nth(line).locator(".cell:not(:first-child)")


def found(page: Dashboard) -> Locator:
    return page.page.locator("#history-found")


async def test_the_history_tells_who_and_why_is_narrowed_and_goes_on_live(
    open_page: Open, stores: Stores, till: httpx.AsyncClient, token: str, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    by = {"actor": NASTY, "reference": f"R {NASTY}", "reason": "count", "nonce": 1}
    stores.update_one({"_id": store_id}, {"$set": {"by": by}, "$inc": {f"items.{NASTY}": 3}})
    await movements(till, store_id, 2)
    page = await signed_in(open_page, token, address_of(store_id))
    await page.page.get_by_role("link", name="History").click()
    await expect(cells(page, 0)).to_have_text(
        [NASTY_SEEN, "+3", "3", "written directly", NASTY_SEEN, f"count · R {NASTY_SEEN}"]
    )
    await expect(cells(page, 1)).to_have_text(
        ["chair", "+5", "5", "written directly", "another program", "–"]
    )
    await expect(found(page)).to_have_text("2 changes")
    sold = {"operation": "demand", "item_id": "chair", "quantity": 2, "reference": "R-1009", "reason": "sale"}
    (await till.post(f"/stores/{store_id}", json=sold)).raise_for_status()
    await expect(cells(page, 0)).to_have_text(["chair", "−2", "3", "demanded", "till-7", "sale · R-1009"])
    await page.page.get_by_role("button", name="chair").first.click()
    await expect(lines(page)).to_have_count(2)
    # What is new passes the filters, too.
    bought = {"operation": "supply", "item_id": "chair", "quantity": 1, "reference": "R-1010"}
    (await till.post(f"/stores/{store_id}", json=bought)).raise_for_status()
    await expect(cells(page, 0)).to_have_text(["chair", "+1", "4", "supplied", "till-7", "R-1010"])
    await expect(found(page)).to_have_text("3 changes")
    await page.page.get_by_role("button", name="All again").click()
    for label, value, count in (
        ("Only by", "till-7", 2),
        ("Only by", NASTY, 1),
        ("Only this reference", "R-1010", 1),
        ("Only this reference", "none", 0),
    ):
        await page.page.get_by_label(label, exact=True).fill(value)
        await page.page.keyboard.press("Enter")
        await expect(lines(page)).to_have_count(count)
        await page.page.get_by_role("button", name="All again").click()
    await page.page.get_by_label("Only what was done so").select_option("demanded")
    await expect(found(page)).to_have_text("1 change")
    await page.page.get_by_role("button", name="All again").click()
    await page.page.get_by_label("Search what is shown").fill("r-1009")
    await expect(found(page)).to_have_text("1 of 4 changes")
    async with page.page.expect_download() as saved:
        await page.page.get_by_role("button", name="XLSX").click()
    assert "movements" in (await saved.value).suggested_filename
    assert await page.page.evaluate("() => window.hurt") is None


async def test_older_changes_come_as_one_scrolls_and_new_ones_one_question_at_a_time(
    open_page: Open, stores: Stores, till: httpx.AsyncClient, token: str, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {f"item-{number}": 1 for number in range(250)}})
    await movements(till, store_id, 250)
    page = await signed_in(open_page, token, f"{address_of(store_id)}/history")
    await expect(found(page)).to_have_text("The newest 100 changes")
    await page.page.get_by_role("button", name="Older changes").press("Enter")
    await expect(found(page)).to_have_text("The newest 200 changes")
    to_the_end = "(it) => { it.scrollTop = it.scrollHeight; }"
    await page.page.locator(".history .scroller").evaluate(to_the_end)
    await expect(found(page)).to_have_text("250 changes")
    await page.page.locator(".history .scroller").evaluate(to_the_end)
    # One that was asked before may be answered later, and counts for nothing.
    asked, most = set[Request](), 0

    def note(request: Request) -> None:
        nonlocal most
        if "/movements?" in request.url:
            asked.add(request)
            most = max(most, len(asked))

    async def answer_late(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    # So slow that questions would overlap.
    await page.page.route("**/movements?*", answer_late)
    page.page.on("request", note)
    # Playwright takes no built-in method.
    page.page.on("requestfinished", lambda request: asked.discard(request))
    seen = page.page.locator(".history").get_by_text("item-0", exact=True)
    await expect(seen).to_be_in_viewport()
    for number in range(30):
        stores.update_one({"_id": store_id}, {"$inc": {f"items.item-{number}": 1}})
        await asyncio.sleep(0.05)
    await expect(found(page)).to_have_text("280 changes")
    assert most == 1
    # Whoever reads further down goes on there.
    await expect(seen).to_be_in_viewport()


async def test_units_are_those_of_the_last_day(
    open_page: Open, stores: Stores, till: httpx.AsyncClient, token: str, store_id: str
) -> None:
    for change in (50, -10, 2):
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": change}}, upsert=True)
    rows = await movements(till, store_id, 3)
    # A second has one value, its last one.
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": -41}})
    page = await signed_in(open_page, token, address_of(store_id))
    await expect(page.page.get_by_role("heading", name="Units over the last day")).to_be_visible()
    plot = page.page.get_by_role("img", name="Units: ")
    await expect(plot).to_have_attribute("aria-label", _words("0", now="1", least="0"))
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 99}})
    await expect(plot).to_have_attribute("aria-label", _words("0", now="100", least="0", most="100"))
    assert rows[0]["quantity"] == 50


def _words(first: str, *, now: str, least: str, most: str = ".*") -> re.Pattern[str]:
    return re.compile(f"^Units: {first} at .*, now {now}; at least {least}, at most {most}$")


async def test_the_trail_joins_the_ledger_and_the_socket(open_page: Open, token: str) -> None:
    page = await signed_in(open_page, token)
    joined = await page.page.evaluate(
        """async () => {
          const { Trail } = await import("/dashboard/trail.js");
          const trail = new Trail();
          trail.note(40, 7); trail.note(60, 8);
          const told = [[10, 1], [30, 5], [55, 8], [99, 9]].map(([at, units]) => ({ at, units }));
          trail.precede(told, 50);
          const { times, values } = trail;
          const before = [[...times], [...values]];
          trail.forget(35);
          return [before, [trail.times, trail.values]];
        }"""
    )
    assert joined == [[[10, 30, 60], [1, 5, 8]], [[35, 60], [5, 8]]]


def local(moment: str) -> str:
    """Write a moment as the page's input takes it, which is in Tokyo."""
    return (datetime.fromisoformat(moment) + timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M:%S")


async def look_at(page: Dashboard, moment: str) -> None:
    await page.page.get_by_label("As of").fill(local(moment))
    await page.page.get_by_role("button", name="Show", exact=True).click()


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_report_as_of_a_moment_is_none_of_now(
    open_page: Open, stores: Stores, till: httpx.AsyncClient, service: Service, token: str, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "table": 1}})
    (then, *_) = [row["at"] for row in await movements(till, store_id, 2)]
    # That second has to be over.
    while (await till.get(f"/stores/{store_id}", params={"at": then})).status_code != 200:
        pass
    stores.update_one({"_id": store_id}, {"$set": {"items": {"chair": 2}}})
    page = await signed_in(open_page, token, address_of(store_id), timezone_id="Asia/Tokyo")
    notice = page.page.locator("#moment-notice")
    await page.shows("chair", "2")
    await look_at(page, then)
    await page.shows("chair", "5")
    await expect(notice).to_contain_text("It is not live.")
    await expect(page.figure("Units")).to_have_text("6")
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}})
    for name in ("Supply", "Demand", "Clean", "chair"):
        await expect(page.page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    async with page.page.expect_download() as saved:
        await page.page.get_by_role("button", name="XLSX").click()
    assert (await saved.value).url.startswith("blob:")
    # The address says it, too.
    await page.page.reload()
    await page.shows("chair", "5")
    await page.page.get_by_role("link", name="Back to now").click()
    await expect(notice).to_be_hidden()
    await page.shows("chair", "3")
    await expect(page.figure("Units")).to_have_text("3")
    for moment, words in (
        (written(datetime.now(UTC) - timedelta(days=500)), "The ledger knows nothing from before"),
        (written(datetime.now(UTC) + timedelta(days=1)), "No report is of that moment."),
        (written(datetime.fromisoformat(then) - timedelta(seconds=1)), "There was no such store then."),
    ):
        await look_at(page, moment)
        await expect(notice).to_contain_text(words)
        await expect(page.page.locator(".items .all .row")).to_have_count(0)
        await expect(page.figure("Units")).to_have_text("–")
    (keeper,) = [pid for pid in children_of(service.pid) if b"store_api.keeping.program" in command_line(pid)]
    os.kill(keeper, signal.SIGSTOP)
    try:
        await look_at(page, written(datetime.now(UTC)))
        await expect(notice).to_contain_text("The ledger has not come to that moment yet.")
    finally:
        os.kill(keeper, signal.SIGCONT)
    await page.shows("chair", "3")
    await expect(notice).to_contain_text("It is not live.")


async def test_the_views_are_for_everybody(
    open_page: Open, stores: Stores, till: httpx.AsyncClient, token: str, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {f"item-{number}": number + 1 for number in range(20)}})
    then = (await movements(till, store_id, 20))[0]["at"]
    page = await signed_in(open_page, token, address_of(store_id), reduced_motion="reduce")
    press = page.page.keyboard.press
    await page.shows("item-0", "1")
    await page.page.get_by_role("link", name="Stock").focus()
    await press("Tab")
    await press("Enter")
    await expect(lines(page)).not_to_have_count(0)
    await expect(page.page.get_by_role("link", name="History")).to_be_focused()
    search = page.page.get_by_label("Search what is shown")
    while not await search.evaluate("(it) => it === document.activeElement"):
        await press("Tab")
    await page.page.keyboard.type("item-7")
    await expect(lines(page)).to_have_count(1)
    await assert_accessible(page)
    await page.page.emulate_media(color_scheme="dark")
    await page.page.evaluate("(path) => { location.href = path; }", f"{address_of(store_id)}/at/{then}")
    await page.shows("item-7", "8")
    await assert_accessible(page)
    phone = await signed_in(open_page, token, f"{address_of(store_id)}/history", **PHONE)
    await expect(lines(phone)).not_to_have_count(0)
    await assert_accessible(phone)
    wide, most = await phone.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= most
