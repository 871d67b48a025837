"""Signing in and out, as a person does on a page of the dashboard."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.dashboard import Dashboard
from tests.support.tokens import Documents

ALL = ["read", "supply", "demand", "clean"]
ENDED = "Your session has ended. Sign in to go on where you were."


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
