"""Writing stores: guarded changes, durable on a majority; the driver's errors are translated at this edge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    StoreApiError,
    StoreHeld,
    UnfitDocument,
)
from store_api.stock import Change, Stock, Written, written_despite
from store_api.storage import documents, updates
from store_api.storage.clients import Client, Primary, blocking
from store_api.storage.driver_errors import UNAUTHORIZED, translate, translated, written_by
from store_api.storage.reader import StoreReader
from store_api.storage.schema import COLLECTION, prepare_collection
from store_api.storage.sender import PATIENCE_SECONDS, Sender

Result = TypeVar("Result")

THREADS = 32
"""Commands that may wait for the database at once."""

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
    """

    def __init__(
        self,
        client: Client,
        database: str,
        primary: Primary | None = None,
        writes: "MongoClient[dict[str, Any]] | None" = None,
    ) -> None:
        super().__init__(client, database, primary)
        self._sender = Sender((client.delegate if writes is None else writes)[database], COLLECTION)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stores")
        self._bypasses_validation = self._guards_proven = True
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
        # No store has the empty id.
        impossible = Change("", {"guard": -1}, {"guard": 1})
        untrue = msgspec.structs.replace(impossible, found={"guard": 1}, leaves={"guard": 0})
        written = [await self.apply_many([change]) for change in (impossible, untrue)]
        self._guards_proven = written == [[Written.NOT_MATCHED]] * 2
        if not self._guards_proven:
            await self._stores.delete_one({"_id": ""})
            log.warning(
                "This MongoDB treats guarded upserts in another way; stores are written one by one",
                extra={"action": "guards_not_proven"},
            )

    async def apply(
        self, change: Change, wanted: Collection[str] | None, patience: float = PATIENCE_SECONDS
    ) -> Stock | None:
        """Apply a guarded change whole, or not at all, and read the store: `commit.Stores` says all of it.

        Raises:
            StoreApiError: one of `_ERRORS`; or it was applied, and `AppliedUnreported` or `BrokenDocument`
                says why there is no stock to give.
        """
        await self.primary.wait()
        with translated(writing=True):
            written, document = await self._unvalidated(
                lambda bypass: self._in_thread(self._update_and_find, change, wanted, patience, bypass)
            )
        if written in _ERRORS:
            raise _ERRORS[written]
        if written is Written.NOT_MATCHED or change.leaves is not None:
            return None if written is Written.NOT_MATCHED else change.leaves
        try:
            return documents.read_stock(document)
        except BrokenDocument as broken:
            raise BrokenDocument(broken.store_id, broken.reason, applied=True) from None

    async def apply_many(self, changes: Sequence[Change]) -> list[Written]:
        """Apply guarded changes of different stores in one command; each is applied whole, or not at all.

        Raises:
            DatabaseUnavailable: definite, nothing was applied.
            OutcomeUnknown: any of them may have been applied.
        """
        await self.primary.wait()
        if not self._guards_proven:
            return [await self._apply_alone(change) for change in changes]
        with translated(writing=True):
            return await self._unvalidated(lambda bypass: self._in_thread(self._update_many, changes, bypass))

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

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

    async def sweep(self, store_id: str) -> None:
        """Remove the items of which nothing is left from a store's document."""
        await self.primary.wait()
        sweep = {store_id: {"q": updates.sweepable(store_id), "u": updates.SWEEP}}
        with translated(writing=True):
            await self._in_thread(self._send, "update", sweep, PATIENCE_SECONDS, False)

    def _send(
        self, command: str, statements: dict[str, dict[str, Any]], patience: float, bypass: bool
    ) -> list[Written]:
        codes = self._sender.send(command, statements, patience=patience, bypass=bypass)
        written = list(map(written_by, codes))
        if Written.UNKNOWN in written:
            unknown = {"action": "database_failed", "writing": True}
            log.warning("Nobody says whether a write was applied", extra=unknown)
        return written

    def _update_many(self, changes: Sequence[Change], bypass: bool) -> list[Written]:
        written: list[Written] = []
        for part in updates.parts_of(changes):
            statements = {change.store_id: updates.one_of_many(change) for change in part}
            updated = self._send("update", statements, PATIENCE_SECONDS, bypass)
            written += self._create(part, updated, PATIENCE_SECONDS, bypass)
        return written

    def _create(
        self, changes: Sequence[Change], written: list[Written], patience: float, bypass: bool
    ) -> list[Written]:
        """Insert the stores that are missing and are to be created; gives what became of all.

        Not an upsert: one that meets a document which an open transaction has inserted waits as long as that,
        and neither MongoDB's time limit nor `killOp` ends it (seen on 6.0.5). An insert hears of both.
        """
        missing = [
            index
            for index, change in enumerate(changes)
            if change.creates and written[index] is Written.NOT_MATCHED
        ]
        if missing:
            created = {changes[index].store_id: updates.new_document(changes[index]) for index in missing}
            try:
                outcomes = self._send("insert", created, patience, bypass)
            except PyMongoError as error:
                outcomes = [written_despite(translate(error, writing=True))] * len(missing)
            for index, outcome in zip(missing, outcomes, strict=True):
                written[index] = outcome
        return written

    def _update_and_find(
        self, change: Change, wanted: Collection[str] | None, patience: float, bypass: bool
    ) -> tuple[Written, dict[str, Any]]:
        """Write one change and read the store, in one turn of a thread.

        Not `findAndModify`: to be retryable it keeps an image of the whole document for every write.
        """
        statement = {"q": updates.guard_of(change), "u": updates.update_of(change)}
        (written,) = self._create(
            [change], self._send("update", {change.store_id: statement}, patience, bypass), patience, bypass
        )
        nothing = {"_id": change.store_id}
        if written is not Written.APPLIED or change.leaves is not None:
            return written, nothing
        try:
            document = blocking(self._stores).find_one(nothing, updates.projection_of(wanted))
        except PyMongoError as error:
            raise AppliedUnreported from error
        # Somebody may have deleted the store since.
        return written, document or nothing
