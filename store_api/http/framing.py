"""Where a request's body ends, and whether the connection goes on after it (RFC 9112, 6, 7 and 9.3)."""

import re
from http import HTTPStatus
from typing import NamedTuple

from store_api.http.grammar import (
    FIELD_LINE,
    QUOTED,
    TOKEN,
    Fields,
    RefusedError,
    bad_request,
    elements,
    tokens,
)

LONGEST_CHUNK_LINE = 4 * 1024
MOST_EXTENSIONS = 16 * 1024
LARGEST_TRAILERS = 8 * 1024
"""Bytes of one chunk's first line, of all chunk extensions, and of all trailers of a body."""

MOST_DIGITS = 15
"""Digits of a length; with more it is too large whatever they are, and is never made a number."""

_ONCE = ("content-length", "content-type", "origin")
_DIGITS = re.compile(r"[0-9]+")
_CHUNK_LINE = re.compile(
    rf"([0-9A-Fa-f]+)((?:[ \t]*;[ \t]*{TOKEN}(?:[ \t]*=[ \t]*(?:{TOKEN}|{QUOTED}))?)*)".encode("latin-1")
)
_TRAILER = re.compile(FIELD_LINE.encode("latin-1"))


class Framing(NamedTuple):
    """What a head says of what follows it.

    Args:
        length: bytes of the body; None where it comes in chunks.
        keep_alive: whether another request may follow.
        expects_continue: whether the client waits to be told to go on.
    """

    length: int | None
    keep_alive: bool
    expects_continue: bool


def read_framing(fields: Fields, minor: int, largest: int) -> Framing:
    """Read how a request goes on.

    Args:
        fields: its header.
        minor: of its version.
        largest: bytes that a body may have.

    Raises:
        RefusedError: it cannot be told where the body ends, or it is too large.
    """
    keep_alive = minor > 0
    if connection := fields.getall("connection", ()):
        options = tokens(", ".join(connection))
        keep_alive = "close" not in options and (keep_alive or "keep-alive" in options)
    for name in _ONCE:
        if len(fields.getall(name, ())) > 1:
            raise bad_request(f"There are two header fields {name}.")
    lengths = fields.getall("content-length", ())
    length = _length(lengths[0], largest) if lengths else 0
    if transfers := fields.getall("transfer-encoding", ()):
        if lengths:
            raise bad_request("There are Content-Length and Transfer-Encoding.")
        _require_chunked(", ".join(transfers), minor)
        return Framing(None, keep_alive, _expects_continue(fields, minor))
    return Framing(length, keep_alive, _expects_continue(fields, minor) and length > 0)


def _require_chunked(value: str, minor: int) -> None:
    if minor == 0:
        raise bad_request("HTTP/1.0 has no Transfer-Encoding.")
    codings = tokens(value)
    if codings[-1:] != ["chunked"] or "chunked" in codings[:-1]:
        raise bad_request("The last transfer coding must be chunked, and no other.")
    if len(codings) > 1:
        raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, "There is no transfer coding here but chunked.")


def _length(text: str, largest: int) -> int:
    if _DIGITS.fullmatch(text) is None:
        raise bad_request("Content-Length is no number of bytes.")
    if len(text) > MOST_DIGITS:
        text = text.lstrip("0") or "0"
    if len(text) > MOST_DIGITS or int(text) > largest:
        raise too_large()
    return int(text)


def _expects_continue(fields: Fields, minor: int) -> bool:
    lines = fields.getall("expect", ())
    if not lines or minor == 0:
        return False
    expected = elements(", ".join(lines).lower())
    if expected not in ([], ["100-continue"]):
        raise RefusedError(HTTPStatus.EXPECTATION_FAILED, "Nothing can be expected here but 100-continue.")
    return bool(expected)


def too_large() -> RefusedError:
    """Make the refusal of a body that is too large."""
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")


def read_chunk_line(line: bytes) -> tuple[int, int]:
    """Read the first line of a chunk.

    Returns:
        The bytes of its data (0 ends the body), and the bytes of its extensions, which are ignored.

    Raises:
        RefusedError: it is no chunk's first line, or nobody can hold so much.
    """
    found = _CHUNK_LINE.fullmatch(line)
    if found is None:
        raise bad_request("A chunk of the body begins with no size.")
    digits = found[1].lstrip(b"0")
    if len(digits) > MOST_DIGITS:
        raise too_large()
    return int(digits or b"0", 16), len(found[2])


def require_trailer(line: bytes) -> None:
    """Refuse what is no trailer field; one that is, is ignored (RFC 9112, 7.1.2).

    Raises:
        RefusedError: it is none.
    """
    if _TRAILER.fullmatch(line) is None:
        raise bad_request("A trailer of the body is no field and value.")
