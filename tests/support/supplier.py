"""A client that writes while MongoDB comes and goes, and what must be true of the stock afterwards."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from bench.load.http_client import Connection
from tests.support.mongod import wait_until
from tests.support.service import Service

PAUSE_SECONDS = 0.01


class Supplier:
    """A client that supplies one new item after another, and keeps what it was told about each."""

    def __init__(self, service: Service, store_id: str, name: str) -> None:
        self.applied: list[str] = []
        self.not_applied: list[str] = []
        self.unknown: list[str] = []
        self._connection = Connection(service.url)
        self._path = f"/stores/{store_id}"
        self._name = name
        self._enough = False
        self._task = asyncio.create_task(self._supply())

    async def _supply(self) -> None:
        count = 0
        while not self._enough:
            count += 1
            item_id = f"{self._name}-{count}"
            body = msgspec.json.encode({"operation": "supply", "item_id": item_id, "quantity": 1})
            answer = await self._connection.request("POST", self._path, body)
            # While MongoDB comes back, the machine is left to it.
            await asyncio.sleep(PAUSE_SECONDS)
            if answer.status == 200:
                self.applied.append(item_id)
                continue
            assert answer.status == 503
            outcome = msgspec.json.decode(answer.body)["outcome"]
            {"not applied": self.not_applied, "unknown": self.unknown}[outcome].append(item_id)

    async def after(self, count: int) -> None:
        """Wait until that many more were applied."""
        wanted = len(self.applied) + count
        await asyncio.to_thread(wait_until, lambda: len(self.applied) >= wanted, "supplies", 30.0)

    async def finish(self) -> None:
        self._enough = True
        await self._task


def nothing_is_lost(suppliers: Sequence[Supplier], items: Mapping[str, int]) -> None:
    """Make sure that a store holds what was applied, once, and nothing that was not.

    Raises:
        AssertionError: it does not.
    """
    for supplier in suppliers:
        assert set(supplier.applied) <= items.keys()
        assert not set(supplier.not_applied) & items.keys()
    assert items.keys() <= {each for supplier in suppliers for each in supplier.applied + supplier.unknown}
    assert set(items.values()) == {1}
