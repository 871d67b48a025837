"""Stores whose last write has no answer: they wait here, apart from the lanes, until it is known.

Until then nothing else of ours is written to such a store, and all others go on.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from store_api.commit.store_queue import StoreQueue
from store_api.stock import Written

log = logging.getLogger(__name__)

DOUBT_SECONDS = 16.0
"""How long it is asked what became of a write: longer than an election takes whose primary fell silent."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.2
"""Between a question that nobody answered and the next one, in seconds: it doubles up to the longest."""

QUESTIONS_AT_ONCE = 8
"""Stores that are asked about at once."""


class Doubts:
    """Keeps queues whose flight is out of sight until it is known where it went.

    Args:
        settle: asks what became of a queue's flight, once.
        land: ends a queue's flight by what became of it.

    Attributes:
        found: how often what was found, by its name in lower case; "unknown" where nobody said in time.
    """

    def __init__(
        self,
        settle: Callable[[StoreQueue], Awaitable[Written]],
        land: Callable[[StoreQueue, Written], Awaitable[None]],
    ) -> None:
        self._settle = settle
        self._land = land
        self._turns = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self.found: Counter[str] = Counter()

    def __len__(self) -> int:
        """Give how many stores are in doubt."""
        return len(self._tasks)

    def put(self, queue: StoreQueue) -> None:
        """Keep a queue whose flight had no answer."""
        task = asyncio.ensure_future(self._find_out(queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until all is known, or given up."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _find_out(self, queue: StoreQueue) -> None:
        change = queue.flight.decision.change
        written = Written.UNKNOWN
        if change is not None:
            if queue.fenced:
                # It comes to nothing again and again: the database had better have a moment.
                await asyncio.sleep(min(LONGEST_PAUSE, SHORTEST_PAUSE * queue.fenced))
            written = await self._ask(queue)
            found = written.name.lower()
            self.found[found] += 1
            log.info(
                "Found out what became of a write without an answer",
                extra={"action": "write_settled", "number": change.stamp.number, "found": found},
            )
        await self._land(queue, written)

    async def _ask(self, queue: StoreQueue) -> Written:
        clock = asyncio.get_running_loop().time
        deadline = clock() + DOUBT_SECONDS
        pause = SHORTEST_PAUSE
        while True:
            async with self._turns:
                written = await self._settle(queue)
            if written is not Written.UNKNOWN or clock() + pause > deadline:
                return written
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
