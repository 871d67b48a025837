"""An answer that does not come is asked for again by the page, under the same key: nothing is done twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from playwright.async_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.dashboard import Dashboard, address_of
from tests.end_to_end.conftest import Stores

LOST = "lost"
"""Carried out, and the answer cut off."""


def problem(status: int, name: str, outcome: str) -> tuple[int, str]:
    """Write an answer that leaves something open."""
    document = {"type": f"/problems/{name}", "title": name, "status": status, "detail": f"It is {name}."}
    return status, json.dumps({**document, "outcome": outcome})


IN_FLIGHT = problem(409, "idempotency-in-flight", "unknown")
SIGNED_OUT = problem(401, "credential-invalid", "not applied")
AWAY = problem(503, "database-unavailable", "not applied")


class Hurdles:
    """What becomes of one operation after the other, on its way from the page; then all is well.

    Args:
        answers: LOST, or a status and a document that come in place of the service.
        then: what the others wait for.

    Attributes:
        keys: under which each was sent.
        met: how many have had what comes to them.
    """

    def __init__(self, *answers: str | tuple[int, str], then: asyncio.Event | None = None) -> None:
        self.keys: list[str] = []
        self.met = 0
        self._answers = list(answers)
        self._then = then

    async def meet(self, route: Route) -> None:
        """Let a request of the page meet what comes next."""
        if route.request.method != "POST":
            await route.continue_()
            return
        self.keys.append(route.request.headers["idempotency-key"])
        try:
            await self._meet(route)
        finally:
            self.met += 1

    async def _meet(self, route: Route) -> None:
        answer = self._answers.pop(0) if self._answers else None
        if answer is None:
            if self._then is not None:
                await self._then.wait()
            await route.continue_()
        elif isinstance(answer, str):
            await route.fetch()
            await route.abort("connectionreset")
        else:
            status, body = answer
            await route.fulfill(status=status, body=body, content_type="application/problem+json")


async def opened(open_page: Open, store_id: str, hurdles: Hurdles) -> Dashboard:
    page = await open_page(address_of(store_id), loses_network=True)
    await page.page.route("**/stores/**", hurdles.meet)
    return page


async def supply(page: Dashboard, quantity: str) -> None:
    await page.page.get_by_role("button", name="Supply", exact=True).click()
    await page.page.get_by_label("Item", exact=True).fill("chair")
    await page.page.get_by_label("Quantity", exact=True).fill(quantity)
    await page.page.keyboard.press("Enter")


async def test_an_answer_that_was_cut_off_is_asked_for_again_and_it_is_done_once(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    hurdles = Hurdles(LOST, IN_FLIGHT, AWAY)
    page = await opened(open_page, store_id, hurdles)
    await supply(page, "3")
    problem_shown = page.page.get_by_role("alert")
    await expect(problem_shown).to_contain_text("Not known yet")
    await expect(page.page.get_by_role("status")).to_have_text("Supplied: 3 pieces of chair")
    await expect(page.page.get_by_role("dialog")).to_be_hidden()
    await page.shows("chair", "3")
    assert len(hurdles.keys) == 4
    assert len(set(hurdles.keys)) == 1
    await supply(page, "3")
    await page.shows("chair", "6")
    assert len(set(hurdles.keys)) == 2
    assert the_items(stores, store_id) == {"chair": 6}


async def test_a_clean_is_asked_for_again_too(open_page: Open, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    hurdles = Hurdles(LOST)
    page = await opened(open_page, store_id, hurdles)
    await page.shows("chair", "5")
    await page.page.get_by_role("button", name="Clean", exact=True).click()
    await page.page.get_by_role("button", name="Clean it").click()
    await expect(page.page.get_by_role("status")).to_have_text(f"{store_id} is empty")
    assert len(hurdles.keys) == 2
    assert len(set(hurdles.keys)) == 1


async def test_who_gives_up_says_what_is_known_and_the_same_sent_by_hand_is_still_done_once(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    hurdles = Hurdles(LOST, *[AWAY] * 40)
    page = await opened(open_page, store_id, hurdles)
    await page.is_live()
    await pass_time(page, hurdles, lambda: supply(page, "3"))
    problem_shown = page.page.get_by_role("alert")
    # The last try came to nothing; the first one nobody knows of.
    await expect(problem_shown).to_contain_text("It is not known whether it was applied.")
    tries = len(hurdles.keys)
    assert 5 < tries < 12
    await page.page.unroute("**/stores/**")
    settled = Hurdles()
    await page.page.route("**/stores/**", settled.meet)
    await page.page.get_by_role("dialog").get_by_role("button", name="Supply", exact=True).click()
    await expect(page.page.get_by_role("dialog")).to_be_hidden()
    assert {*hurdles.keys, *settled.keys} == {hurdles.keys[0]}
    assert the_items(stores, store_id) == {"chair": 3}


async def test_who_is_signed_out_between_two_tries_sends_the_same_once_more_and_it_is_done_once(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    hurdles = Hurdles(LOST, SIGNED_OUT)
    page = await opened(open_page, store_id, hurdles)
    await page.is_live()
    await supply(page, "3")
    problem_shown = page.page.get_by_role("alert")
    await expect(problem_shown).to_contain_text("You are not signed in any more")
    # What became of the first, the refusal of the second does not say.
    await expect(problem_shown).to_contain_text("It is not known whether it was applied.")
    await page.page.get_by_role("dialog").get_by_role("button", name="Supply", exact=True).click()
    await expect(page.page.get_by_role("dialog")).to_be_hidden()
    assert len(hurdles.keys) == 3
    assert len(set(hurdles.keys)) == 1
    assert the_items(stores, store_id) == {"chair": 3}


async def test_what_was_never_taken_is_told_as_that(open_page: Open, stores: Stores, store_id: str) -> None:
    hurdles = Hurdles(*[AWAY] * 40)
    page = await opened(open_page, store_id, hurdles)
    await page.is_live()
    await pass_time(page, hurdles, lambda: supply(page, "3"))
    problem_shown = page.page.get_by_role("alert")
    await expect(problem_shown).to_contain_text("It is database-unavailable.")
    await expect(problem_shown).not_to_contain_text("It is asked again")
    await expect(problem_shown).not_to_contain_text("not known whether")
    assert stores.find_one({"_id": store_id}) is None


async def test_a_dialog_that_was_closed_meanwhile_says_elsewhere_how_it_ended(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 2**63 - 1}})
    is_closed = asyncio.Event()
    page = await opened(open_page, store_id, Hurdles(AWAY, then=is_closed))
    await page.is_live()
    await supply(page, "3")
    await expect(page.page.get_by_role("alert")).to_contain_text("Not known yet")
    await page.page.get_by_role("button", name="Cancel").click()
    is_closed.set()
    dialog = page.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"Supply {store_id}: Quantity overflow")


async def pass_time(page: Dashboard, hurdles: Hurdles, do: Callable[[], Awaitable[None]]) -> None:
    """Do something, and let the page's own minute pass; it stands still while a request is on its way."""
    await page.page.clock.install()
    await do()
    for _ in range(240):
        while hurdles.met < len(hurdles.keys):
            await page.page.evaluate("0")
        await page.page.clock.run_for(250)


def the_items(stores: Stores, store_id: str) -> dict[str, int]:
    document = stores.find_one({"_id": store_id})
    assert document is not None
    items: dict[str, int] = document["items"]
    return items
