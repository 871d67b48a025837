"""Tokens for tests, put into MongoDB as the command line does."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from store_api.access.token_text import hint_of, new_token, token_id

Documents = Collection[dict[str, Any]]


def tokens_in(database: Database[dict[str, Any]]) -> Documents:
    """Give the collection of tokens."""
    return database["tokens"]


def let_in(
    tokens: Documents,
    scopes: Sequence[str],
    *,
    name: str | None = None,
    stores: Sequence[str] | None = None,
    expires: datetime | None = None,
    **others: Any,
) -> str:
    """Make a token, and give its text.

    Args:
        tokens: where it is kept.
        scopes: what it may.
        name: whose it is; one of its own unless given.
        stores: the only stores that it may that to.
        expires: until when.
        others: further fields of its document, or others in their place.
    """
    text = new_token(secrets.token_bytes)
    document = {
        "_id": token_id(text),
        "name": name or f"caller-{secrets.token_hex(4)}",
        "hint": hint_of(text),
        "scopes": list(scopes),
        "stores": None if stores is None else list(stores),
        "made": datetime.now(UTC),
        "expires": expires,
        "revoked": None,
    }
    tokens.insert_one({**document, **others})
    return text


def bearer(token: str) -> dict[str, str]:
    """Give the header that a token is sent in."""
    return {"Authorization": f"Bearer {token}"}
