"""The first token: it lets an operator in, who makes the others.

Its document is as the service has it (`store_api/tokens/collection.py`); this program runs without the
service's packages, and a test holds the two together.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from mongo_replica_init.token_text import hint_of

NAME = "first"
SCOPES = ("admin",)
COLLECTION = "tokens"


def document_of(text: str, made: datetime) -> dict[str, Any]:
    """Write what is kept of the first token: nothing that lets anybody in."""
    return {
        "_id": sha256(text.encode()).digest(),
        "name": NAME,
        "hint": hint_of(text),
        "scopes": list(SCOPES),
        "stores": None,
        "made": made,
        "expires": None,
        "revoked": None,
    }


def keep_first(tokens: Collection[dict[str, Any]], text: str) -> str:
    """Let the first token in where there is no token at all, and tell what came of it.

    One that is there is left alone, and so are others without it: whoever revoked the first one, or took it
    away, does not want it back.
    """
    document = document_of(text, datetime.now(UTC))
    if tokens.find_one({"_id": document["_id"]}, {"_id": 1}) is not None:
        return "is there, in force or revoked"
    if tokens.find_one({}, {"_id": 1}) is not None:
        return "left out, since there are others"
    try:
        tokens.insert_one(document)
    except DuplicateKeyError:
        return "is there, in force or revoked"
    return "made; the file first-token holds it"
