"""Receives requests: Sanic's HTTP, with heads and bodies read by this folder's grammar in place of its own.

Of Sanic 25.12.1, whose version is pinned: `http1_request_header` and `read` stand in for those of
sanic/http/http1.py. What follows them there, from routing to the answer, is Sanic's.
"""

from http import HTTPStatus
from typing import Any

from sanic.exceptions import BadRequest, PayloadTooLarge, SanicException
from sanic.http import Http
from sanic.http.constants import Stage
from sanic.http.http1 import HTTP_CONTINUE

from store_api.http import framing as limits
from store_api.http.framing import Framing, read_chunk_line, read_framing, require_trailer, too_large
from store_api.http.grammar import RefusedError, bad_request
from store_api.http.heads import LONGEST_LINE, read_fields, read_request_line, require_small

LINE_END = b"\r\n"


class NotServed(BadRequest):
    """A message that was refused before it was a request, or in the midst of its body.

    It is a `BadRequest` by kind, whatever its status: so Sanic lets the connection end when it comes of a
    body that nobody asked for.
    """

    def __init__(self, refusal: RefusedError) -> None:
        super().__init__(refusal.detail)
        self.status_code = refusal.status.value


class LiteralHttp(Http):
    """One connection's requests, to the letter of RFC 9112."""

    __slots__ = ("_extension_bytes", "_in_chunk")

    recv_buffer: bytearray
    url: str
    request_body: Any
    request_bytes: int
    request_bytes_left: int
    request_max_size: int

    async def http1_request_header(self) -> None:
        """Receive a head, and make a request of it.

        Raises:
            NotServed: it is no head, or none that is served.
            PayloadTooLarge: it announces a body that is too large.
        """
        end = await self._receive_head()
        raw = bytes(self.recv_buffer[:end])
        first, *lines = raw.decode("latin-1").split("\r\n")
        try:
            method, self.url, host, minor = read_request_line(first)
            self.head_only = method == "HEAD"
            fields, watched = read_fields(lines)
            framing = read_framing(watched, minor, self.request_max_size)
        except RefusedError as refusal:
            raise _refused(refusal) from None
        if host is not None:
            fields = [("host", host), *(field for field in fields if field[0] != "host")]
        del self.recv_buffer[: end + 4]
        self._begin_request(raw, method, minor, fields)
        self._begin_body(framing)

    async def _receive_head(self) -> int:
        """Wait until a head is whole, and tell where it ends; empty lines before it are dropped."""
        buffer = self.recv_buffer
        searched = 0
        while True:
            while buffer.startswith(LINE_END):
                del buffer[:2]
                searched = 0
            if (end := buffer.find(b"\r\n\r\n", searched)) != -1 and end < LONGEST_LINE:
                return end
            try:
                require_small(buffer, end)
            except RefusedError as refusal:
                raise _refused(refusal) from None
            if end != -1:
                return end
            searched = max(0, len(buffer) - 3)
            # Between two requests a connection is idle, though an empty line has come.
            self.stage = Stage.REQUEST if buffer else Stage.IDLE
            await self._receive_more()
            self.stage = Stage.REQUEST

    def _begin_request(self, raw: bytes, method: str, minor: int, fields: list[tuple[str, str]]) -> None:
        protocol: Any = self.protocol
        self.request = request = protocol.request_class(
            url_bytes=self.url.encode("ascii"),
            # Made a header by the request; it would copy one.
            headers=fields,
            head=raw,
            version="1.1" if minor else "1.0",
            method=method,
            transport=protocol.transport,
            app=protocol.app,
        )
        protocol.request_class._current.set(request)
        request.stream = self
        protocol.state["requests_count"] += 1

    def _begin_body(self, framing: Framing) -> None:
        length, keep_alive, self.expecting_continue = framing
        self.keep_alive = keep_alive and self.protocol.app.config.KEEP_ALIVE
        self.request_bytes_left = self.request_bytes = length or 0
        if length is None:
            self.request_body = "chunked"
            self._in_chunk = False
            self._extension_bytes = 0
        elif length:
            self.request_body = True

    async def read(self) -> bytes | None:
        """Receive a part of the body; None is its end.

        Raises:
            NotServed: it is not encoded as its head says.
            PayloadTooLarge: it is larger than may be.
        """
        if self.expecting_continue:
            self.expecting_continue = False
            await self._send(HTTP_CONTINUE)
        if self.request_bytes_left == 0 and self.request_body == "chunked":
            try:
                self.request_bytes_left = await self._receive_chunk_size()
            except RefusedError as refusal:
                raise self._given_up(refusal) from None
            self.request_bytes += self.request_bytes_left
        if self.request_bytes > self.request_max_size:
            raise self._given_up(too_large())
        if self.request_bytes_left == 0:
            self.request_body = None
            return None
        if not self.recv_buffer:
            await self._receive_more()
        data = bytes(self.recv_buffer[: self.request_bytes_left])
        del self.recv_buffer[: len(data)]
        self.request_bytes_left -= len(data)
        return data

    def _given_up(self, refusal: RefusedError) -> SanicException:
        """Refuse a body, of which nothing more is waited for."""
        self.keep_alive = False
        self.request_body = None
        return _refused(refusal)

    async def _receive_chunk_size(self) -> int:
        """Take in what stands between two chunks, or after the last one: 0 is the body's end."""
        if self._in_chunk and await self._receive_line(2):
            raise bad_request("A chunk of the body is longer than it says.")
        self._in_chunk = True
        size, extension_bytes = read_chunk_line(await self._receive_line(limits.LONGEST_CHUNK_LINE))
        self._extension_bytes += extension_bytes
        if self._extension_bytes > limits.MOST_EXTENSIONS:
            raise bad_request("The extensions of the body's chunks are too long.")
        if size == 0:
            left = limits.LARGEST_TRAILERS
            while trailer := await self._receive_line(left):
                require_trailer(trailer)
                left -= len(trailer) + 2
        return size

    async def _receive_line(self, longest: int) -> bytes:
        """Take a line off the buffer, without its end."""
        buffer = self.recv_buffer
        while (end := buffer.find(LINE_END, 0, max(longest, 2))) == -1:
            if len(buffer) >= longest:
                raise bad_request("The body is not in chunks as it must be.")
            await self._receive_more()
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        return line


def _refused(refusal: RefusedError) -> SanicException:
    if refusal.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PayloadTooLarge(refusal.detail)
    return NotServed(refusal)
