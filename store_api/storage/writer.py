"""Stores in MongoDB: the only file here that talks to Motor; driver errors are translated at this edge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import UpdateOne
from pymongo.collection import Collection as PyMongoCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from store_api.errors import AppliedUnreported, BrokenDocument, DatabaseUnavailable, StoreApiError
from store_api.stock.operations import Change, Stock, StoreSummary, Written, written_despite
from store_api.storage import documents
from store_api.storage.clients import PRIMARY_SECONDS, Client
from store_api.storage.documents import Snapshot
from store_api.storage.driver_errors import UNAUTHORIZED, translated, written_by
from store_api.storage.schema import COLLECTION, prepare_collection

StoreCollection = AsyncIOMotorCollection[dict[str, Any]]

Result = TypeVar("Result")

THREADS = 32
"""Commands that may wait for the database at once."""

log = logging.getLogger(__name__)


class StoreRepository:
    """The stores of one database; every write durable on a majority, every read of what a majority holds."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = client.get_database(
            database,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("majority"),
        )
        self._stores: StoreCollection = self._database[COLLECTION]
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stores")
        self._primary_missed_at: float | None = None
        self._bypasses_validation = True
        self._guards_proven = True
        self._asked_for_help = False

    @property
    def has_primary(self) -> bool:
        """Whether the driver's monitors see a primary right now; asks nobody."""
        seen = self._client.primary is not None
        if seen:
            self._primary_missed_at = None
        return seen

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        # Motor's own calls cost a turn of a thread each, and more for every one.
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    async def _wait_for_primary(self) -> None:
        # Waiting here costs no thread; waiting in the driver would use up the pool for everybody. The wait
        # counts from when the primary was first missed: whoever comes later is turned away at once.
        clock = asyncio.get_running_loop().time
        while not self.has_primary:
            if self._primary_missed_at is None:
                self._primary_missed_at = clock()
            if clock() > self._primary_missed_at + PRIMARY_SECONDS:
                raise DatabaseUnavailable
            await asyncio.sleep(0.05)

    async def prepare(self) -> None:
        """Create the collection with its validator, or bring the validator up to date.

        A user who may do neither gets one warning, and the service goes on.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        await self._wait_for_primary()
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
        await self._wait_for_primary()
        with translated(writing=True):
            try:
                document = await self._unvalidated(
                    lambda bypass: self._in_thread(
                        _update_and_find, self._stores.delegate, change, wanted, bypass
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
        await self._wait_for_primary()
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

    async def read(self, store_id: str, wanted: Collection[str] | None = None) -> Stock | None:
        """Read a store's stock, or of it just the wanted items; None where there is no such store.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
            BrokenDocument: what is there is no stock.
        """
        await self._wait_for_primary()
        with translated(writing=False):
            document = await self._stores.find_one(
                {"_id": {"$eq": store_id}}, documents.projection_of(wanted)
            )
        return None if document is None else documents.read_stock(document)

    async def _apply_alone(self, change: Change) -> Written:
        try:
            stock = await self.apply(change, ())
        except StoreApiError as error:
            return written_despite(error)
        return Written.NOT_MATCHED if stock is None else Written.APPLIED

    async def read_many(
        self, store_ids: Sequence[str], wanted: Collection[str] | None = None
    ) -> dict[str, Stock | BrokenDocument]:
        """Read several stores at once; one that does not exist is left out, and a broken one breaks no other.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        await self._wait_for_primary()
        with translated(writing=False):
            found = await self._stores.find(
                {"_id": {"$in": list(store_ids)}},
                documents.projection_of(wanted),
                batch_size=len(store_ids) + 1,
            ).to_list(None)
        stocks: dict[str, Stock | BrokenDocument] = {}
        for document in found:
            try:
                stocks[document["_id"]] = documents.read_stock(document)
            except BrokenDocument as broken:
                stocks[document["_id"]] = broken
        return stocks

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
        await self._wait_for_primary()
        with translated(writing=True):
            await self._stores.update_one(documents.sweepable(store_id), documents.SWEEP)

    async def overview(self, after: str, limit: int) -> list[StoreSummary]:
        """Summarise up to `limit` stores whose ids come after `after`, by id."""
        await self._wait_for_primary()
        with translated(writing=False):
            found = self._stores.aggregate(documents.overview_pipeline(after, limit))
            rows = await found.to_list(None)
        return [StoreSummary(row["_id"], row["items"], int(row["units"])) for row in rows]

    async def snapshot(self, store_id: str | None) -> Snapshot:
        """Read one store's document, or all of them (None), and the exact moment at which they stood so.

        The moment is the read concern "snapshot"'s own `atClusterTime`: an event of the change stream is in
        the documents if and only if it is not newer (MongoDB manual, Read Concern "snapshot").
        """
        await self._wait_for_primary()
        query: dict[str, Any] = {"_id": {"$type": "string"} if store_id is None else {"$eq": store_id}}
        find = {"find": COLLECTION, "filter": query, "projection": documents.projection_of(None)}
        moment = {"find": COLLECTION, "limit": 1, "projection": {"_id": 1}}
        with translated(writing=False):
            # Two commands, because the driver's cursor does not tell its moment, and a getMore sent by hand
            # is refused: the driver's deadline for commands is no field that it may have.
            reply = await self._database.command({**moment, "readConcern": {"level": "snapshot"}})
            at = reply["cursor"].get("atClusterTime")
            if at is None:
                # There is no collection just now, so there is no moment either.
                raise DatabaseUnavailable
            found = await self._database.cursor_command(
                {**find, "readConcern": {"level": "snapshot", "atClusterTime": at}},
                codec_options=self._database.codec_options,
            )
            rows = await found.to_list(None)
        return Snapshot({document["_id"]: document for document in rows}, at)


def _update_of(change: Change) -> UpdateOne:
    """Build one update of many: an upsert that fails where the change's guard does not hold."""
    if change.found is not None and len(change.found) <= documents.LARGEST_PROVEN_BY_UPDATE:
        return UpdateOne({"_id": change.store_id}, documents.proving_update_of(change), upsert=True)
    return UpdateOne(documents.lone_guard_of(change), documents.update_of(change), upsert=True)


def _update_and_find(
    stores: "PyMongoCollection[dict[str, Any]]", change: Change, wanted: Collection[str] | None, bypass: bool
) -> dict[str, Any] | None:
    """Write one change and read the store, in one turn of a thread; None where the guard did not hold.

    Not `findAndModify`: to be retryable it keeps an image of the whole document for every write.
    """
    result = stores.update_one(
        documents.guard_of(change),
        documents.update_of(change),
        upsert=change.creates,
        bypass_document_validation=bypass,
    )
    if not result.matched_count and result.upserted_id is None:
        return None
    if change.leaves is not None:
        return {}
    try:
        document = stores.find_one({"_id": change.store_id}, documents.projection_of(wanted))
    except PyMongoError as error:
        raise AppliedUnreported from error
    # Somebody may have deleted the store since.
    return document or {"_id": change.store_id}
