"""Guards, updates and pipelines: how a change of stock is said to MongoDB."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import Int64

from store_api.stock import Change
from store_api.storage.documents import ITEMS, LAST, REVISION, WRITERS, entries_of, field_of, path_of


def _fields_of(stock: Mapping[str, int]) -> dict[str, int]:
    return {field_of(item_id): quantity for item_id, quantity in stock.items()}


def number_path(writer: str) -> str:
    """Give the path of a writer's number inside the document."""
    return f"{WRITERS}.{writer}"


def _is_new(change: Change) -> dict[str, Any]:
    """Build the part of a filter that lets each write through once, and none that is older than the last."""
    return {path: {"$not": {"$gte": number}} for path, number in mark_of(change).items()}


def mark_of(change: Change) -> dict[str, Int64]:
    """Give what a document has once a change was applied to it; empty where the change has no number."""
    return {number_path(change.stamp.writer): Int64(change.stamp.number)} if change.stamp.number else {}


def _said_in(change: Change) -> dict[str, bytes]:
    """Give what a change says of itself; empty where it says nothing."""
    return {LAST: change.said} if change.said else {}


def guard_of(change: Change) -> dict[str, Any]:
    """Build the filter that matches only where the whole change can be applied, and was not yet."""
    guard: dict[str, Any] = {"_id": {"$eq": change.store_id}}
    if change.found is not None:
        # Two documents are equal when their fields are, in the same order.
        guard[ITEMS] = _fields_of(change.found)
    else:
        for item_id, least in change.least.items():
            guard[path_of(item_id)] = {"$gte": least}
    return {**guard, **_is_new(change)}


def lone_guard_of(change: Change) -> dict[str, Any]:
    """Build the filter for an upsert among many, whose failure says that this very guard did not hold.

    A bulk write does not tell which of its updates matched. So the id is named twice: where the guard holds,
    the upsert is an ordinary update; where it does not, the server cannot build a document to insert from two
    ids and reports error 54 at this update's index.
    """
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
    holds: dict[str, Any] = {"$eq": [f"${ITEMS}", {"$literal": _fields_of(change.found or {})}]}
    if change.stamp.number:
        # What is missing is less than any number (MongoDB manual, Comparison/Sort Order).
        holds = {"$and": [{"$lt": [f"${number_path(change.stamp.writer)}", change.stamp.number]}, holds]}
    grown = {"$add": [{"$ifNull": [f"${REVISION}", 0]}, 1]}
    fields: dict[str, Any] = {
        REVISION: {"$cond": [holds, grown, {"$toInt": {"$concat": ["not so: ", "$_id"]}}]},
        **mark_of(change),
        **_said_in(change),
    }
    for item_id in change.increments:
        fields[path_of(item_id)] = {"$literal": (change.leaves or {})[item_id]}
    return [{"$set": fields}]


def can_be_joint(change: Change) -> bool:
    """Tell whether a change may be carried out by one statement with others, see `joint_statement`."""
    is_small = change.found is not None and len(change.found) <= LARGEST_PROVEN_BY_UPDATE
    return is_small and change.stamp.number > 0


def joint_statement(changes: Sequence[Change]) -> dict[str, Any]:
    """Build one statement that applies foretold changes of one writer, each where its stock is as it must be.

    For MongoDB it is one plan and one pipeline in place of as many as there are stores. It leaves the other
    stores as they are, and tells only how many it changed.
    """
    (writer,) = {change.stamp.writer for change in changes}
    store_ids = [change.store_id for change in changes]
    each = [
        {
            "number": Int64(change.stamp.number),
            "found": _fields_of(change.found or {}),
            "leaves": {field_of(item_id): (change.leaves or {})[item_id] for item_id in change.increments},
            "said": _said_in(change),
        }
        for change in changes
    ]
    # What is missing is less than any number (MongoDB manual, Comparison/Sort Order).
    is_new = {"$lt": [f"${number_path(writer)}", "$$its.number"]}
    changed = {
        ITEMS: {"$mergeObjects": [f"${ITEMS}", "$$its.leaves"]},
        REVISION: {"$add": [{"$ifNull": [f"${REVISION}", 0]}, 1]},
        WRITERS: {"$mergeObjects": [f"${WRITERS}", {writer: "$$its.number"}]},
    }
    holds = {"$and": [is_new, {"$eq": [f"${ITEMS}", "$$its.found"]}]}
    after = {"$cond": [holds, {"$mergeObjects": ["$$ROOT", changed, "$$its.said"]}, "$$ROOT"]}
    place = {"$indexOfArray": [{"$literal": store_ids}, "$_id"]}
    its = {"$arrayElemAt": [{"$literal": each}, place]}
    return {
        "q": {"_id": {"$in": store_ids}},
        "u": [{"$replaceWith": {"$let": {"vars": {"its": its}, "in": after}}}],
        "multi": True,
    }


def update_of(change: Change) -> dict[str, Any]:
    """Build the update that applies the change; `rev` grows even when all increments net to zero."""
    update: dict[str, Any] = {"$inc": {REVISION: 1}}
    if fields := {**({ITEMS: {}} if change.empties else {}), **mark_of(change), **_said_in(change)}:
        update["$set"] = fields
    for item_id, increment in change.increments.items():
        update["$inc"][path_of(item_id)] = increment
    return update


