"""Pure: what one event of the change stream says about one store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import Timestamp

Moment = Timestamp
"""A moment of the replica set's own time: whole seconds, and a counter within the second; ordered."""

EARLIEST = Moment(0, 0)
"""Comes before every change."""


@dataclass(frozen=True, slots=True)
class StoreChange:
    """One change of one store document.

    Args:
        store_id: the document's `_id`.
        at: the moment of the change in the replica set's time.
        document: the whole document after an insert or a replacement, else None.
        updated: the fields that an update set, by dotted path.
        removed: the fields that an update removed, by dotted path.
        deleted: whether the document is gone.
        committed_at: the same moment by the server's clock; None where the server does not tell it.
    """

    store_id: str
    at: Moment
    document: Mapping[str, Any] | None = None
    updated: Mapping[str, Any] = field(default_factory=dict)
    removed: Sequence[str] = ()
    deleted: bool = False
    committed_at: datetime | None = field(default=None, compare=False)


def store_change_of(event: Mapping[str, Any]) -> StoreChange | None:
    """Translate a change event; None for one that is not about a store document.

    Array fields are reported as `truncatedArrays`; a store document has none that matter.
    """
    store_id = event.get("documentKey", {}).get("_id")
    if not isinstance(store_id, str):
        return None
    at, committed_at = event["clusterTime"], event.get("wallTime")
    match event["operationType"]:
        case "insert" | "replace":
            return StoreChange(store_id, at, document=event["fullDocument"], committed_at=committed_at)
        case "update":
            description = event["updateDescription"]
            return StoreChange(
                store_id,
                at,
                updated=description["updatedFields"],
                removed=description["removedFields"],
                committed_at=committed_at,
            )
        case "delete":
            return StoreChange(store_id, at, deleted=True, committed_at=committed_at)
        case _:
            return None
