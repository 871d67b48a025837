"""What clients may send: ids, limits and the schemas of bodies, checked while they are decoded."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from store_api.stock import ids

LARGEST_BODY = 1024 * 1024
"""Bytes of a body; more are refused."""

MOST_GROUP_LINES = 10_000
"""Lines of one group."""

MOST_PIECES = 10**9
"""Pieces of one item that one line may name."""

LONGEST_ID = ids.LONGEST_ID
"""Characters of a store's or an item's id."""

MOST_STORES, USUAL_STORES = 10_000, 1_000
"""Stores on one page of the overview: at most, and unless told otherwise."""

LONGEST_REFERENCE, LONGEST_REASON = 128, 64
"""Characters of what a client says of an operation."""

MOST_MOVEMENTS, USUAL_MOVEMENTS, MOST_SHEET_MOVEMENTS = 1_000, 100, 10_000
"""Movements on one page: at most, unless told otherwise, and in a spreadsheet."""

UNPRINTABLE = ids.UNPRINTABLE
"""Characters that no id may hold."""

ITEM_ID = f"^[^{UNPRINTABLE}]*\\Z"
STORE_ID = f"^[^/{UNPRINTABLE}]*\\Z"
"""The patterns of ids; how long one may be is said beside them."""

REASON = "^[a-z0-9_.-]*\\Z"

STORE_ID_RULE = f"A store id is 1 to {LONGEST_ID} printable characters, none of them a slash."
LIMIT_RULE = f"The limit is a whole number from 1 to {MOST_STORES}."
"""What a client is told who breaks one of them."""

ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID, pattern=ITEM_ID)]
StoreId = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID, pattern=STORE_ID)]
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_REFERENCE, pattern=ITEM_ID)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_REASON, pattern=REASON)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=MOST_PIECES)]


class ItemLine(msgspec.Struct, forbid_unknown_fields=True):
    """One item and how many pieces of it."""

    item_id: ItemId
    quantity: Quantity


class ItemBody(ItemLine, forbid_unknown_fields=True):
    """The body of a demand or supply of one item."""

    operation: Literal["demand", "supply"]
    reference: Reference | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET


class GroupBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a demand or supply of many items, all or nothing."""

    operation: Literal["demand", "supply"]
    items: Annotated[list[ItemLine], msgspec.Meta(min_length=1, max_length=MOST_GROUP_LINES)]
    reference: Reference | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET


class CleanBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body that a clean may have: what it belongs to, and why."""

    reference: Reference | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
