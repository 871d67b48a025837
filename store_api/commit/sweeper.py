"""Sweeps used-up items out of store documents in passing, so that none grows with what is long gone."""

import asyncio
import logging

from store_api.batches.numbers import Numbers
from store_api.commit.ports import Sweepable
from store_api.errors import StoreApiError
from store_api.stock import Stock

log = logging.getLogger(__name__)

ZEROS_TO_SWEEP = 64
"""Items of which nothing is left that a document may carry along, and a tenth of it beyond that."""

FIRSTS_TO_SWEEP = 8
"""Of how many stores that a writer has begun to write to one is swept."""


class Sweeper:
    """Counts what is used up in each store, and sweeps when there is enough of it.

    Args:
        stores: where documents are swept.
        numbers: numbers the sweeps.
    """

    def __init__(self, stores: Sweepable, numbers: Numbers) -> None:
        self._stores = stores
        self._numbers = numbers
        self._zeros: dict[str, int] = {}
        self._firsts = 0
        self._sweeps: dict[str, asyncio.Task[None]] = {}

    def note(self, store_id: str, stock: Stock, *, complete: bool) -> None:
        """Count the zeros in a stock just read; one that is not complete adds to what was counted before."""
        zeros = list(stock.values()).count(0)
        if not complete:
            zeros += self._zeros.get(store_id, 0)
        self._zeros.pop(store_id, None)
        if zeros >= ZEROS_TO_SWEEP + len(stock) // 10:
            self._begin(store_id, items=True)
        elif zeros and not complete:
            self._zeros[store_id] = zeros

    def note_first(self, store_id: str) -> None:
        """Note a store that a writer has just written to for the first time, and left its number in.

        Of so many such stores one is swept: so none grows for long with the numbers of writers that are gone.
        """
        self._firsts += 1
        if self._firsts % FIRSTS_TO_SWEEP == 0:
            self._begin(store_id, items=False)

    async def close(self) -> None:
        """Wait until every sweep has ended."""
        if self._sweeps:
            await asyncio.wait(self._sweeps.values())

    def _begin(self, store_id: str, *, items: bool) -> None:
        if store_id not in self._sweeps:
            self._sweeps[store_id] = asyncio.create_task(self._sweep(store_id, items=items))

    async def _sweep(self, store_id: str, *, items: bool) -> None:
        try:
            await self._stores.sweep(store_id, self._numbers.next(), items=items)
        except StoreApiError as error:
            # The zeros do no harm, and are counted again.
            log.warning("Could not sweep", extra={"action": "sweep_failed", "error": type(error).__name__})
        finally:
            del self._sweeps[store_id]
