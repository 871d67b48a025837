"""A token's text, as the service has it (`store_api/access/token_text.py`).

This program runs without the service's packages; a test holds the two together.
"""

import re
import secrets
import zlib
from collections.abc import Callable

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


def hint_of(text: str) -> str:
    """Give its beginning, which may be shown."""
    return text[: len(PREFIX) + 4]


def _check_of(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _in_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
