"""Request heads: the request line and the field lines, to the letter of RFC 9112, 3 and 5."""

import re
from http import HTTPStatus
from typing import NamedTuple

from store_api.http.grammar import BLANKS, FIELD_LINE, TOKEN, VALUE, Fields, RefusedError, bad_request

LARGEST_HEAD = 16 * 1024
LONGEST_LINE = 12 * 1024
"""Bytes of a head, and of its request line; 8,000 octets of the latter are the least (RFC 9112, 3)."""

LONGEST_METHOD = 32
"""Characters of a method; no method that there is has more."""

KNOWN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"))
"""Methods that are answered by each address for itself; any other is implemented nowhere (RFC 9110, 9.1)."""

# A browser leaves some characters of an address as they are which RFC 3986 has encoded: [ ] | \ ^ ` { }.
_REQUEST_LINE = re.compile(rf"({TOKEN}) ([!$-;=?-~]+) HTTP/([0-9])\.([0-9])")
_LOOSE_LINE = re.compile(rf"{TOKEN} \S+ HTTP/[0-9]\.[0-9]")
_FIELDS = re.compile(rf"(?:\r\n{FIELD_LINE})*")
_FIELD = re.compile(rf"\r\n({TOKEN}):[ \t]*({VALUE})")
_FIELD_LINE = re.compile(FIELD_LINE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_HOST = re.compile(r"(?:\[[0-9A-Za-z:.\-_~]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]*)(?::[0-9]*)?")


class RequestLine(NamedTuple):
    """A request line.

    Args:
        method: one of those that are known.
        target: the path and the query, or `*`.
        host: what the target names, which counts more than `Host` does; None where it names none.
        minor: of the version, HTTP/1.x.
    """

    method: str
    target: str
    host: str | None
    minor: int


def read_request_line(line: str) -> RequestLine:
    """Read a request line, decoded as ISO 8859-1.

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
    return RequestLine(method, target, host, int(minor))


def read_fields(block: str) -> list[tuple[str, str]]:
    """Read field lines, each with the end of the line before it, decoded as ISO 8859-1.

    Raises:
        RefusedError: one of them is none.
    """
    if _FIELDS.fullmatch(block) is None:
        raise _why(block)
    fields: list[tuple[str, str]] = _FIELD.findall(block)
    if " \r\n" in block or "\t\r\n" in block or block[-1:] in (" ", "\t"):
        fields = [(name, value.rstrip(BLANKS)) for name, value in fields]
    return fields


def require_host(fields: Fields, minor: int) -> None:
    """Refuse a request that does not say, once, at which host and port it is directed (RFC 9112, 3.2).

    Raises:
        RefusedError: `Host` is missing, is there twice, or is none.
    """
    hosts = fields.getall("host", ())
    if not hosts:
        if minor > 0:
            raise bad_request("There is no header field Host.")
    elif len(hosts) > 1:
        raise bad_request("There are two header fields Host.")
    elif _HOST.fullmatch(hosts[0]) is None:
        raise bad_request("The header field Host is no host and port.")


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


def _why(block: str) -> RefusedError:
    """Tell which field line is none, for the client who sent it."""
    for number, line in enumerate(block.split("\r\n")[1:], 1):
        if line[:1] in (" ", "\t"):
            return bad_request(f"Header line {number} is folded, or begins with a blank.")
        name, colon, _ = line.partition(":")
        if colon and name != name.rstrip(BLANKS):
            return bad_request(f"Header line {number} has a blank before its colon.")
        if _FIELD_LINE.fullmatch(line) is None:
            return bad_request(f"Header line {number} is no field and value.")
    return bad_request("The header is none.")


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
    if not host or _HOST.fullmatch(host) is None:
        raise bad_request("The address names no host and port.")
    return path if path.startswith("/") else f"/{path}", host
