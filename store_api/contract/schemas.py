"""The schemas of what the service answers and tells: what is sent, and what its documents say."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from store_api.contract.bodies import ItemId, StoreId
from store_api.contract.scopes import Scope
from store_api.stock import LARGEST_QUANTITY

Count = Annotated[int, Meta(ge=0)]


class ReportLine(Struct, forbid_unknown_fields=True):
    """One item, and how many pieces of it there are."""

    item_id: ItemId
    quantity: Annotated[int, Meta(ge=1, le=LARGEST_QUANTITY)]


class StoreReport(Struct, forbid_unknown_fields=True):
    """What one store holds."""

    store_id: StoreId
    report: list[ReportLine]


class Report(Struct, forbid_unknown_fields=True):
    """The report of a store: its items of which there is something, in the document's order."""

    store: StoreReport


class ChangedLine(Struct, forbid_unknown_fields=True, gc=False):
    """One item, and how many pieces of it there are now; 0 is none any more."""

    item_id: ItemId
    quantity: Annotated[int, Meta(ge=0, le=LARGEST_QUANTITY)]


class StoreChanges(Struct, forbid_unknown_fields=True):
    """Some lines of one store."""

    store_id: StoreId
    report: list[ChangedLine]


class Changes(Struct, forbid_unknown_fields=True):
    """Just some lines of a store: those that changed, or those that an operation was about."""

    store: StoreChanges


class BrokenStore(Struct, forbid_unknown_fields=True):
    """A store whose document cannot be read as a report, and what is wrong with it.

    Its id is whatever another program made it: that may be what is wrong.
    """

    store_id: str
    detail: str


class Broken(Struct, forbid_unknown_fields=True):
    """A store of all of them that cannot be told until its document is mended."""

    broken: BrokenStore


class ChangesFrame(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Some lines of a store, as a socket tells them: those that changed, those of a snapshot, or a part."""

    store: StoreChanges
    more: Annotated[
        bool,
        Meta(
            description="The next frame of this store goes on with the same change; left out in the last one."
        ),
    ] = False


class StoreSummary(Struct, forbid_unknown_fields=True):
    """One store of the overview: how many items it holds, and how many pieces in all."""

    store_id: StoreId
    items: Count
    units: Count


class Overview(Struct, forbid_unknown_fields=True):
    """One page of stores, by id, and where the next page is."""

    stores: list[StoreSummary]
    next: str | None


Moment = Annotated[
    datetime,
    Meta(description="A whole second of the replica set's own time.", examples=["2026-11-26T21:00:00Z"]),
]
CompleteUntil = Annotated[
    datetime | None,
    Meta(description="The last second of which the ledger has everything; null while it has no such second."),
]
Op = Literal["supply", "demand", "clean", "direct", "opening", "gap"]
"""What moved the stock."""


class Movement(Struct, forbid_unknown_fields=True, gc=False):
    """One row of the ledger: an item's quantity changed by `delta`, and was `quantity` after that."""

    id: Annotated[str, Meta(pattern="^[0-9]+[.][0-9]+$")]
    at: Moment
    store_id: str
    item_id: str
    delta: int
    quantity: Annotated[int, Meta(ge=0, le=LARGEST_QUANTITY)]
    op: Op
    actor: str | None
    reference: str | None
    reason: str | None


class Movements(Struct, forbid_unknown_fields=True):
    """One page of the ledger, and where the next one is; it may be short, or empty, and not the last."""

    movements: list[Movement]
    next: str | None
    complete_until: CompleteUntil


class PastReport(Struct, forbid_unknown_fields=True):
    """The report as it was after a second, and up to when such a question can be answered."""

    store: StoreReport
    at: Moment
    complete_until: CompleteUntil


class UnitsPoint(Struct, forbid_unknown_fields=True):
    """How many pieces a store held, from a second on."""

    at: Moment
    units: Count


class Units(Struct, forbid_unknown_fields=True):
    """How many pieces a store held over time."""

    units: list[UnitsPoint]
    complete_until: CompleteUntil


class Health(Struct, forbid_unknown_fields=True):
    """The service is well."""

    status: Literal["live", "ready"]


class Session(Struct, forbid_unknown_fields=True):
    """Who asks, and what they may do.

    No name is where nobody is asked who they are; no stores are all of them; what does not expire is in force
    for ever.
    """

    name: str | None
    scopes: list[Scope]
    stores: Annotated[list[str], Meta(description="Their ids, or their beginnings and `*`.")] | None
    expires: datetime | None


class SignedOut(Struct, forbid_unknown_fields=True):
    """The browser has forgotten its session."""

    status: Literal["signed out"]


class ShortItem(Struct, forbid_unknown_fields=True):
    """One item that a demand asked more of than there is, in pieces."""

    item_id: ItemId
    wanted: Annotated[int, Meta(ge=1)]
    available: Count


Outcome = Literal["not applied", "unknown", "applied"]
"""What became of an operation."""


class Problem(Struct, kw_only=True, forbid_unknown_fields=True):
    """What went wrong (RFC 9457), and what became of the operation."""

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    path: str | UnsetType = UNSET
    shortages: list[ShortItem] | UnsetType = UNSET
    primary_reachable: bool | UnsetType = UNSET
    change_stream_alive: bool | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    instance: str


def schemas_of(*shapes: Any) -> dict[str, Any]:
    """Write the JSON Schema (2020-12) of each shape, and of those in it, by name."""
    _, schemas = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    portable: dict[str, Any] = _portable(schemas)
    return portable


def schema_of(shape: Any) -> dict[str, Any]:
    """Write the JSON Schema (2020-12) of one shape that names no others."""
    portable: dict[str, Any] = _portable(msgspec.json.schema(shape))
    return portable


def _portable(schema: Any) -> Any:
    """Write patterns as every language reads them: no `\\Z`, no surrogates, which no text holds anyway."""
    if isinstance(schema, dict):
        return {
            key: _pattern(value) if key == "pattern" else _portable(value) for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_portable(value) for value in schema]
    return schema


def _pattern(pattern: str) -> str:
    return re.sub(r"\\Z$", "$", pattern.replace(r"\ud800-\udfff", ""))
