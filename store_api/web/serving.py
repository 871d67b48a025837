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
from types import SimpleNamespace
from typing import Any

from sanic import Config, Sanic
from sanic.server import try_use_uvloop

from store_api.contract.bodies import LARGEST_BODY
from store_api.http.certificates import Certificates
from store_api.http.over_tls import TlsConnection
from store_api.http.progress import Connection, is_busy

log = logging.getLogger(__name__)

App = Sanic[Config, SimpleNamespace]

LIMITS = {
    "ACCESS_LOG": False,
    "MOTD": False,
    "REQUEST_MAX_SIZE": LARGEST_BODY,
    "REQUEST_TIMEOUT": 15,
    "RESPONSE_TIMEOUT": 60,
    "KEEP_ALIVE_TIMEOUT": 75,
    "WEBSOCKET_MAX_SIZE": 4096,
    "WEBSOCKET_PING_INTERVAL": None,  # we look after them ourselves
}
"""What Sanic is told: its limits, in bytes and seconds, and to keep quiet."""

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

STUCK_AT_STOP_SECONDS = 5.0
GARBAGE_THRESHOLDS = (10_000, 10, 20)
"""New objects between two collections of the youngest, and so on: requests leave next to no cycles behind."""


def run(app: App, listener: socket.socket, on_start: Callable[[], None] | None = None) -> None:
    """Serve in this process until SIGTERM, SIGINT, or `app.ctx.told_to_stop`.

    Args:
        app: what is served; its listeners are called as Sanic's own server does. Its `ctx` says when it is
            told to stop, and has the certificates to serve TLS with, if any.
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
    certificates: Certificates | None = app.ctx.certificates
    server: Any = await app.create_server(
        sock=listener,
        protocol=Connection if certificates is None else TlsConnection,
        backlog=BACKLOG,
        asyncio_server_kwargs={"start_serving": False},
    )
    renewing = None if certificates is None else asyncio.create_task(certificates.run())
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    _spare_what_stays()
    if on_start is not None:
        on_start()
    await told_to_stop.wait()
    if renewing is not None:
        renewing.cancel()
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


def stop_with_parent(app: App, sentinel: int) -> None:
    """End a worker whose main process was killed: nobody else would.

    Args:
        app: what it serves.
        sentinel: what can be read once the main process is gone.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(sentinel)
        log.error("The main process is gone", extra={"action": "main_process_gone"})
        app.ctx.told_to_stop.set()

    loop.add_reader(sentinel, stop)


def stop_if_dead(app: App, task: asyncio.Task[None]) -> None:
    """End the process when a part of it has died: without its watcher it would serve without pushes for ever.

    Args:
        app: what it serves.
        task: the part, which has ended.
    """
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical(
            "A part of the service died",
            extra={"action": "part_died", "part": task.get_name(), "error": type(error).__name__},
        )
        app.ctx.part_died = True
        app.ctx.told_to_stop.set()
