"""The first token: it lets an operator in, who makes the others.

A token's text and its document are as the service has them (`store_api/access/token_text.py`,
`store_api/tokens/collection.py`); this program runs without the service's packages, and a test holds the two
together.
"""

import re
import secrets
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

NAME = "first"
SCOPES = ("admin",)
COLLECTION = "tokens"

PREFIX = "sapi_"
RANDOM_BYTES, RANDOM_LENGTH, CHECK_LENGTH = 20, 27, 6

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECK_LENGTH}}}")


def new_token(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Make a token's text.

    Args:
        random_bytes: gives so many, which nobody can foretell.
    """
    body = PREFIX + _in_base_62(int.from_bytes(random_bytes(RANDOM_BYTES), "big"), RANDOM_LENGTH)
    return body + _check_of(body)


def is_token(text: str) -> bool:
    """Tell whether a text can be a token: it was neither cut off nor mistyped."""
    return _SHAPE.fullmatch(text) is not None and _check_of(text[:-CHECK_LENGTH]) == text[-CHECK_LENGTH:]


def document_of(text: str, made: datetime) -> dict[str, Any]:
    """Write what is kept of the first token: nothing that lets anybody in."""
    return {
        "_id": sha256(text.encode()).digest(),
        "name": NAME,
        "hint": text[: len(PREFIX) + 4],
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


def _check_of(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _in_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
