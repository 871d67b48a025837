"""Stores that a transaction of another program holds: they wait here, apart from the lanes, for their turn.

Each is written alone, so that nobody waits with it, and a few at a time, so that any number of them takes no
more of the database or of our threads than a few do.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

from store_api.commit.store_queue import StoreQueue, Waiting
from store_api.errors import StoreHeld
from store_api.stock import Reply, Written

log = logging.getLogger(__name__)

HELD_SECONDS = 15.0
"""How long an operation waits for a store that is held, before it is told so."""

TRIES_AT_ONCE = 4
"""Held stores that are written to at once."""

TRY_SECONDS = 0.005
"""How long a try waits for a store that is still held."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Between a try that met a held store and the next one, in seconds: it doubles up to the longest pause."""

PAUSE_AMONG_MANY = 0.06
"""The longest pause where so many are held that a round through all of them takes long anyway."""

LOOK_SECONDS = 0.25
"""How often it is looked for those who have waited long enough."""


class HeldStores:
    """Keeps queues of held stores until they can be written to again.

    Args:
        write: writes a queue's next batch alone, waiting for its document for so many seconds.
        release: takes a queue back that is not held any more.
        resolve: answers one who waited in vain.

    Attributes:
        waiting: how many operations wait here.
    """

    def __init__(
        self,
        write: Callable[[StoreQueue, float], Awaitable[Written | None]],
        release: Callable[[StoreQueue], None],
        resolve: Callable[[Waiting, Reply], None],
    ) -> None:
        self._write = write
        self._release = release
        self._resolve = resolve
        self._queues: dict[str, StoreQueue] = {}
        self._turns: deque[StoreQueue] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._free_tries = TRIES_AT_ONCE
        self._is_looking = False
        self._is_closed = False
        self.waiting = 0

    def __len__(self) -> int:
        """Give how many stores are held."""
        return len(self._queues)

    def put(self, queue: StoreQueue) -> None:
        """Keep the queue of a store that was found held."""
        if not self._queues:
            log.warning("A transaction of another program holds stores", extra={"action": "stores_held"})
        self._queues[queue.store_id] = queue
        queue.held = True
        now = asyncio.get_running_loop().time()
        for waiting in queue.waiting:
            waiting.since = waiting.since or now
        self._count(queue)
        self._turns.append(queue)
        if self._free_tries:
            self._free_tries -= 1
            self._begin(self._try_in_turn())
        if not self._is_looking:
            self._is_looking = True
            self._begin(self._look())

    def join(self, queue: StoreQueue, waiting: Waiting) -> None:
        """Note one who came to a held store, and is in its queue already."""
        waiting.since = asyncio.get_running_loop().time()
        self._count(queue)

    async def close(self) -> None:
        """Let nobody wait any longer, here and from now on."""
        self._is_closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _count(self, queue: StoreQueue) -> None:
        count = len(queue.waiting) if queue.held else 0
        self.waiting += count - queue.counted
        queue.counted = count

    async def _try_in_turn(self) -> None:
        while self._turns:
            queue = self._turns.popleft()
            written: Written | None = None
            self._expire(queue)
            if queue.waiting:
                written = await self._write(queue, TRY_SECONDS)
            if written is Written.HELD:
                self._count(queue)
                self._turns.append(queue)
                if not self._is_closed:
                    await asyncio.sleep(self._pause(queue))
            elif written is None and queue.waiting:
                # All were refused, and nothing was written that would tell whether the store is free.
                self._count(queue)
                self._turns.append(queue)
            else:
                self._let_go(queue)
        self._free_tries += 1

    def _pause(self, queue: StoreQueue) -> float:
        share = TRIES_AT_ONCE / max(TRIES_AT_ONCE, len(self._queues))
        longest = max(PAUSE_AMONG_MANY, LONGEST_PAUSE * share)
        pause = min(longest, SHORTEST_PAUSE * float(2 ** min(queue.tries, 10)))
        queue.tries += 1
        return pause

    def _let_go(self, queue: StoreQueue) -> None:
        del self._queues[queue.store_id]
        queue.held = False
        queue.tries = 0
        self._count(queue)
        if not self._queues:
            log.info("No store is held any more", extra={"action": "stores_free"})
        self._release(queue)

    async def _look(self) -> None:
        """Tell those who have waited long enough, also while their store waits for its turn."""
        while self._queues:
            for queue in list(self._queues.values()):
                self._expire(queue)
            await asyncio.sleep(SHORTEST_PAUSE if self._is_closed else LOOK_SECONDS)
        self._is_looking = False

    def _expire(self, queue: StoreQueue) -> None:
        since = math.inf if self._is_closed else asyncio.get_running_loop().time() - HELD_SECONDS
        expired = queue.expire(since)
        self._count(queue)
        for waiting in expired:
            self._resolve(waiting, StoreHeld())
