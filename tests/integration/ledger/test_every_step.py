"""A keeper that is killed after any of its commands: whoever goes on leaves nothing out.

As after a real kill, what it had begun stays begun: nothing takes its transaction back.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from bson import Binary, Int64
from pymongo import MongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from store_api.ledger import keeper as keepers
from store_api.ledger import reconciling
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import Keeper
from store_api.stock import Operation, OperationKind
from store_api.stock.said import said_of
from tests.integration.ledger.keeping import KEEPER, Kept, Mongo, keeping

AT_ONCE = 8
"""Keepers that are killed side by side, each at another step, and each with a database of its own."""


class Killed(BaseException):
    """What a kill would leave undone is not done: nobody catches this."""


class Death(CommandListener):
    """Kills a keeper after so many commands, those of its stream aside; the dead send nothing.

    Args:
        after: how many; None lets it live.

    Attributes:
        sent: the commands that were sent, by name.
        is_over: whether what is sent now is none of the keeper's any more.
    """

    def __init__(self, after: int | None) -> None:
        self._after = after
        self._lock = threading.Lock()
        self.sent: list[str] = []
        self.is_over = False

    @property
    def has_come(self) -> bool:
        """Whether it is dead."""
        return not self.is_over and self._after is not None and len(self.sent) >= self._after

    def started(self, event: CommandStartedEvent) -> None:
        """Let nothing be sent by the dead."""
        if _is_the_streams():
            return
        with self._lock:
            if self.has_come:
                raise Killed
            self.sent.append(event.command_name)

    def succeeded(self, _: CommandSucceededEvent) -> None:
        """Kill once a command has taken effect."""
        if self.has_come and not _is_the_streams():
            raise Killed

    def failed(self, _: CommandFailedEvent) -> None:
        """Kill whoever hears of a failure, too."""
        if self.has_come and not _is_the_streams():
            raise Killed


def _is_the_streams() -> bool:
    return threading.current_thread().name == "change stream"


class Life:
    """What happens to some stores while a keeper lives, and after its death.

    Args:
        kept: the ledger of whoever goes on after the keeper.
        url: of MongoDB.
        death: when the keeper dies.
    """

    def __init__(self, kept: Kept, url: str, death: Death) -> None:
        self.kept = kept
        self._url = url
        self._death = death

    async def lived(self) -> None:
        """Live it, let another go on, and prove the ledger."""
        self.kept.stores.insert_many({"_id": name, "items": {"chair": 5}} for name in ("north", "south"))
        client: Mongo = MongoClient(self._url, tz_aware=True, appname=KEEPER, event_listeners=[self._death])
        mortal = LedgerCollections(client, self.kept.database.name)
        running = asyncio.create_task(Keeper(mortal, random.random, time.time).run())
        try:
            for what in (self._nothing, self._changes, self._is_off):
                await asyncio.to_thread(what)
                await self._until_kept_or_dead(running)
            running.cancel()
            await asyncio.wait([running])
            async with keeping(self.kept.ledger):
                await self.kept.until_kept()
            rows = [
                row
                for each in self.kept.database["movements"].find({"_id.s": "large"})
                for row in each["rows"]
            ]
            # As long as it was told at all before everything was dropped.
            assert all(row["r"] == "R-2" and row["a"] == "till-7" for row in rows if row["o"] == "clean")
            assert sum(row["o"] == "clean" for row in rows) in (0, 8)
        finally:
            running.cancel()
            self._death.is_over = True
            await asyncio.to_thread(client.close)

    async def _until_kept_or_dead(self, running: "asyncio.Task[None]") -> None:
        await self.kept.until_kept(unless=running.done)
        if running.done() and (error := running.exception()) is not None and not isinstance(error, Killed):
            raise error

    def _nothing(self) -> None:
        pass

    def _changes(self) -> None:
        stores = self.kept.stores
        stores.update_one({"_id": "north"}, ours({"chair": -2}, 20))
        stores.insert_one({"_id": "large", "items": {f"item-{number}": 1 for number in range(8)}})
        stores.update_one({"_id": "large"}, cleaned(30))
        stores.delete_one({"_id": "south"})
        stores.insert_one({"_id": "south", "items": {"chair": 1, "table": 7}})
        with self.kept.mongo.start_session() as session, session.start_transaction():
            stores.update_one({"_id": "south"}, {"$inc": {"items.table": -1}}, session=session)
            stores.insert_one({"_id": "west", "items": {"lamp": 1}}, session=session)

    def _is_off(self) -> None:
        self.kept.stores.drop()
        self.kept.stores.insert_many([{"_id": "north", "items": {"chair": 9}}, {"_id": "east"}])


def cleaned(number: int) -> dict[str, Any]:
    """Make the update by which a service of ours cleans a store."""
    operation = Operation("large", OperationKind.CLEAN, {}, actor="till-7", reference="R-2")
    said = Binary(said_of("w", number, [operation]))
    return {"$inc": {"rev": 1}, "$set": {"items": {}, "writers.w": Int64(number), "last": said}}


def ours(increments: dict[str, int], number: int) -> dict[str, Any]:
    """Make an update as a service of ours makes it."""
    items = {item_id: -quantity for item_id, quantity in increments.items()}
    operation = Operation("north", OperationKind.DEMAND, items, actor="till-7", reference="R-1")
    return {
        "$inc": {f"items.{item_id}": quantity for item_id, quantity in increments.items()},
        "$set": {"writers.w": Int64(number), "last": Binary(said_of("w", number, [operation]))},
    }


@pytest.fixture
def live(
    mongo_url: str, keeper_client: Mongo, other_program: Mongo, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Death], Any]:
    """Lives a life in a database of its own."""
    monkeypatch.setattr(keepers, "GATHER_SECONDS", 0.02)
    # What happens to the large store takes three batches each time.
    monkeypatch.setattr(keepers, "MOST_ROWS", 3)
    monkeypatch.setattr(reconciling, "LINES_AT_ONCE", 3)

    async def lived(death: Death) -> None:
        name = f"test_{uuid4().hex}"
        kept = Kept(LedgerCollections(keeper_client, name), other_program, name)
        try:
            await Life(kept, mongo_url, death).lived()
        finally:
            await asyncio.to_thread(other_program.drop_database, name)

    return lived


async def test_killed_after_any_command_another_goes_on_and_nothing_is_lost_or_doubled(
    live: Callable[[Death], Any],
) -> None:
    unhurt = Death(None)
    await live(unhurt)
    assert {"insert", "update", "commitTransaction", "find", "aggregate"} <= set(unhurt.sent)
    turns = asyncio.Semaphore(AT_ONCE)
    deaths = [Death(after) for after in range(len(unhurt.sent))]

    async def die(death: Death) -> str | None:
        async with turns:
            try:
                await live(death)
            except (AssertionError, TimeoutError) as error:
                return f"killed after {death.sent}: {error}"
            return None

    wrong = [found for found in await asyncio.gather(*map(die, deaths)) if found]
    assert wrong == []
    assert sum(len(death.sent) >= after for after, death in enumerate(deaths)) > len(deaths) // 2
