"""The stocktake is what the stores hold: all of them, or those that were asked for."""

from datetime import UTC, datetime

import pytest

from bot.compose import stocktaking as reading
from bot.compose.stocktaking import take_stock
from bot.report.stocktake import StoreStock, Trouble
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents

AT = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


@pytest.fixture
def repository(client: Client, database_name: str) -> StoreWriter:
    return StoreWriter(client, database_name)


@pytest.mark.usefixtures("stocked")
async def test_all_stores_by_id_without_what_is_used_up(repository: StoreWriter) -> None:
    found = await take_stock(repository, None, AT)
    assert found.at == AT
    assert found.stores == [StoreStock("abc111", {"item-1": 10, "a.b": 3}), StoreStock("xyz", {"=1+1": 7})]


@pytest.mark.usefixtures("stocked")
async def test_asked_for_stores_in_their_order_and_those_that_are_not_there(
    repository: StoreWriter,
) -> None:
    found = await take_stock(repository, ("xyz", "nowhere", "abc111"), AT)
    assert [(store.store_id, store.trouble) for store in found.stores] == [
        ("xyz", None),
        ("nowhere", Trouble.MISSING),
        ("abc111", None),
    ]


async def test_a_broken_store_breaks_no_other(repository: StoreWriter, stocked: Documents) -> None:
    stocked.insert_one({"_id": "bad", "items": {"x": -1.5}})
    found = await take_stock(repository, None, AT)
    assert [store.trouble for store in found.stores] == [None, Trouble.BROKEN, None]


async def test_a_database_without_stores_is_an_empty_stocktake(repository: StoreWriter) -> None:
    assert (await take_stock(repository, None, AT)).stores == []


async def test_pages_miss_nothing(
    repository: StoreWriter, own_stores: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 3)
    own_stores.insert_many([{"_id": f"store-{number:02}", "items": {"x": number}} for number in range(1, 12)])
    found = await take_stock(repository, None, AT)
    assert [store.stock["x"] for store in found.stores] == list(range(1, 12))
    assert await take_stock(repository, [store.store_id for store in found.stores], AT) == found
