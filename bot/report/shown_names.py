"""Ids as people read them: on one line, of a bearable length, whatever somebody called an item; pure."""

import re
from unicodedata import bidirectional

from store_api.stock.ids import spelled

LONGEST = 32
"""Characters of an id that are shown."""

_LINE_END = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_HALF_A_CODE = re.compile("‹[^›]*$")
_ISOLATE, _END = "\u2068", "\u2069"  # Unicode, UAX #9: what is between cannot turn round what is beside it
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def shown(name: str, longest: int = LONGEST) -> str:
    """Give an id with nothing in it that would break, hide or turn round the text beside it.

    What could be mistaken for another id is spelled out, as everywhere.
    """
    text = spelled(_LINE_END.sub(" ", name)) or "\ufffd"
    if len(text) > longest:
        text = f"{_HALF_A_CODE.sub('', text[: longest - 1]).rstrip()}…"
    if any(bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return f"{_ISOLATE}{text}{_END}"
    return text


def utf16_units(text: str) -> int:
    """Count as Telegram does."""
    return len(text.encode("utf-16-le", "replace")) // 2
