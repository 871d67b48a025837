"""Store documents: the one file that knows their field names, and how an item id becomes one.

A document is `{"_id": "abc111", "items": {"item-1": 10, "item-2": 0}, "rev": 41, "writers": {"k3f": 17956}}`.
An item id is its own field name but for `%`, `.` and `$`, which are percent-encoded, so that a path
`items.<field>` is never ambiguous. `writers` has, for each of our processes that wrote to the store, the
number of its last write there (`updates.py`); `last` what the newest of those was made of.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from store_api.errors import BrokenDocument
from store_api.stock import LARGEST_QUANTITY, Stock, StorePatterns, differences
from store_api.stock.ids import LONGEST_ID, PLAIN_STORE_ID, UNPRINTABLE
from watchers.changes import Moment

ITEMS = "items"
_ITEM = f"{ITEMS}."
REVISION = "rev"
WRITERS = "writers"

LAST = "last"
"""What the last write of ours was made of, in bytes (`stock/said.py`): replaced each time, it never grows."""

# The same characters as MongoDB's regular expressions write them (PCRE), where no surrogate is a character.
_NOT_IN_MONGODB = re.sub(r"\\u(\w{4})", r"\\x{\1}", UNPRINTABLE.replace(r"\ud800-\udfff", ""))
_ASCII = r"[ !\"#&'()*+,\-/0-9:-~]"
_UNENCODED = rf"[^%.${_NOT_IN_MONGODB}]"
_MOST = f"{{1,{LONGEST_ID}}}"
# The first two are for speed: nearly all field names match one of them, at a quarter of the third one's cost.
_FIELD = rf"(*UTF)\A(?:{_ASCII}{_MOST}+\z|{_UNENCODED}{_MOST}+\z|(?:{_UNENCODED}|%25|%2E|%24){_MOST}\z)"

VALIDATOR: dict[str, Any] = {
    "$jsonSchema": {
        "bsonType": "object",
        "properties": {
            "_id": {"bsonType": "string", "pattern": rf"(*UTF)\A[^/{_NOT_IN_MONGODB}]{_MOST}\z"},
            ITEMS: {
                "bsonType": "object",
                "patternProperties": {_FIELD: {"bsonType": ["int", "long"], "minimum": 0}},
                "additionalProperties": False,
            },
            REVISION: {"bsonType": ["int", "long"]},
            WRITERS: {"bsonType": "object", "additionalProperties": {"bsonType": ["int", "long"]}},
        },
    }
}
"""Refuses, from any writer, exactly what `read_stock` calls broken.

And, beyond that, a revision or a writer's number that is no number, and a name that is no UTF-8, which the
driver makes readable.
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Store documents as they stood at one moment of the replica set's time."""

    documents: dict[str, dict[str, Any]]
    at: Moment


_RESERVED = re.compile(r"[%.$]")
_ODD = re.compile(f"[%.${UNPRINTABLE}]")
_CANONICAL = re.compile(rf"(?:[^%.${UNPRINTABLE}]|%25|%2E|%24){{1,{LONGEST_ID}}}")
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
    if 0 < len(field) <= LONGEST_ID and _ODD.search(field) is None:
        return field
    if _CANONICAL.fullmatch(field) is None:
        raise ValueError(f"the item field {_shortened(field)} is not {_wanted_of(field)}")
    return re.sub(r"%..", lambda found: _DECODED[found[0]], field)


def _wanted_of(field: str) -> str:
    if re.fullmatch(rf"[^{UNPRINTABLE}]{{0,{LONGEST_ID}}}", field) is None:
        return f"an item id of 1 to {LONGEST_ID} printable characters"
    return "percent-encoded as it must be"


def _shortened(name: str) -> str:
    """Quote a name, however long it is; nothing in it gets at a terminal."""
    return ascii(name) if len(name) <= LONGEST_ID else f"{name[:16]!a}... of {len(name):,} characters"


def path_of(item_id: str) -> str:
    """Give the path of an item's quantity inside the document."""
    return f"{ITEMS}.{field_of(item_id)}"


def read_stock(document: Mapping[str, Any]) -> Stock:
    """Read the stock out of a store document, whole or projected.

    Raises:
        BrokenDocument: another program left something that is no stock.
    """
    store_id = document["_id"]
    try:
        stock = _read_items(document.get(ITEMS, {}))
    except ValueError as wrong:
        raise BrokenDocument(store_id, str(wrong)) from None
    if PLAIN_STORE_ID.fullmatch(store_id) is None:
        raise BrokenDocument(store_id, "nobody can ask for it by its id")
    return stock


def _read_items(items: Any) -> Stock:
    if not isinstance(items, dict):
        raise ValueError(f"its {ITEMS!r} is not an object")  # noqa: TRY004  (one kind of failure for the caller)
    if "" in items or _ODD.search("".join(items)) or any(map(LONGEST_ID.__lt__, map(len, items))):
        return {item_id_of(field): _read_quantity(field, value) for field, value in items.items()}
    # Nothing to decode, and one search for all of them: a third of the time.
    return {field: _read_quantity(field, value) for field, value in items.items()}


def _read_quantity(field: str, value: Any) -> int:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, int) and type(value) is not bool and 0 <= value <= LARGEST_QUANTITY:
        return int(value)
    raise ValueError(f"the quantity of {_shortened(field)} is not a whole number from 0")


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


def quantities_in(fields: Mapping[str, Any], removed: Sequence[str] = ()) -> tuple[bool, Stock]:
    """Tell what a document, or a change of one, says of quantities; what is no quantity counts as nothing.

    Args:
        fields: of the document, or those that an update set, by dotted path.
        removed: those that it removed.

    Returns:
        Whether that is all that there is, and the quantities.
    """
    is_whole = ITEMS in removed
    quantities: Stock = {}
    for path in removed:
        if path.startswith(_ITEM):
            _count(path[len(_ITEM) :], 0, quantities)
    for path, value in fields.items():
        if path.startswith(_ITEM):
            _count(path[len(_ITEM) :], value, quantities)
        elif path == ITEMS:
            is_whole = True
            for field, quantity in value.items() if isinstance(value, dict) else ():
                _count(field, quantity, quantities)
    return is_whole, quantities


def _count(field: str, value: Any, quantities: Stock) -> None:
    item_id = _lenient_id_of(field)
    if item_id is not None:
        is_quantity = isinstance(value, int) and type(value) is not bool and 0 < value <= LARGEST_QUANTITY
        quantities[item_id] = int(value) if is_quantity else 0


@lru_cache(maxsize=100_000)
def _lenient_id_of(field: str) -> str | None:
    try:
        return item_id_of(field)
    except ValueError:
        return None


def which(only: StorePatterns | None) -> dict[str, Any]:
    """Write the part of a query that leaves out all stores but some; None leaves out none."""
    if only is None:
        return {}
    begins = [{"_id": {"$regex": f"^{re.escape(prefix)}"}} for prefix in only.prefixes]
    return {"$or": [{"_id": {"$in": sorted(only.ids)}}, *begins]}


def entries_of(field: str) -> dict[str, Any]:
    """Build the expression for a field's own fields and values; none where it is no object."""
    is_object = {"$eq": [{"$type": f"${field}"}, "object"]}
    return {"$objectToArray": {"$cond": [is_object, f"${field}", {}]}}
