"""Request heads: the request line and the field lines, to the letter of RFC 9112, 3 and 5."""

import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

from store_api.http.grammar import BLANKS, HOST, TOKEN, VALUE, RefusedError, bad_request

LARGEST_HEAD = 16 * 1024
LONGEST_LINE = 12 * 1024
"""Bytes of a head, and of its request line; 8,000 octets of the latter are the least (RFC 9112, 3)."""

MOST_KEPT, LONGEST_KEPT = 1024, 256
"""Field lines that are kept as they were read, and the characters of the longest of them."""

WATCHED = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "expect", "content-type", "origin")
)
"""Fields that say how to read on, or must not be there twice."""

LONGEST_METHOD = 32
"""Characters of a method; no method that there is has more."""

KNOWN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"))
"""Methods that are answered by each address for itself; any other is implemented nowhere (RFC 9110, 9.1)."""

# A browser leaves some characters of an address as they are which RFC 3986 has encoded: [ ] | \ ^ ` { }.
_REQUEST_LINE = re.compile(rf"({TOKEN}) ([!$-;=?-~]+) HTTP/([0-9])\.([0-9])")
_LOOSE_LINE = re.compile(rf"{TOKEN} \S+ HTTP/[0-9]\.[0-9]")
_FIELD_LINE = re.compile(rf"({TOKEN}):({VALUE})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


def read_request_line(line: str) -> tuple[str, str, str | None, int]:
    """Read a request line, decoded as ISO 8859-1.

    Returns:
        The method, one of those that are known; the target, a path and a query, or `*`; the host that
        the target names, which counts more than `Host` does, if any; and the version's minor number.

    Raises:
        RefusedError: it is none, or none that is served.
    """
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        if _LOOSE_LINE.fullmatch(line):
            raise bad_request("The address holds characters that must be percent-encoded.")
        raise bad_request("The first line is not a method, an address and a version.")
    method, target, major, minor = found.groups()
    if major != "1":
        raise RefusedError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "The service speaks HTTP/1.1.")
    if method not in KNOWN_METHODS:
        raise _unknown(method)
    host = None
    if target[0] != "/":
        target, host = _other_form(method, target)
    if "%" in target and _BAD_ESCAPE.search(target):
        raise bad_request("A percent sign in the address is not followed by two hexadecimal digits.")
    return method, target, host, int(minor)


def read_fields(lines: Sequence[str]) -> tuple[list[tuple[str, str]], tuple[tuple[str, str], ...]]:
    """Read field lines, decoded as ISO 8859-1.

    Returns:
        All fields, and once more those that say how to read on, their names in small letters.

    Raises:
        RefusedError: a line is no field.
    """
    fields, watched = [], []
    for line in lines:
        field = _read_kept(line) if len(line) <= LONGEST_KEPT else _read_field(line)
        fields.append(field)
        if field[0] in WATCHED:
            watched.append(field)
    return fields, tuple(watched)


def _read_field(line: str) -> tuple[str, str]:
    found = _FIELD_LINE.fullmatch(line)
    if found is not None:
        return found[1].lower(), found[2].strip(BLANKS)
    if line[:1] in (" ", "\t"):
        raise bad_request("A header line is folded, or begins with a blank.")
    name, colon, _ = line.partition(":")
    if colon and name != name.rstrip(BLANKS):
        raise bad_request("A header line has a blank before its colon.")
    raise bad_request("A header line is no field and value.")


# Nearly all lines of a head have come before, just as they are.
_read_kept = lru_cache(maxsize=MOST_KEPT)(_read_field)


def require_small(buffer: bytearray, end: int) -> None:
    """Refuse a head that is too large.

    Args:
        buffer: what has come.
        end: where the head ends, or -1 where it has not ended yet.

    Raises:
        RefusedError: its request line, or all of it, is too long.
    """
    size = len(buffer) if end == -1 else end
    if size >= LONGEST_LINE and buffer.find(b"\r\n", 0, LONGEST_LINE) == -1:
        if b" " not in buffer[: LONGEST_METHOD + 1]:
            raise _unknown("")
        raise RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long.")
    if size > LARGEST_HEAD:
        raise RefusedError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A head holds {LARGEST_HEAD // 1024} KiB at most."
        )


def _unknown(method: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_IMPLEMENTED, f"There is no method {method[:LONGEST_METHOD]} here.")


def _other_form(method: str, target: str) -> tuple[str, str | None]:
    """Make the absolute form what it stands for: a path, and a host."""
    if target == "*" and method == "OPTIONS":
        return target, None
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        if _SCHEME.match(target):
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "The service serves http and https alone.")
        raise bad_request("The address begins with no slash.")
    host, path = found.groups()
    if not host or HOST.fullmatch(host) is None:
        raise bad_request("The address names no host and port.")
    return path if path.startswith("/") else f"/{path}", host
