"""The keeper as a program of its own: it ends when whoever started it does, or another has the lease.

Its first line of input says what to keep; when the input ends, it ends. A line of output each second says
what it has done. A thread would not do: while it counts, the event loop gets the interpreter once every 5 ms.
"""

import asyncio
import gc
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from uuid import uuid4

import msgspec
from pymongo.errors import PyMongoError

from store_api.keeping.lease import LEASE_SECONDS, RENEW_SECONDS, Lease
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.keeper import Keeper
from store_api.ledger.retention import Retention
from store_api.ledger.states import STATE
from store_api.storage.clients import connect_watcher
from store_api.telemetry import logs

log = logging.getLogger(__name__)

TELL_SECONDS: Final = 1.0

RETENTION_SECONDS: Final = 3600.0
"""How often it is looked for rows that are too old."""


GARBAGE_THRESHOLDS: Final = (100_000, 50, 50)
"""A batch has as many objects, none of them in a cycle: looking for cycles took three times their reading."""


class Task(msgspec.Struct):
    """What a keeper is told.

    Args:
        url: of MongoDB, with its password; so it comes by no command line.
        database: whose ledger it keeps.
        days: how long rows are kept.
        owner: under which name it has the lease, so that who started it can let go of it; empty draws one.
    """

    url: str
    database: str
    days: int
    owner: str = ""


class Figures(msgspec.Struct):
    """What a keeper has done since it began.

    Args:
        rows, gaps, unexplained: see `Keeper.counts`.
        leases: how often the ledger was taken over: once.
        lag: see `Keeper.lag`.
    """

    rows: int = 0
    gaps: int = 0
    unexplained: int = 0
    leases: int = 0
    lag: float = 0.0


async def keep(task: Task, lifeline: asyncio.Event, tell: Callable[[bytes], None]) -> None:
    """Keep the ledger until the lifeline ends, or another has the lease.

    Args:
        task: what to keep.
        lifeline: set when whoever started this is gone, or wants it to end.
        tell: is told of figures, as JSON.
    """
    client = connect_watcher(task.url, "store_api ledger").delegate
    ledger = LedgerCollections(client, task.database)
    lease = Lease(ledger.database[STATE], task.owner or uuid4().hex)
    is_ours = False
    try:
        is_ours = await asyncio.to_thread(lease.take)
        if not is_ours:
            return
        log.info("Keeps the ledger", extra={"action": "ledger_lease_taken"})
        await asyncio.to_thread(ledger.prepare)
        keeper = Keeper(ledger, random.random, time.time)
        tell(_figures_of(keeper))
        running = asyncio.create_task(keeper.run())
        others = [
            asyncio.create_task(work)
            for work in (
                _renew(lease, keeper),
                _retire(Retention(ledger, task.days)),
                _tell(keeper, tell),
                _end(lifeline, keeper),
            )
        ]
        await asyncio.wait([running, *others], return_when=asyncio.FIRST_COMPLETED)
        keeper.stop()
        await running
        for work in others:
            work.cancel()
        for ended in await asyncio.gather(*others, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        tell(_figures_of(keeper))
    finally:
        if is_ours:
            with suppress(PyMongoError):
                await asyncio.to_thread(lease.release)
        client.close()


async def _renew(lease: Lease, keeper: Keeper) -> None:
    """Renew the lease; whoever lost it ends."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            if not await asyncio.to_thread(lease.take):
                log.warning("Another keeps the ledger now", extra={"action": "ledger_lease_lost"})
                keeper.stop()
                return
        except PyMongoError as error:
            log.warning(
                "The lease of the ledger could not be renewed; it holds for %d s",
                LEASE_SECONDS,
                extra={"action": "ledger_lease_unsure", "error": type(error).__name__},
            )


async def _retire(retention: Retention) -> None:
    while True:
        try:
            await asyncio.to_thread(retention.let_go, time.time())
        except PyMongoError as error:
            log.warning(
                "Old rows of the ledger stay for now",
                extra={"action": "ledger_retention_failed", "error": type(error).__name__},
            )
        await asyncio.sleep(RETENTION_SECONDS)


async def _tell(keeper: Keeper, tell: Callable[[bytes], None]) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        tell(_figures_of(keeper))


def _figures_of(keeper: Keeper) -> bytes:
    counts = keeper.counts
    figures = Figures(counts["rows"], counts["gaps"], counts["unexplained"], 1, keeper.lag)
    return msgspec.json.encode(figures)


async def _end(lifeline: asyncio.Event, keeper: Keeper) -> None:
    await lifeline.wait()
    keeper.stop()


def _print(line: bytes) -> None:
    # Nothing stays in a buffer: where nobody reads any more, Python would complain of it at the very end.
    with suppress(OSError):
        os.write(sys.stdout.fileno(), line + b"\n")


def look_for_garbage_seldom() -> None:
    """Leave what is there to itself, and look through what comes later now and then."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def main() -> int:
    """Read the task, and keep; whatever ends it is said in one line. Gives the exit code."""
    loop = asyncio.get_running_loop()
    lifeline = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lifeline.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    if not line.endswith(b"\n"):
        return 0
    watching = asyncio.create_task(_watch(reader, lifeline))
    try:
        await keep(msgspec.json.decode(line, type=Task), lifeline, _print)
    except Exception as error:  # noqa: BLE001  (its words may hold a password, or what others wrote)
        log.warning(
            "The ledger is not kept",
            extra={
                "action": "ledger_failed",
                "error": type(error).__name__,
                "code": getattr(error, "code", None),
            },
        )
        return 1
    finally:
        watching.cancel()
    return 0


async def _watch(reader: asyncio.StreamReader, lifeline: asyncio.Event) -> None:
    await reader.read()
    lifeline.set()


if __name__ == "__main__":
    logs.configure(terminal=sys.stderr.isatty())
    look_for_garbage_seldom()
    sys.exit(asyncio.run(main()))
