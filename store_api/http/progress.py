"""Connections whose limits are of what moves, and not of time alone: Sanic's would cut a slow reader off."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from sanic.exceptions import RequestTimeout, SanicException, ServiceUnavailable
from sanic.http.constants import Stage

from store_api.http.connections import LiteralProtocol

log = logging.getLogger(__name__)

_INFO_BYTES, _ACKNOWLEDGED_AT = 128, 120
"""Where `tcpi_bytes_acked` stands in Linux' `struct tcp_info` (linux/tcp.h), which only grows at its end."""

STUCK_SECONDS = 60.0
"""How long nothing of an answer may leave before its reader is given up; a slow one gets all of it."""

CHECK_SECONDS = 5.0

GONE_SECONDS = 2.0
"""How long what is only read goes on for a client that says no more: a workbook for nobody is much work."""


def is_busy(connection: Any) -> bool:
    """Whether a whole request has arrived on a connection, no websocket, and is not answered."""
    return connection.websocket is None and bool(connection.http)


def acknowledged(transport: Any) -> int:
    """Tell how many bytes the other end has acknowledged; always 0 where the system does not say."""
    plug: Any = transport.get_extra_info("socket")
    try:
        info = plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except (AttributeError, OSError):
        return 0
    return int.from_bytes(info[_ACKNOWLEDGED_AT:_INFO_BYTES], sys.byteorder)


def end_overdue(connection: Any) -> None:
    """End what a connection waits for, where that is overdue (`check_timeouts` of Sanic's http_protocol.py).

    A client may take a while between two requests, and between two parts of one. What we do for a request
    that only reads takes as long as it takes: a large workbook waits for its turn.
    """
    http = connection.http
    error: SanicException | None = None
    if http.stage is Stage.IDLE:
        longest = connection.keep_alive_timeout
    elif http.stage is Stage.REQUEST:
        longest, error = connection.request_timeout, RequestTimeout()
    elif http.request_body:
        # Some of the body is missing.
        longest, error = connection.response_timeout, RequestTimeout()
    elif http.request.method == "POST":
        longest, error = connection.response_timeout, ServiceUnavailable()
    else:
        return
    if monotonic() - connection._time > longest:
        connection._time = monotonic()
        http.exception = error
        connection._task.cancel()


class Connection(LiteralProtocol):
    """A connection, maybe upgraded to a websocket, whose limits are of what moves, and not of time alone."""

    __slots__ = ("_is_heard_out", "_left", "_left_at")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._left: int | None = None
        self._left_at = 0.0
        self._is_heard_out = False

    @property
    def unsent(self) -> int:
        """How many bytes wait to be handed over to the system."""
        if self.transport is None or self.conn_info is None or self.conn_info.lost:
            return 0
        return self.counter()()

    def counter(self) -> Callable[[], int]:
        """Give what counts the bytes that wait to be handed over to the system, while it is open."""
        transport: Any = self.transport
        counter: Callable[[], int] = transport.get_write_buffer_size
        return counter

    def seconds_stuck(self) -> float:
        """Tell for how long nothing has left, though something waits; counted from when this was first asked.

        What the other end's system acknowledges has left. What is handed over to ours has not: it takes a
        megabyte at once, and then for minutes nothing.
        """
        if not self.unsent:
            self._left = None
            return 0.0
        left = self.left()
        if left != self._left:
            self._left, self._left_at = left, monotonic()
        return monotonic() - self._left_at

    def left(self) -> int:
        """Give a number that changes whenever something leaves."""
        return (self.transport and acknowledged(self.transport)) or -self.unsent

    async def has_room(self, patience: float) -> bool:
        """Wait until more may be written.

        Args:
            patience: after so many seconds in which nothing has left, it is given up.

        Returns:
            False when it is.
        """
        while not self._can_write.is_set():
            if self.seconds_stuck() >= patience:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(patience / 4):
                    await self._can_write.wait()
        return True

    def eof_received(self) -> bool | None:
        """Answer what was asked before a client said that it says no more (RFC 9112, 6.3); True to stay."""
        if self.websocket is not None:
            return super().eof_received()
        self._is_heard_out = True
        # Where the rest of a request is waited for, or the next one, that will not come.
        stays = self._data_received.is_set()
        if stays:
            self.loop.call_later(GONE_SECONDS, self._let_go)
        return stays

    def _let_go(self) -> None:
        """End what is read for one who said long ago that nothing more will come, as who hangs up does."""
        if self.websocket is None and is_busy(self) and self._http.request.method != "POST":
            self.close()

    async def receive_more(self) -> None:
        """Wait until more has come; where nothing will, all is over."""
        if self._is_heard_out:
            self.close()
            await self.loop.create_future()
        await super().receive_more()

    def check_timeouts(self) -> None:
        """Look now and then whether anything moves, in place of Sanic's look at the clock alone."""
        if self._task is None or self.websocket is not None:
            return
        if self._is_given_up():
            self.abort()
            return
        if self.unsent:
            self._time = monotonic()
        else:
            end_overdue(self)
        self._callback_check_timeouts = self.loop.call_later(CHECK_SECONDS, self.check_timeouts)

    def close(self, timeout: float | None = None) -> None:
        """Close it once all has left."""
        if self.websocket is not None:
            super().close(timeout)
            return
        timer: asyncio.TimerHandle | None = self._callback_check_timeouts
        if timer is not None:
            timer.cancel()
        if self.transport is not None:
            self.transport.close()
            self.loop.call_soon(self._await_end)

    def abort(self) -> None:
        """Cut it off."""
        super().abort()  # type: ignore[no-untyped-call]

    def _await_end(self) -> None:
        if self.transport is None:
            return
        if self.conn_info is not None and self.conn_info.lost:
            self.transport = None
        elif not self.unsent or self._is_given_up():
            self.abort()
        else:
            self.loop.call_later(CHECK_SECONDS, self._await_end)

    def _is_given_up(self) -> bool:
        if self.seconds_stuck() < STUCK_SECONDS:
            return False
        log.info("Gave up a reader that does not read", extra={"action": "answer_abandoned"})
        return True
