"""Writing stores: guarded changes, durable on a majority; the driver's errors are translated at this edge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from store_api.claims import Claim, NotClaimed
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    StoreApiError,
    StoreHeld,
    UnfitDocument,
)
from store_api.sending.answers import Answers, Unanswered
from store_api.sending.insert_first import InsertFirst, NotInserted
from store_api.sending.primary import Primary
from store_api.sending.sender import PATIENCE_SECONDS
from store_api.stock import Change, Stamp, Stock, Written, written_despite
from store_api.storage import claims as claim_documents
from store_api.storage import documents, updates
from store_api.storage.clients import COMMAND_SECONDS, Client, blocking
from store_api.storage.commands import Commands
from store_api.storage.driver_errors import UNAUTHORIZED, translated
from store_api.storage.reader import StoreReader
from store_api.storage.schema import COLLECTION, IMPOSSIBLE, Guards, prepare_collection

Result = TypeVar("Result")

THREADS = 48
"""Commands that may wait for the database at once, those that nobody waits for any more among them."""

log = logging.getLogger(__name__)

_ERRORS: dict[Written, type[StoreApiError]] = {
    Written.UNFIT: UnfitDocument,
    Written.HELD: StoreHeld,
    Written.UNAVAILABLE: DatabaseUnavailable,
    Written.UNKNOWN: OutcomeUnknown,
}
"""What a single change that was not applied is told as."""


class StoreWriter(StoreReader):
    """The stores of one database, for those who write them, too.

    Args:
        client: the way to the replica set.
        database: its name.
        primary: knows whether there is one; None looks through the client.
        writes: the way of guarded writes, without a deadline for commands; None for the client's.
        hours: how long claims are kept, which stores may have to prove.
    """

    def __init__(
        self,
        client: Client,
        database: str,
        primary: Primary | None = None,
        writes: "MongoClient[dict[str, Any]] | None" = None,
        hours: int = 24,
    ) -> None:
        self._hours = hours
        super().__init__(client, database, primary)
        route = client.delegate if writes is None else writes
        self._written = written = route[database][COLLECTION]
        seconds = min(COMMAND_SECONDS, route.options.timeout or COMMAND_SECONDS)
        self._elections.writer = writes
        self._commands = Commands(written, blocking(self._stores), seconds, self._elections.current)
        self._answers = Answers(lambda: route.primary)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stores")
        self._bypasses_validation = True
        self._guards = Guards()
        self._asked_for_help = False

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    async def prepare(self) -> None:
        """Create the collection with its validator, or bring the validator up to date.

        A user who may do neither gets one warning, and the service goes on.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        await self.primary.wait()
        to_run = await prepare_collection(self._database)
        if to_run is not None and not self._asked_for_help:
            # Said once: the service prepares anew whenever its change stream begins afresh.
            self._asked_for_help = True
            log.warning(
                "May not create the collection or change its validator, and goes on without; "
                "an administrator must run in mongosh what is in `run`",
                extra={"action": "validator_not_ours", "run": to_run},
            )
        await self._prove_guards()

    async def _prove_guards(self) -> None:
        """Make sure that this server refuses a guarded upsert whose guard does not hold."""
        await self.primary.wait()
        self._guards.judge([(await self._apply_together([change], ()))[0] for change in IMPOSSIBLE])
        if not self._guards.are_proven:
            await self._stores.delete_one({"_id": ""})
            log.warning(
                "This MongoDB treats guarded upserts in another way; stores are written one by one",
                extra={"action": "guards_not_proven"},
            )

    async def apply(
        self,
        change: Change,
        wanted: Collection[str] | None,
        patience: float = PATIENCE_SECONDS,
        claims: Sequence[Claim] = (),
    ) -> Stock | None:
        """Apply a guarded change whole, or not at all, and read the store: `commit.Stores` says all of it.

        Raises:
            StoreApiError: one of `_ERRORS`; or it was applied, and `AppliedUnreported` or `BrokenDocument`
                says why there is no stock to give.
            NotClaimed: nothing was written.
        """
        await self.primary.wait()
        with translated(writing=True):
            written, document = await self._unvalidated(
                lambda bypass: self._in_thread(
                    self._commands.update_and_find, change, wanted, patience, bypass, self._first(claims)
                )
            )
        if written in _ERRORS:
            raise _ERRORS[written]
        if written is Written.NOT_MATCHED or change.leaves is not None:
            return None if written is Written.NOT_MATCHED else change.leaves
        try:
            if document is None:
                # Somebody may have deleted the store since.
                return await self.read(change.store_id, wanted) or {}
            return documents.read_stock(document)
        except BrokenDocument as broken:
            raise BrokenDocument(broken.store_id, broken.reason, applied=True) from None
        except DatabaseUnavailable:
            raise AppliedUnreported from None

    async def apply_many(self, changes: Sequence[Change], claims: Sequence[Claim] = ()) -> list[Written]:
        """Apply guarded changes of different stores in one command; each is applied whole, or not at all.

        Raises:
            DatabaseUnavailable: definite, nothing was applied.
            OutcomeUnknown: any of them may have been applied.
            NotClaimed: nothing was written.
        """
        await self.primary.wait()
        if not self._guards.are_proven:
            if claims:
                raise NotClaimed
            return [await self._apply_alone(change) for change in changes]
        return await self._apply_together(changes, claims)

    async def _apply_together(self, changes: Sequence[Change], claims: Sequence[Claim]) -> list[Written]:
        with translated(writing=True):
            return await self._unvalidated(
                lambda bypass: self._in_thread(
                    self._commands.update_many, changes, bypass, self._first(claims)
                )
            )

    def _first(self, claims: Sequence[Claim]) -> InsertFirst | None:
        if not claims:
            return None
        at = claim_documents.now()
        made = [claim_documents.document_of(claim, at) for claim in claims]
        return InsertFirst(self._written.database, claim_documents.COLLECTION, made)

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await self._answers.of(loop.run_in_executor(self._threads, work, *arguments))
        except NotInserted:
            raise NotClaimed from None

    async def _apply_alone(self, change: Change) -> Written:
        try:
            stock = await self.apply(change, ())
        except StoreApiError as error:
            return written_despite(error)
        return Written.NOT_MATCHED if stock is None else Written.APPLIED

    async def _unvalidated(self, write: Callable[[bool], Awaitable[Result]]) -> Result:
        """Write without validation, which checks every item at every write; our guards make it needless.

        A role without the action `bypassDocumentValidation` gets validated writes, and one warning.
        """
        if self._bypasses_validation:
            try:
                return await write(True)
            except OperationFailure as error:
                if error.code != UNAUTHORIZED:
                    raise
            self._validate_from_now_on()
        return await write(False)

    def _validate_from_now_on(self) -> None:
        if self._bypasses_validation:
            # Of several writes in flight, the first to be refused says it.
            self._bypasses_validation = False
            log.warning(
                "Writes are validated, and slow on large stores: the role lacks bypassDocumentValidation",
                extra={"action": "validated_writes"},
            )

    async def settle(self, change: Change) -> Written:
        """Find out what became of a change whose answer nobody had: `commit.Stores` says all of it."""
        if self._answers.primary() is None:
            return Written.UNKNOWN
        try:
            return await self._unvalidated(
                lambda bypass: self._in_thread(self._commands.settle, change, bypass)
            )
        except (PyMongoError, Unanswered):
            return Written.UNKNOWN

    async def fence(self, store_id: str, stamp: Stamp, *, creates: bool) -> int | None:
        """Let no copy of a write be applied from now on: `claims.Fenced` says all of it."""
        await self.primary.wait()
        try:
            return await self._unvalidated(
                lambda bypass: self._in_thread(self._commands.fence, store_id, stamp, creates, bypass)
            )
        except (PyMongoError, Unanswered):
            raise DatabaseUnavailable from None

    async def sweep(self, store_id: str, number: int, *, items: bool) -> None:
        """Remove what is used up from a store's document."""
        await self.primary.wait()
        with translated(writing=True):
            sweep = updates.sweep_of(number, self._hours)
            sweepable = updates.sweepable(store_id, number, self._hours, items=items)
            await self._stores.update_one(sweepable, sweep)
