"""Small scenes with the committer in them: stores, operations, and how long and how well commands go."""

import asyncio
from collections.abc import Sequence

from store_api.commit import Committer
from store_api.stock import Operation, OperationKind, Reply, Stock
from store_api.storage.documents import ITEMS
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import History
from tests.simulation.nature import Fate, Nature


class Slow(Nature):
    """Every step of a command takes a second."""

    async def pause(self) -> None:
        await asyncio.sleep(1)


class Fated(Slow):
    """The first changes have these fates, one after the other."""

    def __init__(self, fates: Sequence[Fate]) -> None:
        self.fates = list(fates)

    def fate_of_change(self) -> Fate:
        return self.fates.pop(0) if self.fates else Fate.DONE


def repository_of(nature: Nature | None = None, **stocks: Stock) -> FakeRepository:
    """Make a repository of these stores; each step of a command takes a second unless told otherwise."""
    repository = FakeRepository(History(), nature or Slow())
    for store_id, stock in stocks.items():
        repository.put(store_id, {"_id": store_id, ITEMS: stock})
    return repository


def demand(store_id: str, items: Stock, *, minimal: bool = False) -> Operation:
    return Operation(store_id, OperationKind.DEMAND, items, minimal)


def supply(store_id: str, items: Stock, *, minimal: bool = False) -> Operation:
    return Operation(store_id, OperationKind.SUPPLY, items, minimal)


def clean(store_id: str) -> Operation:
    return Operation(store_id, OperationKind.CLEAN, {})


async def answers_of(committer: Committer, *operations: Operation) -> list[Reply]:
    """Hand operations over at once, and wait for their answers."""
    return await asyncio.gather(*(committer.answer(operation) for operation in operations))


def now() -> float:
    """Give the virtual time, in seconds."""
    return asyncio.get_running_loop().time()
