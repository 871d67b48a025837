"""Writing stores: guarded changes, durable on a majority; the driver's errors are translated at this edge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from pymongo import UpdateOne
from pymongo.collection import Collection as PyMongoCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError

from store_api.errors import AppliedUnreported, BrokenDocument, StoreApiError
from store_api.stock import Change, Stock, Written, written_despite
from store_api.storage import documents, updates
from store_api.storage.clients import Client, blocking
from store_api.storage.driver_errors import UNAUTHORIZED, translated, written_by
from store_api.storage.primary import Primary
from store_api.storage.reader import StoreReader
from store_api.storage.schema import prepare_collection

Result = TypeVar("Result")

THREADS = 32
"""Commands that may wait for the database at once."""

log = logging.getLogger(__name__)


class StoreWriter(StoreReader):
    """The stores of one database, for those who write them, too.

    Args:
        client: the way to the replica set.
        database: its name.
        primary: knows whether there is one; None looks through the client.
    """

    def __init__(self, client: Client, database: str, primary: Primary | None = None) -> None:
        super().__init__(client, database, primary)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stores")
        self._bypasses_validation = True
        self._guards_proven = True
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
        written = await self.apply_many([impossible, untrue])
        self._guards_proven = written == [Written.NOT_MATCHED] * 2
        if not self._guards_proven:
            await self._stores.delete_one({"_id": ""})
            log.warning(
                "This MongoDB treats guarded upserts in another way; stores are written one by one",
                extra={"action": "guards_not_proven"},
            )

    async def apply(self, change: Change, wanted: Collection[str] | None) -> Stock | None:
        """Apply a guarded change whole, or not at all.

        Args:
            change: what to write.
            wanted: the items whose new quantities are asked for; None for all.

        Returns:
            The stock at a moment after the change, or None where its guard did not hold.

        Raises:
            DatabaseUnavailable: definite, nothing was applied.
            OutcomeUnknown: it may have been applied.
            AppliedUnreported: it was applied, but could not be read.
            UnfitDocument: definite, the document cannot take it.
            BrokenDocument: it was applied, but the document cannot be read as a stock.
        """
        await self.primary.wait()
        with translated(writing=True):
            try:
                document = await self._unvalidated(
                    lambda bypass: self._in_thread(
                        _update_and_find, blocking(self._stores), change, wanted, bypass
                    )
                )
            except DuplicateKeyError:
                # Two writers created the store at once, and the other one came first.
                return None
        if document is None or change.leaves is not None:
            return None if document is None else change.leaves
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
        updates = [_update_of(change) for change in changes]
        written = [Written.APPLIED] * len(changes)
        with translated(writing=True):
            try:
                await self._unvalidated(
                    lambda bypass: self._stores.bulk_write(
                        updates, ordered=False, bypass_document_validation=bypass
                    )
                )
            except BulkWriteError as error:
                details = error.details or {}
                if details.get("writeConcernErrors"):
                    raise
                for failure in details["writeErrors"]:
                    written[failure["index"]] = written_by(failure["code"])
        return written

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        # Motor's own calls cost a turn of a thread each, and more for every one.
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
        with translated(writing=True):
            await self._stores.update_one(updates.sweepable(store_id), updates.SWEEP)


def _update_of(change: Change) -> UpdateOne:
    """Build one update of many: an upsert that fails where the change's guard does not hold."""
    if change.found is not None and len(change.found) <= updates.LARGEST_PROVEN_BY_UPDATE:
        return UpdateOne({"_id": change.store_id}, updates.proving_update_of(change), upsert=True)
    return UpdateOne(updates.lone_guard_of(change), updates.update_of(change), upsert=True)


def _update_and_find(
    stores: "PyMongoCollection[dict[str, Any]]", change: Change, wanted: Collection[str] | None, bypass: bool
) -> dict[str, Any] | None:
    """Write one change and read the store, in one turn of a thread; None where the guard did not hold.

    Not `findAndModify`: to be retryable it keeps an image of the whole document for every write.
    """
    result = stores.update_one(
        updates.guard_of(change),
        updates.update_of(change),
        upsert=change.creates,
        bypass_document_validation=bypass,
    )
    if not result.matched_count and result.upserted_id is None:
        return None
    if change.leaves is not None:
        return {}
    try:
        document = stores.find_one({"_id": change.store_id}, updates.projection_of(wanted))
    except PyMongoError as error:
        raise AppliedUnreported from error
    # Somebody may have deleted the store since.
    return document or {"_id": change.store_id}
