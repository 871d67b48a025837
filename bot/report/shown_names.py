"""Ids as people read them: on one line, of a bearable length, whatever somebody called an item; pure."""

import re
from unicodedata import bidirectional

LONGEST = 32
"""Characters of an id that are shown."""

_ISOLATE, _END = "\u2068", "\u2069"  # Unicode, UAX #9: what is between cannot turn round what is beside it
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def shown(name: str, longest: int = LONGEST) -> str:
    """Give an id with nothing in it that would break, hide or turn round the text beside it."""
    text = re.sub(r"\s+", " ", "".join(_visible(character) for character in name)).strip() or "\ufffd"
    if len(text) > longest:
        text = f"{text[: longest - 1].rstrip()}…"
    if any(bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return f"{_ISOLATE}{text}{_END}"
    return text


def utf16_units(text: str) -> int:
    """Count as Telegram does."""
    return len(text.encode("utf-16-le", "replace")) // 2


def _visible(character: str) -> str:
    return character if character.isprintable() or character.isspace() else "\ufffd"
