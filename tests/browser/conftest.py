"""What the browser tests share: one Chromium, pages that must not complain, and the served programs."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright
from pymongo import MongoClient

from tests.browser.dashboard import Dashboard
from tests.conftest import NO_BROWSER
from tests.end_to_end.conftest import mongo, service_alone, store_id, stores
from tests.support.service import Service
from tests.support.tokens import Documents, tokens_in
from tests.support.turns import browsing

__all__ = ["mongo", "store_id", "stores"]

CHROMIUMS = ("chromium-headless-shell", "chromium")
"""Best without the windows that nobody sees: the same pages for three fifths of the processor time."""

SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
STILL, MOVING = {"reduced_motion": "reduce"}, {"reduced_motion": "no-preference"}
"""Without a graphics card a mark that fades takes half a core for four seconds, after every change."""

Open = Callable[..., Awaitable[Dashboard]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium. Where it is missing its tests are skipped, but not in CI, which installs it."""
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    async with async_playwright() as playwright:
        # Chromium listens on a socket there, whose path may have but 107 bytes.
        short: dict[str, str | float | bool] = {**os.environ, "TMPDIR": "/tmp"}  # noqa: S108
        browser = await playwright.chromium.launch(executable_path=program, args=list(SWITCHES), env=short)
        yield browser
        await browser.close()


@pytest.fixture(scope="package")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service that pages come from, in one process."""
    with service_alone(mongo_url, mongo, tmp_path_factory.mktemp("service"), "1") as service:
        yield service


@pytest.fixture
def tokens(service: Service, mongo: MongoClient[dict[str, Any]]) -> Documents:
    """The tokens of a service that asks who calls."""
    return tokens_in(mongo[service.database])


@pytest.fixture
async def open_page(browser: Browser, service: Service) -> AsyncIterator[Open]:
    """Open the dashboard at a path; when the test is over, no page may have complained.

    Its arguments: `path`, `url` (where not the service itself), `loses_network` (Chromium itself then logs
    what it could not load), and whatever a browser context takes: `**MOVING` where what moves is the subject.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(browsing())
        dashboards: list[Dashboard] = []

        async def open_one(
            path: str = "/", url: str = service.url, *, loses_network: bool = False, **options: Any
        ) -> Dashboard:
            settings = {"viewport": {"width": 1280, "height": 800}, **STILL, **options}
            context: BrowserContext = await browser.new_context(**settings)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            dashboard = Dashboard(page, loses_network=loses_network)
            dashboards.append(dashboard)
            await page.goto(url + path)
            return dashboard

        yield open_one
        assert [complaint for dashboard in dashboards for complaint in dashboard.complaints] == []
