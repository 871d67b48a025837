"""Sees to it that somebody keeps the ledger, and knows how far it is: one of these in each process."""

import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import Final
from uuid import uuid4

import msgspec
from pymongo.errors import OperationFailure, PyMongoError

from store_api.keeping.lease import LEASE, RELEASED
from store_api.keeping.program import Figures, Task
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.reconciling import Reconciler
from store_api.ledger.states import STATE, STREAM
from store_api.storage.clients import Client, Documents, durable_documents
from store_api.storage.driver_errors import UNAUTHORIZED, translated

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
"""How often it is looked whether somebody keeps the ledger."""

BEHIND_SECONDS: Final = 60.0
"""A ledger that lags by more than this is said, once."""

LONGEST_PAUSE_SECONDS: Final = 60.0
"""How long none is started after several that failed soon: where MongoDB refuses, none can keep it."""

STOP_SECONDS: Final = 5.0
"""How long a keeper may take for the batch in hand."""

_ROOT: Final = Path(__file__).parents[2]
_COUNTED: Final = ("rows", "gaps", "unexplained", "leases")


class LedgerAttendant:
    """Starts a keeper where nobody has the lease.

    Args:
        task: what to keep; it has a password in it.
        client: the way to the replica set.
        watching: the same, without a deadline for commands.
        now: gives the seconds since 1970.

    Attributes:
        counts: what the keepers that were started here have done.
        lag: by how many seconds the ledger is behind; 0 where there is none yet.
    """

    def __init__(self, task: Task, client: Client, watching: Client, now: Callable[[], float]) -> None:
        self._task = task
        self._reconciler = Reconciler(LedgerCollections(watching.delegate, task.database))
        self._states: Documents = durable_documents(client, task.database, STATE)
        self._now = now
        self._process: asyncio.subprocess.Process | None = None
        self._asked_for_help = False
        self._is_behind = False
        self._told = Figures()
        self._rests_until = 0.0
        self._failures = 0
        self.counts: Counter[str] = Counter()
        self.lag = 0.0

    async def begin(self) -> None:
        """Let the ledger begin, unless it has: what is done to stores after this has its row.

        A user who may not write to it gets one warning, and the service goes on.

        Raises:
            DatabaseUnavailable: it may not have begun.
        """
        with translated(writing=False):
            try:
                await asyncio.to_thread(self._reconciler.begin_if_due)
            except OperationFailure as error:
                if error.code != UNAUTHORIZED:
                    raise
                self._ask_for_help()

    def _ask_for_help(self) -> None:
        if not self._asked_for_help:
            self._asked_for_help = True
            log.warning(
                "May not keep the ledger, and goes on without: its user needs readWrite on the database",
                extra={"action": "ledger_not_ours"},
            )

    async def run(self) -> None:
        """See to it until cancelled; the keeper that was started here ends then."""
        try:
            while True:
                try:
                    await self.look()
                    if self._process is None and self._now() >= self._rests_until and await self._is_free():
                        await self._start()
                except PyMongoError:
                    # Without MongoDB there is nothing to keep; others say so.
                    self.lag = max(self.lag, LOOK_SECONDS)
                except OSError as error:
                    # No process more can be had just now: the stock does not depend on it.
                    self._rest(has_failed=True)
                    log.warning(
                        "The keeper of the ledger cannot be started",
                        extra={"action": "ledger_failed", "error": type(error).__name__},
                    )
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._stop()

    async def _is_free(self) -> bool:
        held = {"_id": LEASE, "$expr": {"$gte": ["$until", "$$NOW"]}}
        return await self._states.find_one(held, {"_id": 1}) is None

    async def look(self) -> None:
        """Look how far the ledger is; that it falls behind, and that it has caught up, is said once.

        Raises:
            PyMongoError: MongoDB did not say.
        """
        state = await self._states.find_one({"_id": STREAM}, {"until": 1})
        self.lag = 0.0 if state is None else max(0.0, self._now() - state["until"].time)
        if (self.lag > BEHIND_SECONDS) != self._is_behind:
            self._is_behind = not self._is_behind
            if self._is_behind:
                log.error(
                    "The ledger is %.0f s behind",
                    self.lag,
                    extra={"action": "ledger_behind", "lag": self.lag},
                )
            else:
                log.info("The ledger has caught up", extra={"action": "ledger_caught_up"})

    async def _start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "store_api.keeping.program"),
            cwd=_ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("MONGO_")},
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
        )
        self._process = process
        self._told = Figures()
        task = msgspec.structs.replace(self._task, owner=uuid4().hex)
        if process.stdin is not None:
            process.stdin.write(msgspec.json.encode(task) + b"\n")
        self._following = asyncio.create_task(self._follow(process, task.owner))

    async def _follow(self, process: asyncio.subprocess.Process, owner: str) -> None:
        """Take over what a keeper says that it has done, until it ends."""
        if process.stdout is not None:
            async for line in process.stdout:
                with suppress(msgspec.DecodeError):
                    figures = msgspec.json.decode(line, type=Figures)
                    for name in _COUNTED:
                        self.counts[name] += getattr(figures, name) - getattr(self._told, name)
                    self._told = figures
        if await process.wait():
            # Whoever died keeps nothing any more: the next one need not wait until its lease has run out.
            with suppress(PyMongoError):
                await self._states.update_one({"_id": LEASE, "owner": owner}, RELEASED)
        # One that told nothing kept nothing: another was quicker, or it may not, or cannot.
        self._rest(has_failed=bool(process.returncode) or not self._told.leases)
        self._process = None

    def _rest(self, *, has_failed: bool) -> None:
        """Let some time pass before the next one is started, where one after the other fails."""
        self._failures = self._failures + 1 if has_failed else 0
        if self._failures > 1:
            self._rests_until = self._now() + min(LONGEST_PAUSE_SECONDS, 2.0**self._failures)

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self._following.cancel()


async def note_off(client: Client, database: str) -> None:
    """Note that the service runs without a ledger: whoever keeps it again has a gap to put right."""
    states = durable_documents(client, database, STATE)
    with translated(writing=False):
        try:
            await states.update_one({"_id": STREAM}, {"$set": {"off": True}})
        except OperationFailure as error:
            # Who may not write to a ledger has kept none.
            if error.code != UNAUTHORIZED:
                raise
