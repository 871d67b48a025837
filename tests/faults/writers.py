"""Those who write while a fault lasts: clients of the API, and another program that writes to MongoDB."""

import asyncio
import json
import random
import threading
import time
from collections.abc import Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from bench.load.http_client import AnswerLost, Connection, ServiceUnreachable
from tests.faults.ledger import Ledger, Net

PACE_SECONDS = 0.03
"""A writer's pause between two operations: faults are met in full swing, not under the greatest load."""

RISING = "rising"
"""An item that is only ever supplied: whoever sees less of it than before was set back."""

ITEMS = ("chair", "table")


class ApiWriter:
    """Demands and supplies through the API until told that it is enough.

    Attributes:
        acknowledged_at: when each operation that was acknowledged began.
        surprises: answers that the contract does not allow.
    """

    def __init__(self, url: str, stores: Sequence[str], ledger: Ledger, seed: int) -> None:
        self.acknowledged_at: list[float] = []
        self.surprises: list[str] = []
        self._connection = Connection(url)
        self._stores = stores
        self._ledger = ledger
        self._random = random.Random(seed)
        self._enough = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def finish(self) -> None:
        """Stop, once the operation on its way has its answer."""
        self._enough.set()
        await self._task
        self._connection.close()

    async def _run(self) -> None:
        while not self._enough.is_set():
            await self._operate(self._random.choice(self._stores))
            await asyncio.sleep(PACE_SECONDS)

    async def _operate(self, store_id: str) -> None:
        path, net, body = self._operation()
        age, began = self._ledger.age, time.monotonic()
        try:
            answer = await self._connection.request("POST", f"/stores/{store_id}{path}", body)
        except (AnswerLost, ServiceUnreachable) as error:
            self.surprises.append(repr(error))
            return
        outcome = json.loads(answer.body).get("outcome")
        if answer.status == 200:
            self.acknowledged_at.append(began)
            self._ledger.applied(store_id, net, age)
        elif answer.status == 500 and outcome == "applied":
            self._ledger.applied(store_id, net, age)
        elif answer.status == 503 and outcome == "unknown":
            self._ledger.maybe(store_id, net)
        elif answer.status not in (404, 409, 503):
            self.surprises.append(f"{answer.status} {answer.body!r}")

    def _operation(self) -> tuple[str, Net, bytes]:
        """Make up a path, what the operation adds, and its body."""
        operation = self._random.choice(("supply", "demand"))
        sign = 1 if operation == "supply" else -1
        lines = {item_id: self._random.randint(1, 9) for item_id in ITEMS}
        if sign == 1:
            lines[RISING] = 1
        net = {item_id: sign * quantity for item_id, quantity in lines.items()}
        members = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in lines.items()]
        return "/group_op", net, json.dumps({"operation": operation, "items": members}).encode()


class DirectWriter:
    """Another program, in a thread: writes to the same collection, each write durable on a majority.

    Attributes:
        acknowledged_at: when each write that was acknowledged began.
    """

    def __init__(self, mongo_url: str, database: str, stores: Sequence[str], ledger: Ledger) -> None:
        self.acknowledged_at: list[float] = []
        self._place = (mongo_url, database)
        self._stores = stores
        self._ledger = ledger
        self._random = random.Random(database)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def finish(self) -> None:
        """Stop, once the write on its way is answered or given up."""
        self._enough.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        url, database = self._place
        with MongoClient[dict[str, Any]](
            url,
            w="majority",
            journal=True,
            timeoutMS=10_000,
            heartbeatFrequencyMS=1000,
            connectTimeoutMS=1000,
        ) as client:
            stores = client[database]["stores"]
            while not self._enough.wait(PACE_SECONDS):
                store_id = self._random.choice(self._stores)
                net = {RISING: 1, "table": self._random.choice((-2, 3))}
                age, began = self._ledger.age, time.monotonic()
                guard = {"items.table": {"$gte": 2}}
                change = {"$inc": {f"items.{item_id}": quantity for item_id, quantity in net.items()}}
                try:
                    changed = stores.update_one({"_id": store_id, **guard}, change)
                except PyMongoError:
                    self._ledger.maybe(store_id, net)
                    continue
                if changed.matched_count:
                    self.acknowledged_at.append(began)
                    self._ledger.applied(store_id, net, age)
