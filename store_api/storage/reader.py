"""Reading stores; every reading is of what a majority of the replica set holds."""

from collections.abc import Collection, Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.sending.primary import Primary
from store_api.stock import Stock, StorePatterns, StoreSummary
from store_api.storage import documents, updates
from store_api.storage.clients import Client, until_a_majority_has_all
from store_api.storage.documents import Snapshot
from store_api.storage.driver_errors import translated
from store_api.storage.schema import COLLECTION

StoreCollection = AsyncIOMotorCollection[dict[str, Any]]


class StoreReader:
    """The stores of one database, for those who only read them.

    Args:
        client: the way to the replica set.
        database: its name.
        primary: knows whether there is one; None looks through the client.
    """

    def __init__(self, client: Client, database: str, primary: Primary | None = None) -> None:
        self.primary = Primary(client.delegate) if primary is None else primary
        self._database = client.get_database(
            database,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("majority"),
        )
        self._stores: StoreCollection = self._database[COLLECTION]
        self._elections = self.primary.confirm_by(lambda: until_a_majority_has_all(client, self._stores))

    async def until_a_majority_has_all(self) -> None:
        """Wait until a majority has whatever the primary had when this was called.

        A change stream begins at the primary's newest moment, which the majority may not have reached: what
        lies between would be neither in a reading of what it has, nor in the stream.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        await self.primary.wait()
        with translated(writing=False):
            await until_a_majority_has_all(self._database.client, self._stores)

    async def read(self, store_id: str, wanted: Collection[str] | None = None) -> Stock | None:
        """Read a store's stock, or of it just the wanted items; None where there is no such store.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
            BrokenDocument: what is there is no stock.
        """
        fields = updates.projection_of(wanted)
        with translated(writing=False):
            document = await self.primary.ask(
                lambda: self._stores.find_one({"_id": {"$eq": store_id}}, fields)
            )
        return None if document is None else documents.read_stock(document)

    async def read_many(
        self, store_ids: Sequence[str], wanted: Collection[str] | None = None
    ) -> dict[str, Stock | BrokenDocument]:
        """Read several stores at once; one that does not exist is left out, and a broken one breaks no other.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        query = {"_id": {"$in": list(store_ids)}}
        fields, all_at_once = updates.projection_of(wanted), len(store_ids) + 1
        with translated(writing=False):
            found = await self.primary.ask(
                lambda: self._stores.find(query, fields, batch_size=all_at_once).to_list(None)
            )
        stocks: dict[str, Stock | BrokenDocument] = {}
        for document in found:
            try:
                stocks[document["_id"]] = documents.read_stock(document)
            except BrokenDocument as broken:
                stocks[document["_id"]] = broken
        return stocks

    async def overview(self, after: str, limit: int, only: StorePatterns | None = None) -> list[StoreSummary]:
        """Summarise up to `limit` stores whose ids come after `after`, by id; `only` some of them."""
        pipeline = overview_pipeline(after, limit, only)
        with translated(writing=False):
            rows = await self.primary.ask(lambda: self._stores.aggregate(pipeline).to_list(None))
        return [StoreSummary(row["_id"], row["items"], int(row["units"])) for row in rows]

    async def snapshot(self, store_id: str | None) -> Snapshot:
        """Read one store's document, or all of them (None), and the exact moment at which they stood so.

        The moment is the read concern "snapshot"'s own `atClusterTime`: an event of the change stream is in
        the documents if and only if it is not newer (MongoDB manual, Read Concern "snapshot").
        """
        with translated(writing=False):
            return await self.primary.ask(lambda: self._snapshot(store_id))

    async def _snapshot(self, store_id: str | None) -> Snapshot:
        query: dict[str, Any] = {"_id": {"$type": "string"} if store_id is None else {"$eq": store_id}}
        find = {"find": COLLECTION, "filter": query, "projection": updates.projection_of(None)}
        moment = {"find": COLLECTION, "limit": 1, "projection": {"_id": 1}}
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


def overview_pipeline(after: str, limit: int, only: StorePatterns | None = None) -> list[dict[str, Any]]:
    """Build the aggregation behind `GET /stores`: items and units of each store, by id; `only` some of them.

    Values that another program broke count as nothing; the whole page does not fail for them.
    """
    counted = {"$and": [{"$in": [{"$type": "$$this.v"}, ["int", "long"]]}, {"$gt": ["$$this.v", 0]}]}
    return [
        {"$match": {"_id": {"$gt": after}, **documents.which(only)}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
        {
            "$project": {
                "lines": {"$filter": {"input": documents.entries_of(documents.ITEMS), "cond": counted}}
            }
        },
        {"$project": {"items": {"$size": "$lines"}, "units": {"$sum": "$lines.v"}}},
    ]
