"""Clients with keys that send the same again until they know, and the judgement of what they were told.

Every operation has an item of its own beside the one that all share. So each store tells at the end how often
each key was applied, and the shared item tells whether anything else was.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from bench.load.http_client import AnswerLost, Connection, Response, ServiceUnreachable

SUPPLIED = 9
"""Pieces that a supply brings of its own item; the demand of the same item takes one: 9 a - b tells both."""

OPERATIONS_A_STORE = 150
"""Stores stay small: after so many operations everybody goes on to a new one."""

PATIENCE_SECONDS = (0.05, 0.5, 40.0, 40.0)
"""How long a client waits for an answer before it asks again, at random."""

REFUSALS = ("store-not-found", "out-of-stock", "quantity-overflow")
PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Wish:
    """One operation under a key, and every definite answer to it."""

    store_id: str
    operation: str
    own: str
    shared: int
    key: str = field(default_factory=lambda: uuid4().hex)
    told: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def body(self) -> bytes:
        """What is sent."""
        own = SUPPLIED if self.operation == "supply" else 1
        lines = [{"item_id": "shared", "quantity": self.shared}, {"item_id": self.own, "quantity": own}]
        return json.dumps({"operation": self.operation, "items": lines}).encode()


class Stores:
    """Whose turn it is: a store takes so many operations, and then the next one."""

    def __init__(self) -> None:
        self._taken = 0

    def next(self) -> str:
        """Give the store for an operation."""
        self._taken += 1
        return f"store-{self._taken // OPERATIONS_A_STORE}"


class Client:
    """Has one wish after the other, and sends each until it knows.

    Args:
        urls: of the services; each request goes to any of them.
        stores: for its operations.
        counts: everything that was told is counted there.
        chance: what it does at random.

    Attributes:
        wishes: all that it had.
        slowest: how long the slowest answer took that it waited for, in seconds.
    """

    def __init__(
        self, urls: Sequence[str], stores: Stores, counts: Counter[str], chance: random.Random
    ) -> None:
        self.wishes: list[Wish] = []
        self.slowest = 0.0
        self._connections = [Connection(url, answer_timeout=40.0) for url in urls]
        self._stores = stores
        self._counts = counts
        self._chance = chance
        self._enough = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def finish(self) -> None:
        """Stop, once it knows what became of all its wishes."""
        self._enough.set()
        await self._task
        for connection in self._connections:
            connection.close()

    async def _run(self) -> None:
        while not self._enough.is_set():
            store_id, own = self._stores.next(), f"own-{uuid4().hex[:8]}"
            supply = Wish(store_id, "supply", own, self._chance.randint(1, 3))
            # Some of these are refused: so much is not there.
            demand = Wish(store_id, "demand", own, self._chance.choice((1, 2, 3, 4, 5, 10_000)))
            for wish in (supply, demand):
                await self._send_until_known(wish)
                if self._chance.random() < 0.2:
                    # Whoever asks again hears the same.
                    await self._send_until_known(wish)

    async def _send_until_known(self, wish: Wish) -> None:
        self.wishes.append(wish) if not wish.told else None
        known, began = wish.told.total(), time.monotonic()
        while wish.told.total() == known:
            what = await self._send(wish)
            self._counts[what] += 1
            if what in ("applied", "refused", "replayed: applied", "replayed: refused"):
                wish.told[what.removeprefix("replayed: ")] += 1
            else:
                await asyncio.sleep(PAUSE_SECONDS)
        wish.seconds = max(wish.seconds, time.monotonic() - began)

    async def _send(self, wish: Wish) -> str:
        connection = self._chance.choice(self._connections)
        path, headers = f"/stores/{wish.store_id}/group_op", {"idempotency-key": wish.key}
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._chance.choice(PATIENCE_SECONDS)):
                answer = await connection.request("POST", path, wish.body, headers)
        except TimeoutError:
            return "given up"
        except ServiceUnreachable:
            return "unreachable"
        except AnswerLost as lost:
            return "no answer in 40 s" if "within" in str(lost) else "connection broken"
        self.slowest = max(self.slowest, time.monotonic() - began)
        return _meaning_of(answer)


def _meaning_of(answer: Response) -> str:
    again = "replayed: " if answer.headers.get("idempotent-replayed") == "true" else ""
    if answer.status == 200:
        return f"{again}applied"
    problem = json.loads(answer.body)
    slug = problem["type"].rpartition("/")[2]
    if slug in REFUSALS:
        return f"{again}refused"
    return f"{again}{answer.status} {slug}, {problem['outcome']}"


def contradictions(wishes: Sequence[Wish], found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Say where the stores are not as the clients were told.

    Args:
        wishes: all of all clients.
        found: what the stores hold at the end.
    """
    shared: Counter[str] = Counter()
    for wish in wishes:
        held = found.get(wish.store_id, {}).get(wish.own, 0)
        supplied = -(-held // SUPPLIED)
        times = supplied if wish.operation == "supply" else supplied * SUPPLIED - held
        if times != (0 if "refused" in wish.told else 1) or len(wish.told) != 1:
            yield f"{wish} was applied {times} times"
        shared[wish.store_id] += times * (wish.shared if wish.operation == "supply" else -wish.shared)
    for store_id, quantity in shared.items():
        if found.get(store_id, {}).get("shared", 0) != quantity:
            yield f"{store_id} holds {found.get(store_id, {}).get('shared', 0)}, and not {quantity}"
