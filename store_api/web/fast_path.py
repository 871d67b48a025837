"""Requests and answers in one piece: most are small and whole, and need none of Sanic's steps for streams.

A body that has arrived with its head is taken as it is, and an answer goes out as one block of bytes whose
head was written once. Sanic asks a body for its next part until there is none, and builds the same four
header lines anew for every answer: together more than a quarter of what a request cost in Python.
"""

from functools import lru_cache
from typing import Any

from sanic import HTTPResponse, Request
from sanic.http.constants import Stage
from sanic.http.http1 import HTTP_CONTINUE
from sanic.response import BaseHTTPResponse


class WholeRequest(Request[Any, Any]):
    """A request whose body, where it is all there, is taken in one piece."""

    __slots__ = ()

    async def receive_body(self) -> None:
        """Receive the body, if it was not received already; Sanic calls this before the handler.

        Raises:
            PayloadTooLarge: it is larger than the service takes.
            BadRequest: it is not encoded as its head says.
        """
        stream: Any = self.stream
        arrived = stream.recv_buffer
        size = stream.request_bytes_left
        is_whole = stream.request_body is True and 0 < size <= len(arrived)
        if not is_whole or size > stream.request_max_size or stream.expecting_continue:
            await super().receive_body()  # type: ignore[no-untyped-call]
            return
        self.body = bytes(arrived[:size])
        del arrived[:size]
        stream.request_bytes_left = 0
        stream.request_body = None


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
        stream: Any = self.stream
        if stream.response_func is None:
            return
        stream.response_func = None
        block = _head(self.content_type, self._extra, stream.keep_alive) % len(self.body)
        if not stream.head_only:
            block += self.body
        if stream.expecting_continue:
            stream.expecting_continue = False
            block = HTTP_CONTINUE + block
        await stream.protocol.send(block)
        stream.stage = Stage.IDLE


@lru_cache(maxsize=32)
def _head(content_type: str, extra: str, keep_alive: bool) -> bytes:
    return (
        "HTTP/1.1 200 OK\r\n"
        f"content-length: %d\r\nconnection: {'keep-alive' if keep_alive else 'close'}\r\n"
        f"content-type: {content_type}\r\n{extra}\r\n"
    ).encode("ascii")
