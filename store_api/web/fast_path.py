"""Requests and answers in one piece: all are whole, and need none of Sanic's steps for streams.

A body that has arrived with its head is taken as it is, and an answer goes out as one block of bytes whose
head was written once. Sanic asks a body for its next part until there is none, and builds the same four
header lines anew for every answer: together more than a quarter of what a request cost in Python.
"""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import BaseHTTPResponse

from store_api.web.inside_sanic import send_in_one_block, take_arrived_body

NEVER_KEPT = "no-store"
"""`Cache-Control` of all that says how the stock, or the service, stands at this moment."""


class WholeRequest(Request[Any, Any]):
    """A request whose body, where it is all there, is taken in one piece."""

    __slots__ = ()

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
    """

    __slots__ = ("_cached", "_extra")

    def __init__(
        self,
        body: bytes,
        content_type: str,
        extra: str = "",
        status: int = HTTPStatus.OK,
        cached: str = NEVER_KEPT,
    ) -> None:
        # Not the parent's: it would copy headers, and there are none.
        BaseHTTPResponse.__init__(self)  # type: ignore[no-untyped-call]
        self.status = status
        self.body: bytes = body
        self.content_type = content_type
        self._extra = extra
        self._cached = cached

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
        template = _template(self.status, self.content_type, self._cached, self._extra, keep_alive)
        if self.status == HTTPStatus.NOT_MODIFIED:
            return template % _clock.date()
        return template % (_clock.date(), len(self.body))


@lru_cache(maxsize=64)
def _template(status: int, content_type: str, cached: str, extra: str, keep_alive: bool) -> bytes:
    """Write a head that lacks its date, and its length where there is a body."""
    lines = [
        f"HTTP/1.1 {status:d} {HTTPStatus(status).phrase}",
        "date: %b",
        f"connection: {'keep-alive' if keep_alive else 'close'}",
        f"cache-control: {cached}",
    ]
    if status != HTTPStatus.NOT_MODIFIED:
        lines += ["content-length: %d", f"content-type: {content_type}"]
    return ("\r\n".join(lines) + f"\r\n{extra.replace('%', '%%')}\r\n").encode("ascii")


class _Clock:
    """The time as `Date` says it (RFC 9110, 6.6.1), written once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._date = b""

    def date(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True).encode()
        return self._date


_clock = _Clock()
