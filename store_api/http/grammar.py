"""The grammar of HTTP that several readers share: tokens, field lines, lists; and how a refusal is said."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  (no password)
QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
VALUE = r"[^\x00-\x08\x0a-\x1f\x7f]*"
"""A token, a quoted string, and a field's value (RFC 9110, 5.5 and 5.6), all without control characters."""

BLANKS = " \t"
"""What may stand around a value; nothing else is a blank in HTTP."""

HOST = re.compile(r"(?:\[[0-9A-Za-z:.\-_~]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]*)(?::[0-9]*)?")
"""A host and a port, either of which may be empty (RFC 3986, 3.2.2 and 3.2.3)."""

FIELD_LINE = rf"{TOKEN}:{VALUE}"
"""A field line (RFC 9112, 5): no blank before the colon, none at the start, all of it in one line."""

# A quoted string that never ends goes on to the end: to look for its end again and again would take for ever.
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.?)*(?:"|$))+')


class Fields(Protocol):
    """Header fields, as Sanic keeps them: their names' letters' case does not count."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """Give the lines of a field."""
        ...


class RefusedError(Exception):
    """A message that is not HTTP/1.1, or not any that is served; the connection cannot go on after it.

    Args:
        status: what the client is told.
        detail: one sentence for the client.
    """

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def bad_request(detail: str) -> RefusedError:
    """Make the refusal of a malformed message."""
    return RefusedError(HTTPStatus.BAD_REQUEST, detail)


def elements(value: str) -> list[str]:
    """Split a list (RFC 9110, 5.6.1): commas inside quoted strings do not count, empty elements neither."""
    if '"' not in value:
        stripped = (element.strip(BLANKS) for element in value.split(","))
    else:
        stripped = (element.strip(BLANKS) for element in _ELEMENT.findall(value))
    return [element for element in stripped if element]


def tokens(value: str) -> list[str]:
    """Split a list of tokens whose letters' case does not count."""
    return elements(value.lower())
