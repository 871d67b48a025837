"""How MongoDB adds rows of the ledger up: what follows in a pipeline that has each row by itself; pure."""

from collections.abc import Sequence
from typing import Any, Final

from store_api.ledger.rows import Kind

DEMAND, SUPPLY, _OPENING = Kind.DEMAND.value, Kind.SUPPLY.value, Kind.OPENING.value
_ISDEMAND: Final = {"$eq": ["$rows.o", DEMAND]}
_GONE: Final = {"$multiply": ["$rows.d", -1]}
_PIECES: Final = {"$cond": [_ISDEMAND, _GONE, "$rows.d"]}
_ACTOR: Final = {"$ifNull": ["$rows.a", None]}
_ITEM: Final = {"s": "$_id.s", "i": "$rows.i"}


def _sum(key: Any, pieces: Any, **others: Any) -> dict[str, Any]:
    return {"$group": {"_id": key, "pieces": {"$sum": pieces}, **others}}


def _first(most: int, **fields: str) -> dict[str, Any]:
    """Keep those of most pieces, and of each these fields."""
    order = {"pieces": -1, **dict.fromkeys(("_id.s", "_id.i", "_id.a"), 1)}
    return {"$topN": {"n": most, "sortBy": order, "output": {"pieces": "$pieces", **fields}}}


def by_actor(most: int) -> list[dict[str, Any]]:
    """Add up by kind, null for what is neither demand nor supply, and find who moved most; null is nobody."""
    kind = {"$cond": [{"$in": ["$rows.o", [DEMAND, SUPPLY]]}, "$rows.o", None]}
    return [
        {"$match": {"rows.o": {"$ne": _OPENING}}},
        _sum({"k": kind, "a": _ACTOR}, _PIECES),
        _sum("$_id.k", "$pieces", actors=_first(most + 1, actor="$_id.a")),
    ]


def by_item(most: int) -> list[dict[str, Any]]:
    """Find the items of which most was demanded, and supplied."""
    return [
        {"$match": {"rows.o": {"$in": [DEMAND, SUPPLY]}}},
        _sum({"o": "$rows.o", **_ITEM}, _PIECES),
        {"$group": {"_id": "$_id.o", "lines": _first(most, s="$_id.s", i="$_id.i")}},
    ]


def actors_of(named: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Add up by actor what was moved of some items: the kind, the store and the item of each."""
    these = [{"rows.o": kind, "_id.s": store_id, "rows.i": item_id} for kind, store_id, item_id in named]
    return [{"$match": {"$or": these}}, _sum({"o": "$rows.o", **_ITEM, "a": _ACTOR}, _PIECES)]


DEMANDED: Final = [{"$match": {"rows.o": DEMAND}}, _sum(_ITEM, _GONE)]
"""All items that were demanded, and how many pieces."""
