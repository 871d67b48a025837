"""How a sentence of an RFC is put to the test: a request, byte by byte, and what must come of it.

`{store}` in a request stands for a store of its own, which holds one chair; a supply adds one.
"""

from dataclasses import dataclass
from typing import Any

BODY = b'{"operation":"supply","item_id":"chair","quantity":1}'
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03"


@dataclass(frozen=True)
class Row:
    """A sentence, and what must come of a request.

    Args:
        section: of which document, as `9112 2.2`.
        sentence: what it says to a server, in short.
        request: the bytes of one request, or of several.
        statuses: what is answered to them, in order.
        kept: whether the connection goes on after them.
        chairs: in the store, when all is done.
        said: what must stand in the answers, in small letters.
        unsaid: what must not.
    """

    section: str
    sentence: str
    request: bytes
    statuses: tuple[int, ...]
    kept: bool = True
    chairs: int = 1
    said: tuple[bytes, ...] = ()
    unsaid: tuple[bytes, ...] = ()


def get(
    *lines: bytes, path: bytes = b"/stores/{store}", host: bytes = b"Host: x\r\n", **line: bytes
) -> bytes:
    """Write a request without a body."""
    method, version = line.get("method", b"GET"), line.get("version", b"HTTP/1.1")
    fields = b"".join(field + b"\r\n" for field in lines)
    return method + b" " + path + b" " + version + b"\r\n" + host + fields + b"\r\n"


def post(*lines: bytes, body: bytes = BODY, length: bytes | None = b"", **rest: bytes) -> bytes:
    """Write a supply; `length=None` leaves Content-Length out."""
    head = [rest.pop("content_type", b"Content-Type: application/json")]
    if length is not None:
        head.append(b"Content-Length: " + (length or b"%d" % len(body)))
    return get(*head, *lines, method=rest.pop("method", b"POST"), **rest) + body


def chunked(
    *lines: bytes, body: bytes = b"", coding: bytes = b"Transfer-Encoding: chunked", **rest: bytes
) -> bytes:
    """Write a supply in chunks, of which there is one unless told otherwise."""
    return post(coding, *lines, length=None, body=body or one_chunk(), **rest)


def one_chunk(extension: bytes = b"", last: bytes = b"0", trailers: bytes = b"", size: bytes = b"") -> bytes:
    """Write the supply's body as one chunk."""
    first = (size or b"%x" % len(BODY)) + extension
    return first + b"\r\n" + BODY + b"\r\n" + last + b"\r\n" + trailers + b"\r\n"


def clean(origin: bytes, host: bytes = b"stock.example", *lines: bytes) -> bytes:
    """Write a clean as a browser sends it."""
    return get(
        b"Origin: " + origin,
        b"Content-Length: 0",
        *lines,
        method=b"POST",
        path=b"/stores/{store}/clean",
        host=b"Host: " + host + b"\r\n",
    )


def bad(section: str, sentence: str, request: bytes, status: int = 400, **more: Any) -> Row:
    """Make a row of what must be refused, and ends the connection, unread."""
    return Row(section, sentence, request, (status,), kept=False, **more)