def one_of_many(change: Change) -> dict[str, Any]:
    """Build a statement of many: an upsert that fails, and never inserts, where the guard does not hold.

    What only supplies asks for no more than its store, and that it was not applied before. The id that it
    would set on an insert is another one, so that MongoDB refuses the insert (error 66).
    """
    if change.found is not None and len(change.found) <= LARGEST_PROVEN_BY_UPDATE:
        return {"q": {"_id": change.store_id}, "u": proving_update_of(change), "upsert": True}
    if change.creates:
        guard = {"_id": change.store_id, **_is_new(change)}
        return {"q": guard, "u": {**update_of(change), "$setOnInsert": {"_id": ""}}, "upsert": True}
    return {"q": lone_guard_of(change), "u": update_of(change), "upsert": True}


def new_document(change: Change) -> dict[str, Any]:
    """Build the document of a store that a change creates; items are by field name, as `$inc` adds them."""
    document: dict[str, Any] = {"_id": change.store_id}
    if change.increments:
        document[ITEMS] = dict(sorted(_fields_of(change.increments).items()))
    document[REVISION] = 1
    if change.stamp.number:
        document[WRITERS] = {change.stamp.writer: Int64(change.stamp.number)}
    return {**document, **_said_in(change)}


def fence_of(change: Change) -> list[dict[str, Any]]:
    """Build the update after which a change was applied before, or never will be.

    Where the store has no number of the writer that is as high, it gets the odd one above it, so that no copy
    of the write matches any more; where it has one, nothing changes. Nor where a number is gone that was seen
    there: nobody could tell any more what became of the write.
    """
    path = number_path(change.stamp.writer)
    open_so_far = [{"$lt": [f"${path}", change.stamp.number]}]
    if change.stamp.follows:
        open_so_far.append({"$gte": [f"${path}", change.stamp.follows]})
    return [{"$set": {path: {"$cond": [{"$and": open_so_far}, Int64(change.stamp.number + 1), f"${path}"]}}}]


def number_in(document: Mapping[str, Any], writer: str) -> int:
    """Read the number of a writer's last write out of a document; 0 where there is none."""
    numbers = document.get(WRITERS)
    found = numbers.get(writer, 0) if isinstance(numbers, dict) else 0
    return found if isinstance(found, int) else 0


def projection_of(items: Iterable[str] | None) -> dict[str, int]:
    """Ask for no more of a document than is needed: the quantities of these items, or of all (None)."""
    if items is None:
        return {ITEMS: 1}
    return {path_of(item_id): 1 for item_id in items} or {"_id": 1}


SWEEPER = "sweep"
"""The writer that sweeps are numbered of, whichever process sweeps: they do no harm out of order."""

MARGIN_HOURS = 24
"""How much longer than claims a writer that writes no more stays in a document: it may have to prove them."""

HOUR_MILLISECONDS = 3600 * 1000


def sweep_of(number: int, hours: int = 24) -> list[dict[str, Any]]:
    """Build the update that removes what is used up, whatever others write meanwhile.

    That is every item of which nothing is left, and every writer that has not written for long.

    Args:
        number: of the sweep.
        hours: how long claims are kept.
    """

    def without(field: str, kept: dict[str, Any]) -> dict[str, Any]:
        return {"$arrayToObject": {"$filter": {"input": {"$objectToArray": f"${field}"}, "cond": kept}}}

    recent = without(WRITERS, {"$gte": ["$$this.v", _oldest(number, hours)]})
    fields = {
        ITEMS: without(ITEMS, {"$ne": ["$$this.v", 0]}),
        REVISION: {"$add": [{"$ifNull": [f"${REVISION}", 0]}, 1]},
        WRITERS: {"$mergeObjects": [recent, {SWEEPER: Int64(number)}]},
    }
    return [{"$set": fields}]


def sweepable(store_id: str, number: int, hours: int = 24, *, items: bool = True) -> dict[str, Any]:
    """Build the filter for a sweep: never touch what is not a stock, nor a store with nothing to sweep.

    Args:
        store_id: the store.
        number: of the sweep.
        hours: how long claims are kept.
        items: whether a used-up item is enough, or only a writer that is gone.
    """

    def any_of(field: str, gone: dict[str, Any]) -> dict[str, Any]:
        # The other conditions keep no server from looking at what is no object, too.
        return {"$anyElementTrue": [{"$map": {"input": entries_of(field), "in": gone}}]}

    used_up = any_of(ITEMS, {"$eq": ["$$this.v", 0]})
    long_ago = any_of(WRITERS, {"$lt": ["$$this.v", _oldest(number, hours)]})
    return {
        "_id": {"$eq": store_id},
        ITEMS: {"$type": "object"},
        number_path(SWEEPER): {"$not": {"$gte": number}},
        "$expr": {"$or": [used_up, long_ago]} if items else long_ago,
    }


def _oldest(number: int, hours: int) -> int:
    return number - (hours + MARGIN_HOURS) * HOUR_MILLISECONDS
