"""What calls may say beside their body: in the path, the query and the head."""

from typing import Any

from store_api.contract import schemas
from store_api.contract.bodies import MOST_STORES, USUAL_STORES, StoreId

STORE = "abc111"
"""The store of all examples."""

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
}
