"""The balances that a keeper has in memory: those of the stores that changed last."""

import asyncio
from collections.abc import Iterable
from typing import Final

from store_api.ledger.balances import Balance, checkpoint_after
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.rows import Batch, Row

FEWEST_ROWS: Final = 1_000
"""A store has a checkpoint after as many rows as it has items, and after so many at the soonest."""

MOST_ITEMS: Final = 1_000_000
"""Items of all stores that are kept in memory: about 150 MB; the others are read again when they change."""


class RememberedBalances:
    """Remembers what the ledger has of stores, as much as fits.

    Args:
        ledger: where the others are read.
    """

    def __init__(self, ledger: LedgerCollections) -> None:
        self._ledger = ledger
        self._balances: dict[str, Balance] = {}

    def __getitem__(self, store_id: str) -> Balance:
        """Give the balance of a store that has been made sure of."""
        return self._balances[store_id]

    def clear(self) -> None:
        """Forget all: what was carried over may not be in the ledger."""
        self._balances.clear()

    async def read(self, store_ids: Iterable[str]) -> None:
        """Make sure of what the ledger has of stores."""
        unknown = {store_id for store_id in store_ids if store_id not in self._balances}
        if unknown:
            self._balances.update(await asyncio.to_thread(self._ledger.balances, unknown))

    def checkpoints(self, batch: Batch) -> list[Row]:
        """Write the checkpoints of those stores of a batch that have had enough rows since their last one."""
        due = []
        for store_id, seconds in batch.touched.items():
            balance = self._balances[store_id]
            if balance.rows is None or balance.rows >= max(FEWEST_ROWS, len(balance.items)):
                due.append(checkpoint_after(batch.number, store_id, balance, seconds))
        return [checkpoint for checkpoint in due if checkpoint is not None]

    def make_room(self, touched: Iterable[str]) -> None:
        """Forget the stores that changed longest ago, where there are too many items of all.

        Args:
            touched: those that have changed just now.
        """
        balances = self._balances
        for store_id in touched:
            balances[store_id] = balances.pop(store_id)
        items = sum(len(balance.items) + 1 for balance in balances.values())
        while items > MOST_ITEMS and len(balances) > 1:
            oldest = next(iter(balances))
            items -= len(balances.pop(oldest).items) + 1
