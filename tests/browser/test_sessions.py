"""Who looks has signed in: sees and does what he may, is told when that ends, and goes on where he was."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Response, expect
from pymongo import MongoClient

from tests.browser.conftest import Open
from tests.browser.dashboard import SECONDS, UNITS, Dashboard, address_of
from tests.browser.test_accessibility import PHONE, assert_accessible
from tests.end_to_end.conftest import Stores
from tests.support.service import Service
from tests.support.tokens import Documents, bearer, let_in, tokens_in

ALL = ["read", "supply", "demand", "clean"]
ENDED = "Your session has ended. Sign in to go on where you were."


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


@pytest.fixture
def tokens(service: Service, mongo: MongoClient[dict[str, Any]]) -> Documents:
    return tokens_in(mongo[service.database])


def revoke(tokens: Documents, token: str) -> None:
    tokens.update_one({"hint": token[:9]}, {"$set": {"revoked": datetime.now(UTC)}})


def door(page: Dashboard) -> Locator:
    """The form to sign in with."""
    return page.page.get_by_role("dialog", name="Sign in")


async def sign_in(page: Dashboard, token: str) -> None:
    await door(page).get_by_label("Token").fill(token)
    await page.page.keyboard.press("Enter")
    await expect(door(page)).to_be_hidden()


async def signed_in(open_page: Open, token: str, *address: str, **options: Any) -> Dashboard:
    """Open a page and sign in; that nobody was signed in before is no complaint."""
    page = await open_page(*address, loses_network=True, **options)
    await sign_in(page, token)
    return page


def buttons(page: Dashboard, names: Sequence[str]) -> list[Locator]:
    return [page.page.get_by_role("button", name=name, exact=True) for name in names]


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


async def test_a_page_that_is_signed_out_asks_nothing(open_page: Open, tokens: Documents) -> None:
    page = await open_page("/docs", loses_network=True)
    await page.page.clock.install()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.page.on("websocket", lambda socket: asked.append(socket.url))
    await page.page.goto(page.page.url.replace("/docs", "/"))
    await expect(door(page)).to_be_visible()
    first = len(asked)
    assert asked.count("session") == 1
    await page.page.clock.fast_forward(600_000)
    await sign_in(page, let_in(tokens, ALL))
    await page.is_live()
    assert asked[first] == "session"
    assert len(asked) == first + 2


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
