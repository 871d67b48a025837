"""Clients that note of every request how long it waited, and what it was told; all they bring can be counted.

Each has an item of its own in every store that it writes to. So the stores themselves tell how often what it
asked for was applied.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

from bench.load.http_client import AnswerLost, Connection, ServiceUnreachable

PAUSE_SECONDS = 0.03
"""Between two requests: whoever is cut off finds all of them asking, and the machine has time for the cut."""


class Call(NamedTuple):
    """One request, and what it was told.

    Args:
        began: when it was sent.
        ended: when its answer came.
        told: "applied", "not applied", "unknown", or what came in place of an answer.
        status: of the answer; 0 without one.
    """

    began: float
    ended: float
    told: str
    status: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Caller:
    """Supplies and demands pieces of its own item, one request at a time, until told that it is enough.

    Args:
        url: of the service.
        stores: where to.
        name: of its item.
        keyed: whether each request has a key.

    Attributes:
        calls: every request so far.
        sure: how many pieces each store has for certain.
    """

    def __init__(self, url: str, stores: Sequence[str], name: str, *, keyed: bool) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.sure: Counter[str] = Counter()
        self._stores = stores
        self._keyed = keyed
        self._random = random.Random(name)
        self._connection = Connection(url)
        self._enough = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def finish(self) -> None:
        """Stop, once the request on its way has its answer."""
        self._enough.set()
        await self._task
        self._connection.close()

    async def _run(self) -> None:
        while not self._enough.is_set():
            await self._call(self._random.choice(self._stores))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _call(self, store_id: str) -> None:
        operation, quantity = "supply", self._random.randint(1, 3)
        if self.sure[store_id] >= quantity and self._random.random() < 0.5:
            operation = "demand"
        body = {"operation": operation, "item_id": self.name, "quantity": quantity}
        headers = {"idempotency-key": uuid4().hex} if self._keyed else {}
        began, status = time.monotonic(), 0
        try:
            answer = await self._connection.request(
                "POST", f"/stores/{store_id}", json.dumps(body).encode(), headers
            )
        except (AnswerLost, ServiceUnreachable) as error:
            told = repr(error)
        else:
            status = answer.status
            told = "applied" if status == 200 else json.loads(answer.body)["outcome"]
        if told == "applied":
            self.sure[store_id] += quantity if operation == "supply" else -quantity
        self.calls.append(Call(began, time.monotonic(), told, status))


def told(callers: Sequence[Caller], since: float) -> Counter[str]:
    """Count what requests were told that ended after this moment."""
    return Counter(call.told for caller in callers for call in caller.calls if call.ended > since)
