"""Where a request's body ends, and whether the connection goes on after it (RFC 9112, 6, 7 and 9.3)."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from store_api.http.grammar import (
    FIELD_LINE,
    HOST,
    QUOTED,
    TOKEN,
    RefusedError,
    bad_request,
    tokens,
)

LONGEST_CHUNK_LINE = 4 * 1024
MOST_EXTENSIONS = 16 * 1024
LARGEST_TRAILERS = 8 * 1024
"""Bytes of one chunk's first line, of all chunk extensions, and of all trailers of a body."""

MOST_KEPT = 512
"""Framings that are remembered: bodies have few lengths, and clients ask as they asked before."""

MOST_DIGITS = 15
"""Digits of a length; with more it is too large whatever they are, and is never made a number."""

_ONCE = ("host", "content-length", "content-type", "origin")
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


@lru_cache(maxsize=MOST_KEPT)
def read_framing(watched: tuple[tuple[str, str], ...], minor: int, largest: int) -> Framing:
    """Read how a request goes on; what is asked again is remembered.

    Args:
        watched: the fields that say so, in small letters and in their order.
        minor: of its version.
        largest: bytes that a body may have.

    Raises:
        RefusedError: it cannot be told where the body ends, it is too large, or nobody may be asked so.
    """
    fields: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in watched:
        fields[name].append(value)
    for name in _ONCE:
        if len(fields[name]) > 1:
            raise bad_request(f"There are two header fields {name}.")
    _require_host(fields["host"], minor)
    options = tokens(", ".join(fields["connection"]))
    keep_alive = "close" not in options and (minor > 0 or "keep-alive" in options)
    length: int | None = 0
    if fields["transfer-encoding"]:
        if fields["content-length"]:
            raise bad_request("There are Content-Length and Transfer-Encoding.")
        _require_chunked(", ".join(fields["transfer-encoding"]), minor)
        length = None
    elif fields["content-length"]:
        length = _length(fields["content-length"][0], largest)
    expects = _expects_continue(", ".join(fields["expect"]), minor)
    return Framing(length, keep_alive, expects and length != 0)


def _require_host(hosts: Sequence[str], minor: int) -> None:
    if not hosts:
        if minor > 0:
            raise bad_request("There is no header field Host.")
    elif HOST.fullmatch(hosts[0]) is None:
        raise bad_request("The header field Host is no host and port.")


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


def _expects_continue(value: str, minor: int) -> bool:
    expected = tokens(value) if minor > 0 else []
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
