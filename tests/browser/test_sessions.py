"""Who looks has signed in: sees and does what he may, is told when that ends, and goes on where he was."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import expect
from pymongo import MongoClient

from tests.browser.conftest import Open
from tests.browser.dashboard import SECONDS, UNITS, Dashboard, address_of
from tests.browser.signing_in import ALL, ENDED, buttons, door, revoke, sign_in, signed_in
from tests.browser.test_accessibility import PHONE, assert_accessible
from tests.end_to_end.conftest import Stores
from tests.support.service import Service
from tests.support.tokens import Documents, bearer, let_in


@pytest.fixture(scope="module")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that lets in whoever has a token."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "AUTH": "tokens"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


async def test_who_signs_in_is_known_by_name_and_signs_out(
    open_page: Open, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    token = let_in(tokens, ALL, name="ann <b>", stores=["store-*"])
    page = await open_page(address_of(store_id), loses_network=True)
    await expect(door(page)).to_be_visible()
    await sign_in(page, token)
    await page.shows("chair", "5")
    await page.page.get_by_role("button", name="ann <b>").click()
    rights = page.page.get_by_role("dialog")
    for words in ("clean, demand, read, supply", "store-*"):
        await expect(rights).to_contain_text(words)
    await page.page.keyboard.press("Escape")
    # The page is let in when it is loaded anew, too.
    await page.page.reload()
    await page.shows("chair", "5")
    await page.page.get_by_role("button", name="Sign out").click()
    await expect(door(page)).to_contain_text("You have signed out.")
    await expect(page.page.get_by_text("chair")).to_have_count(0)
    assert await page.page.context.cookies() == []
    await page.page.reload()
    await expect(door(page)).to_be_visible()


async def test_a_wrong_token_is_said_to_be_one(open_page: Open, tokens: Documents) -> None:
    page = await open_page(loses_network=True)
    problem = door(page).get_by_role("alert")
    revoked = let_in(tokens, ALL)
    revoke(tokens, revoked)
    for wrong, words in (
        ("", "No token"),
        ("two words", "No token"),
        ("\u00e9", "No token"),
        ("sapi_nonsense", "Credential invalid"),
        (revoked, "Credential invalid"),
    ):
        await door(page).get_by_label("Token").fill(wrong)
        await page.page.keyboard.press("Enter")
        await expect(problem).to_contain_text(words)
        await expect(door(page).get_by_label("Token")).to_have_value("")
        await expect(door(page).get_by_label("Token")).to_be_focused()
        await page.page.keyboard.press("Escape")
        await page.page.keyboard.press("Escape")
        await expect(door(page)).to_be_visible()
    await sign_in(page, f" {let_in(tokens, ALL)}\n")
    await page.is_live()


async def test_what_one_may_not_do_is_not_there(
    open_page: Open, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_many(
        [{"_id": store_id, "items": {"chair": 5}}, {"_id": f"x-{store_id}", "items": {"a": 1}}]
    )
    page = await signed_in(open_page, let_in(tokens, ["read", "supply"], stores=["store-*"]))
    await page.shows(store_id, "5", UNITS)
    await expect(page.row(f"x-{store_id}")).to_have_count(0)
    await page.page.get_by_role("link", name=store_id, exact=True).click()
    await page.shows("chair", "5")
    for button in buttons(page, ["Supply", "XLSX"]):
        await expect(button).to_be_visible()
    for button in buttons(page, ["Demand", "Clean", "chair"]):
        await expect(button).to_have_count(0)
    await page.page.evaluate("(path) => { location.href = path; }", address_of(f"x-{store_id}"))
    await expect(page.page.get_by_text("This store is none of yours.")).to_be_visible()
    for button in buttons(page, ["Supply", "XLSX", "Demand", "Clean"]):
        await expect(button).to_have_count(0)


async def test_who_may_not_read_can_do_the_rest(
    open_page: Open, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    page = await signed_in(open_page, let_in(tokens, ["demand"]))
    await expect(page.page.get_by_text("You may not read what is in the stores")).to_be_visible()
    await page.page.get_by_label("Search stores by id").fill(store_id)
    await page.page.get_by_role("link", name=f"Open {store_id}").click()
    await page.page.get_by_role("button", name="Demand", exact=True).click()
    await page.page.get_by_label("Item", exact=True).fill("chair")
    await page.page.keyboard.press("Enter")
    await expect(page.page.get_by_role("status")).to_have_text("Demanded: 1 piece of chair")
    await expect(page.page.get_by_role("table")).to_have_count(0)
    assert stores.find_one({"_id": store_id}) is not None
    await assert_accessible(page)


async def half_typed(page: Dashboard) -> None:
    """Begin to supply something, and leave it so."""
    await page.page.get_by_role("button", name="Supply", exact=True).click()
    await page.page.get_by_label("Item", exact=True).fill("table")
    await page.page.get_by_label("Quantity", exact=True).fill("7")


async def test_a_session_that_ends_says_so_and_one_goes_on_where_one_was(
    open_page: Open, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "table": 1}})
    token = let_in(tokens, ALL, name=f"ann-{store_id}")
    page = await signed_in(open_page, token, address_of(store_id))
    await page.page.get_by_label("Search items by id").fill("tab")
    await page.shows("table", "1")
    await half_typed(page)
    revoke(tokens, token)
    await expect(door(page)).to_contain_text(ENDED)
    await expect(page.page.get_by_text("chair")).to_have_count(0)
    await sign_in(page, let_in(tokens, ALL, name=f"ann-{store_id}"))
    await expect(page.page.get_by_label("Item", exact=True)).to_have_value("table")
    await expect(page.page.get_by_label("Quantity", exact=True)).to_have_value("7")
    await page.page.get_by_label("Quantity", exact=True).press("Enter")
    await expect(page.page.get_by_role("dialog")).to_be_hidden()
    await page.shows("table", "8")
    await expect(page.page.get_by_label("Search items by id")).to_have_value("tab")
    await expect(page.row("chair")).to_have_count(0)


async def test_who_does_not_listen_is_told_when_he_does_something(
    open_page: Open, tokens: Documents, stores: Stores, service: Service, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {}})
    token = let_in(tokens, ["supply"], name=f"ann-{store_id}")
    page = await signed_in(open_page, token, address_of(store_id))
    await half_typed(page)
    revoke(tokens, token)
    async with service.client() as client:
        while (await client.get("/session", headers=bearer(token))).status_code != 401:
            pass
    await page.page.keyboard.press("Enter")
    await expect(door(page)).to_contain_text(ENDED)
    assert stores.find_one({"_id": store_id}) == {"_id": store_id, "items": {}}
    await sign_in(page, let_in(tokens, ["supply"], name=f"ann-{store_id}"))
    await expect(page.page.get_by_role("alert")).to_contain_text("You are not signed in any more")
    await page.page.get_by_label("Quantity", exact=True).press("Enter")
    await expect(page.page.get_by_role("status")).to_have_text("Supplied: 7 pieces of table")


async def test_somebody_else_does_not_find_what_was_half_typed(
    open_page: Open, tokens: Documents, store_id: str
) -> None:
    token = let_in(tokens, ALL)
    page = await signed_in(open_page, token, address_of(store_id))
    await page.is_live()
    await half_typed(page)
    revoke(tokens, token)
    await sign_in(page, let_in(tokens, ALL))
    await page.is_live()
    await expect(page.page.get_by_role("dialog")).to_be_hidden()


async def test_a_session_ends_by_itself_when_it_expires(
    open_page: Open, tokens: Documents, store_id: str
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=4)
    page = await signed_in(open_page, let_in(tokens, ALL, expires=expires), address_of(store_id))
    await page.is_live()
    await expect(door(page)).to_contain_text(ENDED, timeout=(4 + SECONDS) * 1000)


async def test_a_page_hears_at_once_that_its_token_was_revoked(
    open_page: Open, tokens: Documents, store_id: str
) -> None:
    token = let_in(tokens, ALL)
    page = await signed_in(open_page, token, address_of(store_id))
    await page.is_live()
    revoke(tokens, token)
    await expect(door(page)).to_contain_text(ENDED)


async def test_other_rights_are_shown_as_soon_as_they_are_there(
    open_page: Open, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    token = let_in(tokens, ALL)
    page = await signed_in(open_page, token, address_of(store_id))
    await page.shows("chair", "5")
    await half_typed(page)
    tokens.update_one({"hint": token[:9]}, {"$set": {"scopes": ["read", "demand"]}})
    await expect(page.page.get_by_role("dialog")).to_be_hidden()
    for button in buttons(page, ["Supply", "Clean"]):
        await expect(button).to_have_count(0)
    await page.is_live()
    await page.shows("chair", "5")


async def test_pages_of_one_browser_sign_in_and_out_together(
    open_page: Open, tokens: Documents, service: Service
) -> None:
    one = await open_page(loses_network=True)
    other = Dashboard(await one.page.context.new_page(), loses_network=True)
    await other.page.goto(service.url)
    await expect(door(other)).to_be_visible()
    await sign_in(one, let_in(tokens, ALL))
    await other.is_live()
    await other.page.get_by_role("button", name="Sign out").click()
    await expect(door(one)).to_be_visible()
    assert other.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
async def test_no_rule_of_accessibility_is_broken(
    open_page: Open, tokens: Documents, scheme: str, device: dict[str, Any]
) -> None:
    page = await open_page(color_scheme=scheme, reduced_motion="reduce", **device, loses_network=True)
    await door(page).get_by_label("Token").fill("nonsense")
    await page.page.keyboard.press("Enter")
    await expect(door(page).get_by_role("alert")).to_be_visible()
    await assert_accessible(page)
    name = "a name as long as names of tills may become before anybody shortens them"
    await sign_in(page, let_in(tokens, ALL, name=f"{name} {uuid4().hex}"))
    await page.is_live()
    await assert_accessible(page)
    wide, most = await page.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= most
    await page.page.get_by_role("button", name="a name as long").click()
    await assert_accessible(page)
