"""Other programs that write straight to MongoDB, as docs/writing-to-mongodb.md tells them; in threads."""

import asyncio
import random
import threading
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.torture.account import Book, Lane, Operation
from tests.torture.actors.clients import SHARED_STORES
from tests.torture.story import Story

PACE_SECONDS = 0.02
SURE_EVERY = 20
"""Of the writer that waits for no majority: each twentieth write does, and is never lost from then on."""

Mongo = MongoClient[dict[str, Any]]


class ForeignWriter:
    """Takes and brings with guards, each write durable on a majority; and sets a number without waiting.

    Args:
        name: of its items.
        url: of MongoDB.
        story: gets all that happens.
        seed: of what it writes.
    """

    def __init__(self, name: str, url: str, story: Story, seed: str) -> None:
        self.name = name
        self._url = url
        self._story = story
        self._seed = seed
        self._enough = threading.Event()
        self._pause = threading.Event()

    async def go_on(self, book: Book, is_over: asyncio.Event, is_open: asyncio.Event) -> None:
        """Write until it is over; arguments as a client's."""
        self._enough.clear()
        working = asyncio.create_task(asyncio.to_thread(self._run, book, is_open))
        try:
            await is_over.wait()
        finally:
            # The thread hears of nothing else, also where the torture is told to end.
            self._enough.set()
        await working

    def _run(self, book: Book, is_open: asyncio.Event) -> None:
        chance = random.Random(f"{self._seed} {book.part} {self.name}")
        quick: dict[str, Any] = {"heartbeatFrequencyMS": 1000, "connectTimeoutMS": 1000, "timeoutMS": 10_000}
        with Mongo(self._url, w="majority", journal=True, **quick) as mongo:
            stores = mongo["store_api"]["stores"]
            hasty = stores.with_options(write_concern=stores.write_concern.__class__(w=1))
            made, number = 0, 0
            store = book.store("m", chance.randrange(SHARED_STORES))
            lane = store.lane(f"{self.name}-{made}")
            while not self._enough.wait(PACE_SECONDS):
                if not is_open.is_set():
                    continue
                if not lane.is_open or chance.random() < 0.01:
                    made, number = made + 1, 0
                    store = book.store("m", chance.randrange(SHARED_STORES))
                    lane = store.lane(f"{self.name}-{made}")
                (item,) = lane.held
                if chance.random() < 0.5:
                    number += 1
                    sure = number % SURE_EVERY == 0
                    self._set(stores if sure else hasty, store, f"{lane.name}mark", number, sure=sure)
                    continue
                kind = "supply" if chance.random() < 0.6 else "demand"
                self._move(stores, lane, Operation(kind, {item: chance.randint(1, 3)}))

    def _move(self, stores: Any, lane: Lane, operation: Operation) -> None:
        store_id = lane.store.name
        ((item, quantity),) = operation.own.items()
        guard = {f"items.{item}": {"$gte": quantity}} if operation.kind == "demand" else {}
        change = {"$inc": {f"items.{item}": operation.moved(operation.own)[item]}}
        try:
            changed = stores.update_one({"_id": store_id, **guard}, change).matched_count
        except PyMongoError as error:
            lane.unknown(operation)
            self._story.counts["foreign: unknown"] += 1
            self._story.note(store_id, lane.name, operation, type(error).__name__)
            return
        self._story.counts["foreign"] += 1
        self._story.note(store_id, lane.name, operation, f"matched {changed}")
        if changed and (wrong := lane.applied(operation, None)):
            self._story.wrong(f"{store_id} {lane.name}: {wrong}")

    def _set(self, stores: Any, store: Any, item: str, number: int, *, sure: bool) -> None:
        had, _ = store.marks.get(item, (0, 0))
        store.marks[item] = (had, number)
        try:
            changed = stores.update_one(
                {"_id": store.name}, {"$set": {f"items.{item}": number}}
            ).matched_count
        except PyMongoError:
            return
        self._story.counts["foreign, w:1" if not sure else "foreign"] += 1
        if sure and changed:
            store.marks[item] = (number, number)
