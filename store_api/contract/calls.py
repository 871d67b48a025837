"""What an endpoint is made of, and what calls may say beside their body: in path, query and head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, get_args

from store_api import errors
from store_api.contract import schemas
from store_api.contract.bodies import (
    MOST_MOVEMENTS,
    MOST_SHEET_MOVEMENTS,
    MOST_STORES,
    USUAL_MOVEMENTS,
    USUAL_STORES,
    ItemId,
    Reference,
    StoreId,
)

JSON = "application/json"

STORE = "abc111"
"""The store of all examples."""


@dataclass(frozen=True, slots=True)
class Success:
    """What comes back when all is well.

    Args:
        description: in one sentence.
        shape: of its JSON; None where it is no JSON.
        examples: by name.
        media_type: what it is.
        schema: more about what is no JSON.
        headers: by name, what each is for.
        or_shape: another one that it may be of.
    """

    description: str
    shape: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = JSON
    schema: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    or_shape: Any = None

    @property
    def shapes(self) -> list[Any]:
        """The shapes that its JSON may be of; none where it is no JSON."""
        return [shape for shape in (self.shape, self.or_shape) if shape is not None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation.

    Args:
        method: of the request.
        path: as OpenAPI templates it.
        name: unique, for generated clients.
        summary: a few words.
        description: what one must know.
        answer: when all is well.
        failures: which of our errors it can end with.
        plain: the statuses that are problems without a type.
        problems: further problems, whole.
        parameters: names in `PARAMETERS`.
        body: the shape of its JSON body, if it has one.
        examples: bodies, by name.
        may_lack_body: whether the body may be left out.
        tag: whom it is for.
    """

    method: str
    path: str
    name: str
    summary: str
    description: str
    answer: Success
    failures: Sequence[errors.StoreApiError] = ()
    plain: Sequence[int] = (HTTPStatus.INTERNAL_SERVER_ERROR,)
    problems: Sequence[schemas.Problem] = ()
    parameters: Sequence[str] = ()
    body: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    may_lack_body: bool = False
    tag: str = "stores"

    @property
    def instance(self) -> str:
        """The path that examples are about."""
        return self.path.replace("{store_id}", STORE)


def _query(name: str, description: str, schema: Mapping[str, Any], example: str = "") -> dict[str, Any]:
    """Describe what a query may say; an example is named in words, since `/docs` would send it along."""
    told = f"{description} As `{example}`." if example else description
    return {"name": name, "in": "query", "description": told, "schema": dict(schema)}


def _whole(most: int, usual: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": usual}


_MOMENT = {"type": "string", "format": "date-time"}
_WHEN = "2026-11-26T21:00:00Z"

_KEY_PATTERN = '^("[!#-~]{1,255}"|[!#-~]{1,255})$'
PARAMETERS: dict[str, Any] = {
    "store_id": {
        "name": "store_id",
        "in": "path",
        "required": True,
        "description": "The store's id, percent-encoded; it holds no slash.",
        "schema": schemas.schema_of(StoreId),
        "example": STORE,
    },
    "prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`return=minimal` (RFC 7240): a report of just the operation's items, 0 included.",
        "schema": {"type": "string"},
        "examples": {"whole": {"value": "return=representation"}, "minimal": {"value": "return=minimal"}},
    },
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "What the client names the operation by, bare or in quotes: sent again with the same key, it is "
            "applied once, and answered as it ended. Remembered for 24 hours, or as the service is told."
        ),
        "schema": {"type": "string", "pattern": _KEY_PATTERN},
        "example": "order-4711",
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "How many stores a page holds at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_STORES, "default": USUAL_STORES},
    },
    "after": {
        "name": "after",
        "in": "query",
        "description": "The page begins with the store that comes after this id.",
        "schema": {"type": "string", "default": ""},
        "example": STORE,
    },
    "of_store": _query("store_id", "Of this store alone.", schemas.schema_of(StoreId), STORE),
    "item_id": _query("item_id", "Of this item alone; takes a store.", schemas.schema_of(ItemId), "chair"),
    "op": _query(
        "op", "What moved the stock.", {"type": "string", "enum": [*get_args(schemas.Op)]}, "demand"
    ),
    "actor": _query("actor", "Who asked for it.", {"type": "string", "minLength": 1}, "till-7"),
    "reference": _query("reference", "What it belongs to.", schemas.schema_of(Reference), "R-1009"),
    "from": _query("from", "Not before this second.", _MOMENT, _WHEN),
    "to": _query("to", "Not after this second.", _MOMENT, _WHEN),
    "at": _query("at", "All that happened in this second, or before it, is in the report.", _MOMENT, _WHEN),
    "order": _query(
        "order", "Oldest or newest first.", {"type": "string", "enum": ["asc", "desc"], "default": "asc"}
    ),
    "movements_limit": _query("limit", "How many at most.", _whole(MOST_MOVEMENTS, USUAL_MOVEMENTS)),
    "sheet_limit": _query("limit", "How many at most.", _whole(MOST_SHEET_MOVEMENTS, MOST_SHEET_MOVEMENTS)),
    "movements_after": _query(
        "after",
        "The id of the last movement that was seen, in either order.",
        {"type": "string", "pattern": "^[0-9]{1,18}[.][0-9]{1,18}$"},
        "17.4",
    ),
}
