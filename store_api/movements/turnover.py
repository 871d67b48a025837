"""Sums of the ledger: what was sold and supplied between two moments, by whom, and what runs out first.

MongoDB adds up, and gives little more than what is asked for; each question has so many seconds, and no more.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, Final

import msgspec
import pymongo
from bson import MaxKey

from store_api.ledger.retention import RETENTION
from store_api.ledger.rows import MOVEMENTS
from store_api.ledger.states import STATE, STREAM
from store_api.movements.sums import DEMAND, DEMANDED, SUPPLY, actors_of, by_actor, by_item
from store_api.storage.clients import Client, durable_documents
from store_api.storage.driver_errors import translated

SECONDS: Final = 20.0
"""How long a question may take."""

STORES_AT_ONCE: Final = 10
"""Stores whose items are added up at once."""

PAGE: Final = 1_000
"""Items that are taken at once, where all are listed."""


class Known(msgspec.Struct, frozen=True):
    """What the ledger has all rows of.

    Args:
        begins: nothing is known of what was before this second.
        until: all is known that was in or before this second.
    """

    begins: int
    until: int


class Span(msgspec.Struct, frozen=True):
    """Which rows count.

    Args:
        after, until: those after one second since 1970, and in or before another.
        stores: of which stores; None for all.
    """

    after: int
    until: int
    stores: Sequence[str] | None = None


class Moved(msgspec.Struct, frozen=True):
    """What was moved of one item of one store.

    Args:
        store_id, item_id: of which.
        pieces: how many.
        actor: who moved most of them; None where nobody is named.
        actors: how many did, those who are not named being one.
    """

    store_id: str
    item_id: str
    pieces: int
    actor: str | None
    actors: int


class Flow(msgspec.Struct, frozen=True):
    """What was moved in one way.

    Args:
        pieces: how many, of all items.
        lines: the items of which most were, most first.
        actors: who moved most, most first, and how many pieces; only those who are named.
    """

    pieces: int
    lines: Sequence[Moved]
    actors: Sequence[tuple[str, int]]


class Flows(msgspec.Struct, frozen=True):
    """What was moved between two moments.

    Args:
        sold: by demands.
        supplied: by supplies.
        otherwise: how many pieces came in any other way, less those that went; opening rows are none.
    """

    sold: Flow
    supplied: Flow
    otherwise: int


class Demanded(msgspec.Struct, frozen=True):
    """An item that is asked for.

    Args:
        store_id, item_id: which.
        pieces: how many were demanded.
    """

    store_id: str
    item_id: str
    pieces: int


class Turnover:
    """Adds up the ledger of one database, as a majority of the replica set has it.

    Every call raises DatabaseUnavailable where there is no answer in time.

    Args:
        client: the way to the replica set.
        database: its name.
        seconds: how long a question may take.
    """

    def __init__(self, client: Client, database: str, seconds: float = SECONDS) -> None:
        self._movements = durable_documents(client, database, MOVEMENTS)
        self._state = durable_documents(client, database, STATE)
        self._seconds = seconds

    async def known(self) -> Known | None:
        """Tell what the ledger has all rows of; None where none is kept."""
        with translated(writing=False), pymongo.timeout(self._seconds):
            found = await self._state.find({"_id": {"$in": [STREAM, RETENTION]}}).to_list(None)
        documents = {document["_id"]: document for document in found}
        stream = documents.get(STREAM)
        if stream is None or stream.get("off"):
            return None
        begins = max(int(stream["begins"]), int(documents.get(RETENTION, {}).get("before", 0)))
        # While it is put right, rows of any moment may be missing.
        until = begins if stream.get("reconciling") is not None else stream["until"].time - 1
        return Known(begins, until)

    async def flows(self, span: Span, most: int) -> Flows:
        """Add up what was moved; `most` lines and actors of each kind are named."""
        lines: dict[str, list[dict[str, Any]]] = {DEMAND: [], SUPPLY: []}
        with translated(writing=False), pymongo.timeout(self._seconds):
            for some in await self._by_stores(span):
                for row in await self._ask(some, by_item(most)):
                    found = lines[row["_id"]] + row["lines"]
                    lines[row["_id"]] = nsmallest(most, found, key=_most_first)
        actors = {row["_id"]: row for row in await self._ask(span, by_actor(most))}
        named = [(kind, line["s"], line["i"]) for kind, found in lines.items() for line in found]
        # Only of these few: to know it of all items takes MongoDB many times as long.
        here = Span(span.after, span.until, sorted({store_id for _, store_id, _ in named}))
        by = [row["_id"] | row for row in await self._ask(here, actors_of(named))] if named else []
        sold, supplied = (
            _flow_of(kind, lines.get(kind, ()), actors.get(kind, {}), by) for kind in (DEMAND, SUPPLY)
        )
        return Flows(sold, supplied, int(actors.get(None, {}).get("pieces", 0)))

    async def demanded(self, span: Span) -> AsyncIterator[list[Demanded]]:
        """List all items that were demanded, in any order, some at a time."""
        with translated(writing=False), pymongo.timeout(self._seconds):
            for some in await self._by_stores(span):
                found = self._movements.aggregate(await self._rows_of(some) + DEMANDED, allowDiskUse=True)
                while rows := await found.to_list(PAGE):
                    yield [Demanded(row["_id"]["s"], row["_id"]["i"], int(row["pieces"])) for row in rows]

    async def _by_stores(self, span: Span) -> list[Span]:
        """Cut it into some stores each: sums of the items of all would not fit into MongoDB's memory."""
        stores = span.stores
        if stores is None:
            newer: list[dict[str, Any]] = [
                {"$match": {"t": {"$gt": span.after}}},
                {"$group": {"_id": "$_id.s"}},
            ]
            found = await self._movements.aggregate(newer, allowDiskUse=True).to_list(None)
            stores = sorted(row["_id"] for row in found)
        return [
            Span(span.after, span.until, stores[begin : begin + STORES_AT_ONCE])
            for begin in range(0, len(stores), STORES_AT_ONCE)
        ]

    async def _ask(self, span: Span, sums: list[dict[str, Any]]) -> list[dict[str, Any]]:
        with translated(writing=False), pymongo.timeout(self._seconds):
            rows = await self._rows_of(span)
            return await self._movements.aggregate(rows + sums, allowDiskUse=True).to_list(None)

    async def _rows_of(self, span: Span) -> list[dict[str, Any]]:
        """Begin with each row by itself; the second of a bucket is that of its last row."""
        return [
            {"$match": await self._buckets_of(span)},
            {"$project": {f"rows.{field}": 1 for field in "tidoa"}},
            {"$unwind": "$rows"},
            {"$match": {"rows.t": {"$gt": span.after, "$lte": span.until}}},
        ]

    async def _buckets_of(self, span: Span) -> dict[str, Any]:
        """Find those that may hold such rows; of some stores from a batch on, which an index has."""
        newer = {"t": {"$gt": span.after}}
        if span.stores is None:
            return newer
        first = await self._movements.find_one(newer, {"_id.b": 1}, sort=[("t", 1), ("_id.b", 1)])
        if first is None or not span.stores:
            return {"_id": None}
        begin, end = first["_id"]["b"], MaxKey()
        ids = [{"$gte": {"s": store, "b": begin}, "$lt": {"s": store, "b": end}} for store in span.stores]
        return {"$or": [{"_id": between} for between in ids]}


def _most_first(line: Mapping[str, Any]) -> tuple[int, str, str]:
    return -line["pieces"], line["s"], line["i"]


def _flow_of(
    kind: str,
    lines: Sequence[Mapping[str, Any]],
    sums: Mapping[str, Any],
    by: Sequence[Mapping[str, Any]],
) -> Flow:
    actors = [
        (one["actor"], int(one["pieces"])) for one in sums.get("actors", ()) if one["actor"] is not None
    ]
    moved = []
    for line in lines:
        its = [one for one in by if (one["o"], one["s"], one["i"]) == (kind, line["s"], line["i"])]
        actor = max(its, key=lambda one: (one["pieces"], one["a"] or ""))["a"] if its else None
        moved.append(Moved(line["s"], line["i"], int(line["pieces"]), actor, len(its)))
    return Flow(int(sums.get("pieces", 0)), moved, actors)
