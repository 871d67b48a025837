"""Requests and answers in one piece: all are whole, and need none of Sanic's steps for streams.

A body that has arrived with its head is taken as it is, and an answer goes out as one block of bytes whose
head was written once. Sanic asks a body for its next part until there is none, and builds the same four
header lines anew for every answer: together more than a quarter of what a request cost in Python.
"""

import asyncio
import zlib
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import BaseHTTPResponse

from store_api.access.callers import Caller
from store_api.contract.calls import JSON
from store_api.forwarded import NOBODY, Came, Proxies
from store_api.http.fields import accepts_gzip
from store_api.web.inside_sanic import send_in_one_block, take_arrived_body

NEVER_KEPT = "no-store"
"""`Cache-Control` of all that says how the stock, or the service, stands at this moment."""

WORTH_SQUEEZING = 32 * 1024
"""Bytes of a report below which it is never compressed: about a thousand lines."""

SQUEEZE_LEVEL = 1
"""A quarter of the size in a quarter of the time of zlib's usual level, which gains no more than a tenth."""

_GZIP = 31
"""zlib's `wbits` for its largest window, in gzip's frame."""

_VARIES = "vary: Accept-Encoding\r\n"

_NOT_MODIFIED = int(HTTPStatus.NOT_MODIFIED)


class WholeRequest(Request[Any, Any]):
    """A request whose body, where it is all there, is taken in one piece.

    Attributes:
        caller: who asks, once the gate has let them in.
    """

    __slots__ = ("caller",)

    caller: Caller

    @property
    def came(self) -> Came:
        """How it came, through proxies or without."""
        proxies: Proxies | None = getattr(self.app.ctx, "proxies", None)
        return (proxies or NOBODY).came(self.ip, self.headers)

    async def receive_body(self) -> None:
        """Receive the body, if it was not received already; Sanic calls this before the handler.

        Raises:
            PayloadTooLarge: it is larger than the service takes.
            BadRequest: it is not encoded as its head says.
        """
        if not take_arrived_body(self):
            await super().receive_body()  # type: ignore[no-untyped-call]


class WholeAnswer(HTTPResponse):
    """An answer that is sent in one block.

    Args:
        body: all of it.
        content_type: what it is.
        extra: more header lines, each with its line end.
        status: its status.
        cached: what a cache may do with it (`Cache-Control`).
        own: header lines of this answer alone, each with its line end: its head is not kept for others.
    """

    __slots__ = ("_cached", "_extra", "_own")

    def __init__(
        self,
        body: bytes,
        content_type: str,
        extra: str = "",
        status: int = 200,
        cached: str = NEVER_KEPT,
        own: str = "",
    ) -> None:
        # Not the parent's: it would copy headers, and there are none.
        BaseHTTPResponse.__init__(self)  # type: ignore[no-untyped-call]
        # As a plain number, which is looked up several times as fast as one with a name.
        self.status = int(status)
        self.body: bytes = body
        self.content_type = content_type
        self._extra = extra
        self._cached = cached
        self._own = own

    async def send(self, data: Any = None, end_stream: bool | None = None) -> None:
        """Send the whole answer, once; Sanic calls this after the handler.

        Raises:
            RequestCancelled: the client has gone.
        """
        await send_in_one_block(self, self.body, self.head)

    def head(self, keep_alive: bool) -> bytes:
        """Write the head of it, whose `Date` is now.

        Args:
            keep_alive: whether the connection is kept.
        """
        second = int(time())
        template = _template(self.status, self.content_type, self._cached, self._extra, keep_alive, second)
        head = template if self.status == _NOT_MODIFIED else template % len(self.body)
        return head[:-2] + self._own.encode("ascii") + b"\r\n" if self._own else head


async def large_json_answer(request: Request, body: bytes) -> WholeAnswer:
    """Answer with JSON that may be large: compressed, where it is and the client can read that.

    It has no `ETag`, and no cache keeps it. It is compressed in a thread: meanwhile others are answered.

    Args:
        request: which is answered.
        body: the JSON.
    """
    if len(body) < WORTH_SQUEEZING:
        return WholeAnswer(body, JSON)
    if not accepts_gzip(request.headers.getall("accept-encoding", ())):
        return WholeAnswer(body, JSON, _VARIES)
    squeezed = await asyncio.to_thread(zlib.compress, body, SQUEEZE_LEVEL, _GZIP)
    return WholeAnswer(squeezed, JSON, f"{_VARIES}content-encoding: gzip\r\n")


@lru_cache(maxsize=64)
def _template(
    status: int, content_type: str, cached: str, extra: str, keep_alive: bool, second: int
) -> bytes:
    """Write a head that lacks just its length; where there is no body, it is whole.

    Its date is that of a second since 1970 (RFC 9110, 6.6.1).
    """
    lines = [
        f"HTTP/1.1 {status:d} {HTTPStatus(status).phrase}",
        f"date: {formatdate(second, usegmt=True)}",
        f"connection: {'keep-alive' if keep_alive else 'close'}",
        f"cache-control: {cached}",
    ]
    if status == _NOT_MODIFIED:
        return ("\r\n".join(lines) + f"\r\n{extra}\r\n").encode("ascii")
    lines += ["content-length: %d", f"content-type: {content_type}"]
    return ("\r\n".join(lines) + f"\r\n{extra.replace('%', '%%')}\r\n").encode("ascii")
