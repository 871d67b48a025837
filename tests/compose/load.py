"""Clients that write without pause and send again, by the same key, until they know what became of it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from uuid import uuid4

from tests.compose.stack import Stack
from tests.support.mongod import wait_until

CLIENTS = 8
AGAIN_SECONDS = 0.1
LONGEST_SECONDS = 120.0
"""How long one operation may be sent again before its client gives up, which fails the test."""


class Load:
    """What clients did.

    Attributes:
        acknowledged: pieces by store and item.
        sent_again: how often a request was sent once more.
        longest: how long one operation took, in seconds.
        given_up: operations that nobody acknowledged.
    """

    def __init__(self, stack: Stack, token: str) -> None:
        self.acknowledged: Counter[tuple[str, str]] = Counter()
        self.sent_again = 0
        self.longest = 0.0
        self.given_up = 0
        self._stack = stack
        self._token = token
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    @property
    def operations(self) -> int:
        """How many were acknowledged."""
        return self.acknowledged.total()

    def wait_for(self, more: int, seconds: float = 60.0) -> None:
        """Wait until so many more operations are acknowledged."""
        wanted = self.operations + more
        wait_until(lambda: self.operations >= wanted, f"{more} more operations", seconds)

    def write(self, client: int) -> None:
        """Be one client, until told to stop."""
        number = 0
        while not self._stopping.is_set():
            number += 1
            self._supply(f"load-{client % 3}", f"item-{number % 5}")

    def stop(self) -> None:
        """Let clients end with what they are at."""
        self._stopping.set()

    def _supply(self, store_id: str, item_id: str) -> None:
        key, begin = uuid4().hex, time.monotonic()
        body = {"operation": "supply", "item_id": item_id, "quantity": 1}
        while time.monotonic() - begin < LONGEST_SECONDS:
            with suppress(OSError, HTTPException, ValueError):
                status, _ = self._stack.ask("POST", f"/stores/{store_id}", body, token=self._token, key=key)
                if status == 200:
                    with self._lock:
                        self.acknowledged[store_id, item_id] += 1
                        self.longest = max(self.longest, time.monotonic() - begin)
                    return
            with self._lock:
                self.sent_again += 1
            time.sleep(AGAIN_SECONDS)
        with self._lock:
            self.given_up += 1

    def check(self, before: dict[str, dict[str, int]], what: str) -> None:
        """Hold the stock against what was acknowledged: nothing lost, nothing twice, nobody left in doubt."""
        after = self._stack.stock(self._token)
        grown = {
            (store_id, item_id): quantity - before.get(store_id, {}).get(item_id, 0)
            for store_id, items in after.items()
            for item_id, quantity in items.items()
        }
        assert {where: pieces for where, pieces in grown.items() if pieces} == dict(self.acknowledged)
        assert self.given_up == 0
        print(  # noqa: T201
            f"\n{what}: {self.operations} operations acknowledged, {self.sent_again} times sent again,"
            f" the longest took {self.longest:.1f} s"
        )


@contextmanager
def load_on(stack: Stack, token: str) -> Iterator[Load]:
    """Let clients write, and let all of them end when this is left."""
    load = Load(stack, token)
    threads = [threading.Thread(target=load.write, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        load.wait_for(100)
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join()
