"""A small, quick HTTP/1.1 client: one keep-alive connection, one request at a time.

A general client takes longer over a request than the service does, so it would measure itself. Framing
(lengths, chunks, interim responses) is left to httptools, the parser that the server side uses too.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ServiceUnreachable(ConnectionError):
    """No connection could be made: nothing was sent."""


class AnswerLost(ConnectionError):
    """The request was sent and no answer came back: it may have been carried out."""


class Response(NamedTuple):
    """A whole response; header names are in lower case, of a repeated header the last one counts."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Exchange(asyncio.Protocol):
    """One socket: takes the bytes of a request and resolves `answer` with the response to it."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Response] | None = None
        self._parser = HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as wrong:
            self._lose(f"what came back is not HTTP/1.1 ({wrong})")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("the connection closed before the answer was complete")

    def send(self, request: bytes) -> "asyncio.Future[Response]":
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def on_message_begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # interim: the response itself follows
            return
        answer, self.answer = self.answer, None
        if answer is None or not self._parser.should_keep_alive():
            self.transport.close()
        if answer is not None and not answer.done():
            answer.set_result(Response(status, self._headers, b"".join(self._body)))

    def _lose(self, reason: str) -> None:
        self.transport.abort()
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(AnswerLost(reason))


class Connection:
    """A connection to one service, opened at the first request and again after it was closed.

    Args:
        url: where the service is, as `http://127.0.0.1:8000`; a path in it goes before every request's path.
        answer_timeout: how long to wait for a connection and for an answer, in seconds.
        token: says with each request who asks; without one nobody does.

    Raises:
        ValueError: when `url` is not the URL of a web service, or the token can be none.
    """

    def __init__(self, url: str, answer_timeout: float = 30.0, *, token: str = "") -> None:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and not {" ", "?", "#"} & set(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            raise ValueError(f"{url!r} is not a URL like http://127.0.0.1:8000")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._tls else 80)
        self._base = parts.path.rstrip("/")
        self._host_line = f" HTTP/1.1\r\nhost: {parts.netloc.rpartition('@')[2]}\r\n"
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("the token can be none: it has blanks or letters in it that none has")
            self._host_line += f"authorization: Bearer {token}\r\n"
        self._timeout = answer_timeout
        self._exchange: _Exchange | None = None

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> Response:
        """Send one request and wait for the whole response, whatever its status.

        Args:
            method: any but `HEAD` and `CONNECT`.
            path: from the root, percent-encoded already, with its query.
            body: JSON; without one no content type is sent.
            headers: further ones, in ASCII.

        Raises:
            ServiceUnreachable: there is no connection; nothing was sent.
            AnswerLost: it was sent, and the answer did not come in time, or not whole.
            RuntimeError: another request is still on its way.
        """
        exchange = self._exchange
        if exchange is None or exchange.transport.is_closing():
            exchange = self._exchange = await self._connect()
        if exchange.answer is not None:
            raise RuntimeError("one request at a time on a connection")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body:
            lines += "content-type: application/json\r\n"
        if body or method == "POST":
            lines += f"content-length: {len(body)}\r\n"
        head = f"{method} {self._base}{path}{self._host_line}{lines}\r\n".encode("ascii")
        answer = exchange.send(head + body)
        try:
            async with asyncio.timeout(self._timeout):
                return await answer
        except TimeoutError:
            raise AnswerLost(f"no answer came within {self._timeout:g} seconds") from None
        finally:
            if answer.cancelled():  # given up on: a late answer must not meet the next request
                exchange.transport.abort()

    async def _connect(self) -> _Exchange:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                opening = loop.create_connection(_Exchange, self._host, self._port, ssl=self._tls or None)
                return (await opening)[1]
        except OSError as error:  # a time-out is one too
            raise ServiceUnreachable(f"cannot connect to {self._host}:{self._port}") from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._exchange is not None:
            self._exchange.transport.close()
