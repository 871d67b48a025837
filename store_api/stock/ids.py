"""Ids: what may name a store or an item, and how people tell two of them apart; pure.

Two ids are the same where their characters (Unicode code points) are: nothing is folded, trimmed or
normalised.
"""

import re
from unicodedata import category, normalize

LONGEST_ID = 128
"""Characters of a store's or an item's id, as Unicode counts them: not bytes, not UTF-16 units."""

UNPRINTABLE = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff\\ufdd0-\\ufdef\\ufffe\\uffff"
"""Control characters, line separators, surrogates, and characters that are none and that XML cannot hold."""

PLAIN_STORE_ID = re.compile(f"[^/{UNPRINTABLE}]{{1,{LONGEST_ID}}}")
"""What a store's id matches as a whole."""

# Drawn as nothing, though the category is a letter's, a symbol's or a mark's.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
# What makes another picture of the character before it: a part of emoji, of Persian and of Indian words.
_JOINING = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_PLAIN = re.compile("[!-~]+(?: [!-~]+)*")
_STRAY_SPACE = re.compile("^ +| +$|(?<= ) +")


def spelled(name: str) -> str:
    """Write an id so that it looks like no other: `chair`, but `chair‹U+200B›`, `Cafe‹U+0301›` and `␣`.

    What cannot be seen is written as its code point, and so are the parts of a letter that is composed
    otherwise than usual (Unicode's form C). Spaces at an end, and all but the first of several, become `␣`.
    """
    if _PLAIN.fullmatch(name):
        return name
    text = "".join(_letter(found) for found in _letters(name))
    return _STRAY_SPACE.sub(lambda found: "␣" * len(found[0]), text)


def _letters(name: str) -> list[str]:
    """Cut a text into characters, each with the marks and vowels that belong to it."""
    letters: list[str] = []
    for character in name:
        if letters and (
            _is_mark(character) or _JOINING.match(character) or "\u1161" <= character <= "\u11ff"
        ):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _letter(letter: str) -> str:
    first, rest = letter[0], letter[1:]
    if _is_mark(first):
        return "".join(map(_code, letter))
    if normalize("NFC", letter) != letter:
        start = _seen(first) if normalize("NFC", first) == first else _code(first)
        return start + "".join(map(_code, rest))
    is_joined = not first.isascii()
    return _seen(first) + "".join(
        mark if is_joined and _JOINING.match(mark) else _seen(mark) for mark in rest
    )


def _is_mark(character: str) -> bool:
    return category(character)[0] == "M"


def _seen(character: str) -> str:
    """Give a character that can be seen, or its code point."""
    kind = category(character)
    hidden = kind[0] == "C" or (kind[0] == "Z" and character != " ") or character in _BLANK
    return _code(character) if hidden or _JOINING.match(character) else character


def _code(character: str) -> str:
    return f"‹U+{ord(character):04X}›"
