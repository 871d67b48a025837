"""What somebody wants to see of the ledger, and how MongoDB is asked for it; pure.

The order of the ledger is that of its batches, and within a batch that of its rows. A store's buckets come in
that order by their `_id`; those of all stores come batch by batch: a batch is read whole and put in order.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from bson import MaxKey

from store_api.stock import StorePatterns

Query = dict[str, Any]


def moment_of(second: int) -> datetime:
    """Give the moment that a second since 1970 is."""
    return datetime.fromtimestamp(second, UTC)


def written(second: int) -> str:
    """Write a second since 1970 as people do: `2026-11-26T21:00:00Z`."""
    return moment_of(second).isoformat().replace("+00:00", "Z")


class Position(NamedTuple):
    """A place in the ledger: right after a row, or right before it.

    Args:
        batch: the number of the row's batch.
        number: of the row in it.
    """

    batch: int
    number: int

    def __str__(self) -> str:
        """Write the id of the row, `17.4`."""
        return f"{self.batch}.{self.number}"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which movements are wanted; None is all.

    Args:
        store_id: of one store.
        item_id: of one of its items.
        op: what moved the stock.
        actor, reference: who asked, and what for.
        since, until: from one second to another, both of them included, in seconds since 1970.
        descending: whether the newest come first.
        limit: how many at most.
        after: the last row that was seen.
        only: the stores that whoever asks may see.
    """

    store_id: str | None = None
    item_id: str | None = None
    op: str | None = None
    actor: str | None = None
    reference: str | None = None
    since: int | None = None
    until: int | None = None
    descending: bool = False
    limit: int = 100
    after: Position | None = None
    only: StorePatterns | None = None

    @property
    def by_time(self) -> bool:
        """Whether nothing but the time tells where in the ledger to look."""
        return self.store_id is None and self.actor is None and self.reference is None


class Bounds(NamedTuple):
    """Between which batches the rows are, and between which seconds their buckets; None is without bound.

    Args:
        first, last: batches, both of them included.
        begin, end: seconds, both of them included.
    """

    first: int | None = None
    last: int | None = None
    begin: int | None = None
    end: int | None = None

    def after(self, wish: Wish) -> "Bounds":
        """Leave out the batches that have been seen."""
        if wish.after is None:
            return self
        batch = wish.after.batch
        if wish.descending:
            return self._replace(last=batch if self.last is None else min(batch, self.last))
        return self._replace(first=batch if self.first is None else max(batch, self.first))


class Plan(NamedTuple):
    """How buckets are looked up.

    Args:
        query: which.
        hint: the index, by its name or its keys.
        sort: in which order.
        in_order: whether the buckets come in the order of their rows; else those of a batch do not.
        at_once: how many are fetched at once.
    """

    query: Query
    hint: str | list[tuple[str, int]]
    sort: list[tuple[str, int]]
    in_order: bool
    at_once: int


_MANY, _SOME = 64, 16
"""Buckets that are fetched at once. Each may have a page of rows: what is fetched and not needed costs more
than to ask again does."""

_BATCH: Final = "_id.b"


def plan_of(wish: Wish, bounds: Bounds, *, by_actor: bool = True) -> Plan:
    """Choose the index that tells most, and write the query.

    What the index does not tell is no part of the query: MongoDB would look for it without end.

    Args:
        wish: what is wanted.
        bounds: where it is.
        by_actor: whether the actor tells more than the store.
    """
    way = -1 if wish.descending else 1
    some = max(_SOME, wish.limit // 200)
    between = _between(bounds.first, bounds.last)
    batches: Query = {_BATCH: between} if between else {}
    if wish.reference is not None:
        return Plan({"rows.r": wish.reference, **batches}, "by reference", [(_BATCH, way)], False, _MANY)
    if wish.store_id is not None and wish.item_id is not None:
        item: Query = {"_id.s": wish.store_id, "rows.i": wish.item_id}
        return Plan({**item, **batches}, "by item", [(_BATCH, way)], False, some)
    if wish.actor is not None and (by_actor or wish.store_id is None):
        return Plan({"rows.a": wish.actor, **batches}, "by actor", [(_BATCH, way)], False, _MANY)
    if wish.store_id is not None:
        whole = span_of(wish.store_id, bounds.first, bounds.last)
        return Plan({"_id": whole}, [("_id", 1)], [("_id", way)], True, some)
    seconds = _between(bounds.begin, bounds.end)
    timed: Query = {"t": seconds} if seconds else {}
    return Plan({**timed, **batches}, "by time", [("t", way), (_BATCH, way)], False, _MANY)


def span_of(store_id: str, first: int | None = None, last: int | None = None) -> Query:
    """Write the condition that an `_id` is one of a store's, from one batch to another, both included."""
    begin: Query = {"s": store_id} if first is None else {"s": store_id, "b": first}
    end: Query = {"s": store_id, "b": MaxKey()} if last is None else {"s": store_id, "b": last, "p": MaxKey()}
    return {"$gt": begin, "$lt": end}


def projection_of(wish: Wish) -> Query:
    """Write what is told of each bucket: the first of its rows that are wanted, and how many it has."""
    rows: Any = "$rows"
    if conditions := _conditions(wish):
        rows = {"$filter": {"input": "$rows", "as": "row", "cond": {"$and": conditions}}}
    # No page takes more than these from one bucket; one more tells that there are more.
    most = wish.limit + 1
    return {
        "t": 1,
        "rows": {"$slice": [rows, -most if wish.descending else most]},
        "count": {"$size": "$rows"},
        "end": {"$arrayElemAt": ["$rows.n", 0 if wish.descending else -1]},
    }


def _conditions(wish: Wish) -> list[Query]:
    equal = {"i": wish.item_id, "o": wish.op, "a": wish.actor, "r": wish.reference}
    # What people send may look like a path of MongoDB's.
    found: list[Query] = [
        {"$eq": [f"$$row.{field}", {"$literal": value}]}
        for field, value in equal.items()
        if value is not None
    ]
    if wish.store_id is not None and (wish.actor is not None or wish.reference is not None):
        found.append({"$eq": ["$_id.s", {"$literal": wish.store_id}]})
    if wish.since is not None:
        found.append({"$gte": ["$$row.t", wish.since]})
    if wish.until is not None:
        found.append({"$lte": ["$$row.t", wish.until]})
    if wish.after is not None:
        beyond = "$lt" if wish.descending else "$gt"
        later = {beyond: ["$$row.n", wish.after.number]}
        found.append({"$or": [{"$ne": ["$_id.b", wish.after.batch]}, later]})
    return found


def _between(low: int | None, high: int | None) -> Query:
    bounds = {"$gte": low, "$lte": high}
    return {name: value for name, value in bounds.items() if value is not None}


def is_seen(bucket: Mapping[str, Any], wish: Wish) -> bool:
    """Tell whether a bucket is of a store that whoever asks may see."""
    return wish.only is None or bucket["_id"]["s"] in wish.only


def last_up_to(store_id: str, batch: int) -> list[Query]:
    """Write the look at the last bucket that a store has up to a batch."""
    return [
        {"$match": {"_id": span_of(store_id, None, batch)}},
        {"$sort": {"_id": -1}},
        {"$limit": 1},
        {"$project": {"t": 1, "u": 1}},
    ]
