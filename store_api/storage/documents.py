"""Store documents: the one file that knows their field names, and how an item id becomes one.

A document is `{"_id": "abc111", "items": {"item-1": 10, "item-2": 0}, "rev": 41}`. An item id is its own
field name but for `%`, `.` and `$`, which are percent-encoded, so that a path
`items.<field>` is never ambiguous.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from store_api.errors import BrokenDocument
from store_api.stock.operations import LARGEST_QUANTITY, Change, Stock, differences
from watchers.changes import Moment

ITEMS = "items"
REVISION = "rev"

VALIDATOR: dict[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "properties": {
            "_id": {"bsonType": "string"},
            ITEMS: {
                "bsonType": "object",
                "additionalProperties": {"bsonType": ["int", "long"], "minimum": 0},
            },
            REVISION: {"bsonType": ["int", "long"]},
        },
    }
}
"""Refuses a negative, fractional or non-numeric quantity from any writer."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Store documents as they stood at one moment of the replica set's time."""

    documents: dict[str, dict[str, Any]]
    at: Moment


_RESERVED = re.compile(r"[%.$]")
_CANONICAL = re.compile(r"(?:[^%.$]|%25|%2E|%24)+")
_ENCODED = {"%": "%25", ".": "%2E", "$": "%24"}
_DECODED = {code: character for character, code in _ENCODED.items()}


@lru_cache(maxsize=100_000)
def field_of(item_id: str) -> str:
    """Encode an item id as a field name."""
    if _RESERVED.search(item_id) is None:
        return item_id
    return _RESERVED.sub(lambda found: _ENCODED[found[0]], item_id)


def item_id_of(field: str) -> str:
    """Decode a field name.

    Raises:
        ValueError: no item id is encoded like this.
    """
    if _RESERVED.search(field) is None and field:
        return field
    if _CANONICAL.fullmatch(field) is None:
        raise ValueError(f"the item field {field!r} is not percent-encoded as it must be")
    return re.sub(r"%..", lambda found: _DECODED[found[0]], field)


def path_of(item_id: str) -> str:
    """Give the path of an item's quantity inside the document."""
    return f"{ITEMS}.{field_of(item_id)}"


def read_stock(document: Mapping[str, Any]) -> Stock:
    """Read the stock out of a store document, whole or projected.

    Raises:
        BrokenDocument: another program left something that is no stock.
    """
    try:
        return _read_items(document.get(ITEMS, {}))
    except ValueError as wrong:
        raise BrokenDocument(document["_id"], str(wrong)) from None


def _read_items(items: Any) -> Stock:
    if not isinstance(items, dict):
        raise ValueError(f"its {ITEMS!r} is not an object")  # noqa: TRY004  (one kind of failure for the caller)
    return {item_id_of(field): _read_quantity(field, value) for field, value in items.items()}


def _read_quantity(field: str, value: Any) -> int:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, int) and type(value) is not bool and 0 <= value <= LARGEST_QUANTITY:
        return int(value)
    raise ValueError(f"the quantity of {field!r} is not a whole number from 0")


def apply_update(
    stock: Stock, updated: Mapping[str, Any], removed: Sequence[str], changed: Stock | None = None
) -> bool:
    """Carry the changed fields of a change event over into `stock`, in place, all of them or none.

    Args:
        stock: the stock as it stood before.
        updated: the fields that were set, by dotted path.
        removed: the fields that were removed, by dotted path.
        changed: where the lines of the report that are others now are put; a quantity of 0 is gone.

    Returns:
        False where the event does not say it all, or what it says is broken: the store must be read anew,
        and `stock` is as it was.
    """
    try:
        emptied, quantities = _read_update(updated, removed)
    except ValueError:
        return False
    # Only what is emptied costs as much as the store: so many lines are others then.
    before = dict(stock) if emptied else {item_id: stock.get(item_id, 0) for item_id in quantities}
    if emptied:
        stock.clear()
    for item_id, quantity in quantities.items():
        if quantity is None:
            stock.pop(item_id, None)
        else:
            stock[item_id] = quantity
    if changed is not None:
        after = stock if emptied else {item_id: stock.get(item_id, 0) for item_id in quantities}
        changed.update(differences(before, after))
    return True


def _read_update(updated: Mapping[str, Any], removed: Sequence[str]) -> tuple[bool, dict[str, int | None]]:
    """Tell whether an update empties the stock, and what it makes of items after that; None is removed."""
    emptied = False
    quantities: dict[str, int | None] = {}
    for path in removed:
        if path == ITEMS:
            emptied = True
        elif path.startswith(f"{ITEMS}."):
            quantities[item_id_of(path[len(ITEMS) + 1 :])] = None
    for path, value in updated.items():
        if path == ITEMS:
            emptied, quantities = True, dict(_read_items(value))
        elif path.startswith(f"{ITEMS}."):
            field = path[len(ITEMS) + 1 :]
            quantities[item_id_of(field)] = _read_quantity(field, value)
    return emptied, quantities


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
