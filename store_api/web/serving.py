"""Runs the web server on an open port, and stops it so that whoever asked is answered, slow readers too.

Sanic's limits are of time: an answer that takes longer to leave is cut off, however well it is read. Its own
way to stop closes, with the port, every connection that is between two requests, though its next request may
have arrived; and one that is always busy is never told to go, until it is cut off in the midst of a request.
"""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from time import monotonic
from types import SimpleNamespace
from typing import Any

from sanic import Config, Sanic
from sanic.server import try_use_uvloop
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from store_api.web.inside_sanic import acknowledged, end_overdue, is_busy

log = logging.getLogger(__name__)

App = Sanic[Config, SimpleNamespace]

BACKLOG = 1024
"""Connections that may wait to be accepted."""

PORT_SECONDS = 0.25
"""How long until every process that shares the port has closed it."""

IDLE_SECONDS = 1.0
"""How long a client between two requests may stay: one that sends another is answered, and then let go."""

BUSY_SECONDS = 10.0
"""How long a request in flight may take."""

READING_SECONDS = 20.0
"""How long an answer may go on leaving, as long as it does: its reader is slow."""

POLL_SECONDS = 0.02

STUCK_SECONDS = 60.0
"""How long nothing of an answer may leave before its reader is given up; a slow one gets all of it."""

STUCK_AT_STOP_SECONDS = 5.0
CHECK_SECONDS = 5.0

GONE_SECONDS = 2.0
"""How long what is only read goes on for a client that says no more: a workbook for nobody is much work."""

GARBAGE_THRESHOLDS = (10_000, 10, 20)
"""New objects between two collections of the youngest, and so on: requests leave next to no cycles behind."""


class Connection(WebSocketProtocol):
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
        return self.transport.get_write_buffer_size()

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
        await super().receive_more()  # type: ignore[no-untyped-call]

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


def run(app: App, listener: socket.socket, on_start: Callable[[], None] | None = None) -> None:
    """Serve in this process until SIGTERM, SIGINT, or `app.ctx.told_to_stop`.

    Args:
        app: what is served; its listeners are called as Sanic's own server does.
        listener: the open port, maybe shared with other processes.
        on_start: called once the port is served.
    """
    try_use_uvloop()
    asyncio.run(_serve(app, listener, on_start))


async def _serve(app: App, listener: socket.socket, on_start: Callable[[], None] | None) -> None:
    told_to_stop: asyncio.Event = app.ctx.told_to_stop
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    server: Any = await app.create_server(
        sock=listener, protocol=Connection, backlog=BACKLOG, asyncio_server_kwargs={"start_serving": False}
    )
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    _spare_what_stays()
    if on_start is not None:
        on_start()
    await told_to_stop.wait()
    port_closed = server.close()
    await asyncio.sleep(PORT_SECONDS)
    # From here on every answer says "Connection: close"; those who connect anew are refused.
    app.config.KEEP_ALIVE = False
    await server.before_stop()
    await _drain(server.connections)
    await server.after_stop()
    await asyncio.wait([port_closed], timeout=IDLE_SECONDS)


def _spare_what_stays() -> None:
    """Leave what was built for good out of every garbage collection, which would stop requests to look at it.

    A full collection took 28 ms without this, and all together 7 % of the time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def _drain(connections: Collection[Connection]) -> None:
    """Wait until all connections are gone, and cut off those that stay."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while connections and clock() < began + READING_SECONDS:
        for connection in list(connections):
            if not _may_stay(connection, clock() - began):
                connection.abort()
        await asyncio.sleep(POLL_SECONDS)
    for connection in list(connections):
        connection.abort()


def _may_stay(connection: Connection, waited: float) -> bool:
    """Whether a connection is still waited for, so many seconds after all were told to go."""
    if waited < IDLE_SECONDS:
        return True
    if connection.websocket is not None:
        return False
    if connection.unsent:
        return connection.seconds_stuck() < STUCK_AT_STOP_SECONDS
    return is_busy(connection) and waited < BUSY_SECONDS
