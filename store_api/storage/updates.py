"""Guards, updates and pipelines: how a change of stock is said to MongoDB."""

from collections.abc import Iterable
from typing import Any

from store_api.stock import Change, Stock
from store_api.storage.documents import ITEMS, REVISION, field_of, path_of


def _fields_of(stock: Stock) -> dict[str, int]:
    return {field_of(item_id): quantity for item_id, quantity in stock.items()}


def guard_of(change: Change) -> dict[str, Any]:
    """Build the filter that matches only where the whole change can be applied."""
    guard: dict[str, Any] = {"_id": {"$eq": change.store_id}}
    if change.found is not None:
        # Two documents are equal when their fields are, in the same order.
        guard[ITEMS] = _fields_of(change.found)
        return guard
    for item_id, least in change.least.items():
        guard[path_of(item_id)] = {"$gte": least}
    return guard


def lone_guard_of(change: Change) -> dict[str, Any]:
    """Build the filter for an upsert among many, whose failure says that this very guard did not hold.

    A bulk write does not tell which of its updates matched. So the id is named twice: where the guard holds,
    the upsert is an ordinary update; where it does not, the server cannot build a document to insert from two
    ids and reports error 54 at this update's index. What only supplies is an upsert that means it.
    """
    if change.creates:
        return {"_id": change.store_id}
    guard = guard_of(change)
    return {"$and": [{"_id": change.store_id}, {"_id": guard.pop("_id")}], **guard}


LARGEST_PROVEN_BY_UPDATE = 100
"""Items beyond which comparing a stock in an update costs MongoDB more than comparing it in a filter."""

GUARD_FAILED = 241
"""ConversionFailure: the server's word for "the guard did not hold", see `proving_update_of`."""


def proving_update_of(change: Change) -> list[dict[str, Any]]:
    """Build the update that applies a foretold change, and fails where the stock is not what must be found.

    With the guard in the update the filter is the id alone, which MongoDB looks up without planning a query:
    a third less of its time for a small store among many. Of a string that is no number it cannot make one.
    """
    holds = {"$eq": [f"${ITEMS}", {"$literal": _fields_of(change.found or {})}]}
    grown = {"$add": [{"$ifNull": [f"${REVISION}", 0]}, 1]}
    fields: dict[str, Any] = {
        REVISION: {"$cond": [holds, grown, {"$toInt": {"$concat": ["not so: ", "$_id"]}}]}
    }
    for item_id in change.increments:
        fields[path_of(item_id)] = {"$literal": (change.leaves or {})[item_id]}
    return [{"$set": fields}]


def update_of(change: Change) -> dict[str, Any]:
    """Build the update that applies the change; `rev` grows even when all increments net to zero."""
    update: dict[str, Any] = {"$inc": {REVISION: 1}}
    if change.empties:
        update["$set"] = {ITEMS: {}}
    for item_id, increment in change.increments.items():
        update["$inc"][path_of(item_id)] = increment
    return update


def projection_of(items: Iterable[str] | None) -> dict[str, int]:
    """Ask for no more of a document than is needed: the quantities of these items, or of all (None)."""
    if items is None:
        return {ITEMS: 1}
    return {path_of(item_id): 1 for item_id in items} or {"_id": 1}


SWEEP: list[dict[str, Any]] = [
    {
        "$set": {
            ITEMS: {
                "$arrayToObject": {
                    "$filter": {"input": {"$objectToArray": f"${ITEMS}"}, "cond": {"$ne": ["$$this.v", 0]}}
                }
            },
            REVISION: {"$add": [{"$ifNull": [f"${REVISION}", 0]}, 1]},
        }
    }
]
"""An update that removes every item of which nothing is left, whatever others write meanwhile."""


def sweepable(store_id: str) -> dict[str, Any]:
    """Build the filter for a sweep: never touch what is not a stock."""
    return {"_id": {"$eq": store_id}, ITEMS: {"$type": "object"}}


def overview_pipeline(after: str, limit: int) -> list[dict[str, Any]]:
    """Build the aggregation behind `GET /stores`: items and units of each store, by id.

    Values that another program broke count as nothing; the whole page does not fail for them.
    """
    lines = {"$objectToArray": {"$cond": [{"$eq": [{"$type": f"${ITEMS}"}, "object"]}, f"${ITEMS}", {}]}}
    counted = {"$and": [{"$in": [{"$type": "$$this.v"}, ["int", "long"]]}, {"$gt": ["$$this.v", 0]}]}
    return [
        {"$match": {"_id": {"$gt": after}}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
        {"$project": {"lines": {"$filter": {"input": lines, "cond": counted}}}},
        {"$project": {"items": {"$size": "$lines"}, "units": {"$sum": "$lines.v"}}},
    ]
