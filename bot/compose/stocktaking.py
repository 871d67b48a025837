"""Reads a stocktake: the stores of the report, and which of them are in trouble."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.report.stocktake import Stocktake, StoreStock, Trouble
from store_api.errors import BrokenDocument
from store_api.stock import Stock
from store_api.storage.writer import StoreWriter

PAGE = 500
"""Stores that are read at once."""


async def take_stock(repository: StoreWriter, store_ids: Sequence[str] | None, at: datetime) -> Stocktake:
    """Read these stores in their order, or all (None) by id; each as it stood at one moment.

    Raises:
        DatabaseUnavailable: no primary, or it did not answer.
    """
    stores: list[StoreStock] = []
    if store_ids is not None:
        for start in range(0, len(store_ids), PAGE):
            page = store_ids[start : start + PAGE]
            found = await repository.read_many(page)
            stores += [_store(store_id, found) for store_id in page]
        return Stocktake(at, stores)
    after = ""
    while page := [summary.store_id for summary in await repository.overview(after, PAGE)]:
        found = await repository.read_many(page)
        # One that was deleted in between is not there any more.
        stores += [_store(store_id, found) for store_id in page if store_id in found]
        after = page[-1]
    return Stocktake(at, stores)


def _store(store_id: str, found: Mapping[str, Stock | BrokenDocument]) -> StoreStock:
    stock = found.get(store_id)
    if stock is None:
        return StoreStock(store_id, {}, Trouble.MISSING)
    if isinstance(stock, BrokenDocument):
        return StoreStock(store_id, {}, Trouble.BROKEN)
    return StoreStock.of(store_id, stock)
