"""A keeper in this process, and what other programs do to the stores that it follows."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import Keeper
from tests.support.ledger_check import first_difference, is_kept, moment_now, told

KEEPER = "keeper under test"
"""Tells it from the keepers of services that other tests have running."""

CAUGHT_UP_SECONDS = 20.0

Mongo = MongoClient[dict[str, Any]]


class Kept:
    """A ledger under test.

    Args:
        ledger: its collections, as its keeper has them.
        mongo: any other program's client.
        name: of the database.
    """

    def __init__(self, ledger: LedgerCollections, mongo: Mongo, name: str) -> None:
        self.ledger = ledger
        self.mongo = mongo
        self.database = mongo[name]
        self.stores: Collection[dict[str, Any]] = self.database["stores"]

    async def until_kept(self, unless: Callable[[], bool] = lambda: False, *, proved: bool = True) -> None:
        """Wait until the ledger has all that was written before, and prove it.

        No thread waits: keepers in this process need those.

        Args:
            unless: whether nobody keeps it any more; then it is not proved.
            proved: whether it is proved.

        Raises:
            TimeoutError: it does not come so far.
        """
        moment = await asyncio.to_thread(moment_now, self.database)
        async with asyncio.timeout(CAUGHT_UP_SECONDS):
            while not is_kept(self.database, moment):
                if unless():
                    return
                await asyncio.sleep(0.03)
        wrong = first_difference(self.database) if proved else None
        assert wrong is None, wrong

    async def check(self) -> None:
        """Let a keeper come and go, and prove the ledger then."""
        async with keeping(self.ledger):
            await self.until_kept()

    def told(self, store_id: str) -> list[tuple[str, int, int, str]]:
        """Give a store's rows: item, delta, quantity, kind."""
        return told(self.database, store_id)


@asynccontextmanager
async def keeping(ledger: LedgerCollections) -> AsyncIterator[Keeper]:
    """Let a keeper keep a ledger, until it is ended as by a kill: at whatever it does just then."""
    keeper = Keeper(ledger, random.random, time.time)
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        keeper.stop()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
