"""Requests and answers in one piece: most are small and whole, and need none of Sanic's steps for streams.

A body that has arrived with its head is taken as it is, and an answer goes out as one block of bytes whose
head was written once. Sanic asks a body for its next part until there is none, and builds the same four
header lines anew for every answer: together more than a quarter of what a request cost in Python.
"""

from functools import lru_cache
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import BaseHTTPResponse

from store_api.web.inside_sanic import send_in_one_block, take_arrived_body


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
    """An answer of status 200 that is sent in one block.

    Args:
        body: all of it.
        content_type: what it is.
        extra: more header lines, each with its line end.
    """

    __slots__ = ("_extra",)

    def __init__(self, body: bytes, content_type: str, extra: str = "") -> None:
        # Not the parent's: it would copy headers, and there are none.
        BaseHTTPResponse.__init__(self)  # type: ignore[no-untyped-call]
        self.status = 200
        self.body: bytes = body
        self.content_type = content_type
        self._extra = extra

    async def send(self, data: Any = None, end_stream: bool | None = None) -> None:
        """Send the whole answer, once; Sanic calls this after the handler.

        Raises:
            RequestCancelled: the client has gone.
        """
        await send_in_one_block(self, self.body, self._head)

    def _head(self, keep_alive: bool) -> bytes:
        return _head(self.content_type, self._extra, keep_alive) % len(self.body)


@lru_cache(maxsize=32)
def _head(content_type: str, extra: str, keep_alive: bool) -> bytes:
    return (
        "HTTP/1.1 200 OK\r\n"
        f"content-length: %d\r\nconnection: {'keep-alive' if keep_alive else 'close'}\r\n"
        f"content-type: {content_type}\r\n{extra}\r\n"
    ).encode("ascii")
