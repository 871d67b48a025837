"""What a guarded change does to a store document, as MongoDB does it."""

from collections.abc import Collection
from typing import Any

from store_api.stock import LARGEST_QUANTITY, Change, Stock, Written
from store_api.storage.documents import ITEMS, REVISION, WRITERS
from tests.simulation.history import Document


def number_in(document: Document, writer: str) -> int:
    """Give the number of a writer's last write to a document; 0 where there is none."""
    number: int = document.get(WRITERS, {}).get(writer, 0)
    return number


def numbered(document: Document, writer: str, number: int) -> Document:
    """Give a document with the number of a write; what other programs change has none."""
    return {**document, WRITERS: {**document.get(WRITERS, {}), writer: number}} if number else document


def changed(document: Document | None, change: Change) -> Document | Written:
    """Apply a change to a document, as MongoDB does; or say why it cannot be."""
    if document is None:
        if not change.creates:
            return Written.NOT_MATCHED
        # An upsert forgets its guard when it inserts: who may create a store must not need anything of it.
        created = {"_id": change.store_id, REVISION: 1}
        after = _incremented(created, {}, change) if change.increments else created
        return (
            after if isinstance(after, Written) else numbered(after, change.stamp.writer, change.stamp.number)
        )
    if change.stamp.number and number_in(document, change.stamp.writer) >= change.stamp.number:
        return Written.NOT_MATCHED
    after = _changed(document, change)
    return after if isinstance(after, Written) else numbered(after, change.stamp.writer, change.stamp.number)


def _changed(document: Document, change: Change) -> Document | Written:
    items = document.get(ITEMS, {})
    held = items if isinstance(items, dict) else {}
    if change.found is not None and not _is_same(document.get(ITEMS), change.found):
        return Written.NOT_MATCHED
    if not all(_is_number(held.get(item)) and held[item] >= least for item, least in change.least.items()):
        return Written.NOT_MATCHED
    revision = document.get(REVISION, 0)
    if not _is_number(revision) or revision == LARGEST_QUANTITY:
        return Written.UNFIT
    after = {**document, REVISION: revision + 1}
    if change.empties:
        return {**after, ITEMS: {}}
    if not change.increments:
        return after
    if not isinstance(items, dict):
        return Written.UNFIT
    return _incremented(after, items, change)


def _incremented(document: Document, items: dict[str, Any], change: Change) -> Document | Written:
    incremented = dict(items)
    # The server adds new fields in the order of their names.
    for item_id, increment in sorted(change.increments.items()):
        before = incremented.get(item_id, 0)
        if not _is_number(before) or before + increment > LARGEST_QUANTITY:
            return Written.UNFIT
        incremented[item_id] = before + increment
    return {**document, ITEMS: incremented}


def _is_same(items: Any, found: Stock) -> bool:
    # Equal documents have the same fields in the same order.
    return isinstance(items, dict) and list(items.items()) == list(found.items())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def swept(document: Document | None) -> Document | None:
    """Remove what is used up from a document; None where there is nothing to sweep."""
    if document is None or not isinstance(document.get(ITEMS), dict):
        return None
    kept = {
        item_id: quantity
        for item_id, quantity in document[ITEMS].items()
        if quantity != 0 or quantity is False
    }
    return {**document, ITEMS: kept, REVISION: document.get(REVISION, 0) + 1}


def projected(document: Document | None, wanted: Collection[str] | None) -> Document | None:
    """Leave in a document what a projection on the wanted items leaves; None wants all."""
    if document is None or wanted is None:
        return document
    items = document.get(ITEMS)
    if not isinstance(items, dict):
        return {"_id": document["_id"]}
    return {"_id": document["_id"], ITEMS: {item: held for item, held in items.items() if item in wanted}}
