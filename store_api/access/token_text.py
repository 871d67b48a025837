"""Pure: a token as its holder has it, `sapi_` and 33 letters and digits, and what is kept of it.

27 of them are 160 random bits, the last six a CRC-32: a text that was cut off or made up is told without
asking anybody, and programs that look for leaked secrets know one when they see it. Kept is its SHA-256
alone: so many random bits need no slow hash, which passwords do.
"""

import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Final

PREFIX: Final = "sapi_"
RANDOM_BYTES: Final = 20
RANDOM_LENGTH, CHECK_LENGTH = 27, 6
"""Characters of base 62 that hold 160 bits, and 32."""

MOST_REMEMBERED = 1024
"""Tokens whose SHA-256 is remembered: those that come with request after request."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECK_LENGTH}}}")


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """Make a token.

    Args:
        random_bytes: gives so many, which nobody can foretell.
    """
    body = PREFIX + _in_base_62(int.from_bytes(random_bytes(RANDOM_BYTES)), RANDOM_LENGTH)
    return body + check_of(body)


def is_token(text: str) -> bool:
    """Tell whether a text can be a token at all: its shape and its check are right."""
    return _SHAPE.fullmatch(text) is not None and check_of(text[:-CHECK_LENGTH]) == text[-CHECK_LENGTH:]


@lru_cache(maxsize=MOST_REMEMBERED)
def token_id(text: str) -> bytes:
    """Give what is kept of a token, 32 bytes: its SHA-256."""
    return sha256(text.encode("ascii", "replace")).digest()


def hint_of(text: str) -> str:
    """Give the first letters of a token, by which people tell theirs from others."""
    return text[: len(PREFIX) + 4]


def check_of(body: str) -> str:
    """Give the last six characters of a token, of those before them."""
    return _in_base_62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _in_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
