"""Tokens that callers of a benchmark have: made as the service makes them, put into MongoDB all at once."""

import secrets
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from store_api.access.token_text import hint_of, new_token, token_id
from store_api.tokens.collection import COLLECTION


def make_tokens(database: "Database[dict[str, Any]]", count: int) -> str:
    """Put so many tokens into a database, each of which may write, and give the text of one.

    Args:
        database: the service's.
        count: how many, 1 at least.
    """
    made = datetime.now(UTC)
    texts = [new_token(secrets.token_bytes) for _ in range(count)]
    database[COLLECTION].insert_many(
        {
            "_id": token_id(text),
            "name": f"till-{number}",
            "hint": hint_of(text),
            "scopes": ["demand", "read", "supply"],
            "stores": None,
            "made": made,
            "expires": None,
            "revoked": None,
        }
        for number, text in enumerate(texts)
    )
    # Of the middle: neither the first nor the last that was read.
    return texts[count // 2]
