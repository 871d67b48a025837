"""Sums of the ledger: what was sold and supplied between two moments, by whom, and what runs out first.

MongoDB adds up, and gives the few lines that are asked for; each question has so many seconds, and no more.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pymongo
from bson import MaxKey

from store_api.ledger.collection import STATE, STREAM
from store_api.ledger.retention import RETENTION
from store_api.ledger.rows import MOVEMENTS, Kind
from store_api.storage.clients import Client, durable_documents
from store_api.storage.driver_errors import translated

SECONDS: Final = 10.0
"""How long a question may take."""

_DEMAND, _SUPPLY, _OPENING = Kind.DEMAND.value, Kind.SUPPLY.value, Kind.OPENING.value
_IS_DEMAND: Final = {"$eq": ["$rows.o", _DEMAND]}
_GONE: Final = {"$multiply": ["$rows.d", -1]}
_ITEM: Final = {"s": "$_id.s", "i": "$rows.i"}


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
        left: how many there were after its last row.
    """

    store_id: str
    item_id: str
    pieces: int
    left: int


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
        lines = {row["_id"]: row for row in await self._ask(span, _flows_by_item(most))}
        actors = {row["_id"]: row for row in await self._ask(span, _flows_by_actor(most))}
        sold, supplied = (_flow_of(lines.get(kind, {}), actors.get(kind, {})) for kind in (_DEMAND, _SUPPLY))
        return Flows(sold, supplied, int(lines.get(None, {}).get("pieces", 0)))

    async def running_out(self, span: Span, most: int) -> list[Demanded]:
        """List up to `most` items that were demanded and are not used up, those first that last shortest."""
        rows = await self._ask(span, _running_out(most))
        return [
            Demanded(row["_id"]["s"], row["_id"]["i"], int(row["pieces"]), int(row["left"])) for row in rows
        ]

    async def _ask(self, span: Span, sums: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add up rows, each by itself; the second of a bucket is that of its last row."""
        with translated(writing=False), pymongo.timeout(self._seconds):
            rows: list[dict[str, Any]] = [
                {"$match": await self._buckets_of(span)},
                {"$project": {f"rows.{field}": 1 for field in "ntidqoa"}},
                {"$unwind": "$rows"},
                {"$match": {"rows.t": {"$gt": span.after, "$lte": span.until}}},
            ]
            return await self._movements.aggregate(rows + sums, allowDiskUse=True).to_list(None)

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


def _kinds(by: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Add up pieces by kind, null for what is neither demand nor supply, and by something else."""
    kind = {"$cond": [{"$in": ["$rows.o", [_DEMAND, _SUPPLY]]}, "$rows.o", None]}
    pieces = {"$cond": [_IS_DEMAND, _GONE, "$rows.d"]}
    return [{"$match": {"rows.o": {"$ne": _OPENING}}}, _sum({"k": kind, **by}, pieces)]


def _sum(key: Any, pieces: Any, **others: Any) -> dict[str, Any]:
    return {"$group": {"_id": key, "pieces": {"$sum": pieces}, **others}}


def _flows_by_item(most: int) -> list[dict[str, Any]]:
    actor = {"$top": {"sortBy": {"pieces": -1, "_id.a": 1}, "output": "$_id.a"}}
    line = {"s": "$_id.s", "i": "$_id.i", "pieces": "$pieces", "actor": "$actor", "actors": "$actors"}
    most_first = {"pieces": -1, "_id.s": 1, "_id.i": 1}
    lines = {"$topN": {"n": most, "sortBy": most_first, "output": line}}
    item = {"k": "$_id.k", "s": "$_id.s", "i": "$_id.i"}
    return [
        *_kinds({**_ITEM, "a": {"$ifNull": ["$rows.a", None]}}),
        _sum(item, "$pieces", actor=actor, actors={"$sum": 1}),
        _sum("$_id.k", "$pieces", lines=lines),
    ]


def _flows_by_actor(most: int) -> list[dict[str, Any]]:
    actor = {"actor": "$_id.a", "pieces": "$pieces"}
    actors = {"$topN": {"n": most, "sortBy": {"pieces": -1, "_id.a": 1}, "output": actor}}
    return [
        {"$match": {"rows.a": {"$type": "string"}}},
        *_kinds({"a": "$rows.a"}),
        _sum("$_id.k", "$pieces", actors=actors),
    ]


def _running_out(most: int) -> list[dict[str, Any]]:
    left = {"$top": {"sortBy": {"_id.b": -1, "rows.n": -1}, "output": "$rows.q"}}
    return [
        _sum(_ITEM, {"$cond": [_IS_DEMAND, _GONE, 0]}, left=left),
        {"$match": {"pieces": {"$gt": 0}, "left": {"$gt": 0}}},
        {"$set": {"lasts": {"$divide": ["$left", "$pieces"]}}},
        {"$sort": {"lasts": 1, "_id.s": 1, "_id.i": 1}},
        {"$limit": most},
    ]


def _flow_of(found: Mapping[str, Any], by: Mapping[str, Any]) -> Flow:
    lines = [
        Moved(line["s"], line["i"], int(line["pieces"]), line["actor"], line["actors"])
        for line in found.get("lines", ())
    ]
    actors = [(one["actor"], int(one["pieces"])) for one in by.get("actors", ())]
    return Flow(int(found.get("pieces", 0)), lines, actors)
