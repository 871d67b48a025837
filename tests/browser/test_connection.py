"""A page always knows whether it is connected, comes back by itself, and is right when it is."""

import re
import signal
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.async_api import expect
from pymongo import MongoClient

from tests.browser.conftest import Open
from tests.browser.dashboard import NO_PAGE, UNITS, address_of
from tests.browser.slow_network import slow_network
from tests.end_to_end.conftest import Stores
from tests.support.service import Service

NOT_CONNECTED = re.compile(r"Not connected since \d\d:\d\d:\d\d")


@pytest.fixture(scope="module")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that is these tests' alone to stop."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_page_outlives_the_service(
    open_page: Open, service: Service, stores: Stores, store_id: str, end: signal.Signals
) -> None:
    gone, other = f"{store_id}-gone", f"{store_id}-other"
    items = {"chair": 5, "table": 2}
    stores.insert_many({"_id": each, "items": items} for each in (store_id, gone, other))
    one = await open_page(address_of(store_id), loses_network=True)
    every = await open_page("/", loses_network=True)
    await one.shows("chair", "5")
    await every.page.get_by_label("Search stores by id").fill(store_id)
    await every.shows(gone, "7", UNITS)

    service.stop(end)
    for page in (one, every):
        await expect(page.connection).to_have_text(NOT_CONNECTED)
    stores.update_one({"_id": store_id}, {"$set": {"items.chair": 9}, "$unset": {"items.table": ""}})
    stores.delete_one({"_id": gone})
    service.start()
    service.wait_until_ready()

    for page in (one, every):
        await page.is_live()
    await one.shows("chair", "9")
    await expect(one.row("table")).to_have_count(0)
    await every.shows(store_id, "9", UNITS)
    await every.shows(other, "7", UNITS)
    await expect(every.row(gone)).to_have_count(0)
    stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}})
    await one.shows("chair", "10")


async def test_a_slow_network_shows_what_is_true_in_the_end(
    open_page: Open, service: Service, stores: Stores, store_id: str
) -> None:
    items = {f"item-{number:05}": 1 for number in range(5_000)}
    stores.insert_one({"_id": store_id, "items": items})
    async with slow_network(service.port, delay=0.15, bytes_a_second=400_000) as network:
        page = await open_page(address_of(store_id), network.url)
        await expect(page.figure("Items")).to_have_text("5,000")
        for quantity in range(2, 42):
            stores.update_one({"_id": store_id}, {"$set": {"items.item-00003": quantity}})
        await page.shows("item-00003", "41")
        await expect(page.figure("Units")).to_have_text("5,040")


async def test_a_connection_that_dies_without_a_word_is_noticed(
    open_page: Open, service: Service, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    async with slow_network(service.port) as network:
        page = await open_page(NO_PAGE, network.url, loses_network=True)
        await page.page.clock.install()
        await page.page.goto(network.url + address_of(store_id))
        await page.shows("chair", "5")
        network.falls_silent()
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}})
        await page.page.clock.fast_forward(16_000)
        await expect(page.connection).to_have_text(NOT_CONNECTED)
        network.speaks_again()
        await page.page.clock.fast_forward(1_000)
        await page.is_live()
        await page.shows("chair", "6")


async def test_a_store_that_cannot_be_told_says_why_and_mends(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": "many"}}, bypass_document_validation=True)
    page = await open_page(address_of(store_id), loses_network=True)
    await expect(page.connection).to_contain_text(f"The document of store '{store_id}' is broken")
    stores.replace_one({"_id": store_id}, {"items": {"chair": 5}})
    await page.is_live()
    await page.shows("chair", "5")


async def test_an_id_that_no_store_can_have_is_said_to_be_one(open_page: Open) -> None:
    page = await open_page(address_of("x" * 129), loses_network=True)
    await expect(page.connection).to_contain_text("A store id is 1 to 128 printable characters")


async def test_pauses_grow_and_differ(open_page: Open) -> None:
    page = await open_page()
    pauses = await page.page.evaluate(
        """async () => {
          const { pauseAfter } = await import("/dashboard/backoff.js");
          const failures = [1, 2, 3, 4, 5, 6, 7, 8, 500];
          return [0, 0.999999].map((random) => failures.map((count) => pauseAfter(count, () => random)));
        }"""
    )
    longest, shortest = pauses
    assert longest == [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
    assert all(0.5 < least / most < 0.51 for least, most in zip(shortest, longest, strict=True))
