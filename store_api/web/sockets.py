"""The socket contract: each websocket listens to one store or to all, and is told of every change."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from functools import partial
from typing import Any

from sanic import Blueprint
from sanic.exceptions import WebsocketClosed
from sanic.server.websockets.impl import WebsocketImplProtocol

from store_api.access.stays import FOR_EVER, Stay, Stays
from store_api.contract.channels import (
    BROKEN_RULE,
    BROKEN_STORE,
    FRAME_TOO_LARGE,
    GOING_AWAY,
    OUR_FAULT,
    SLOWEST_SECONDS,
    SUBPROTOCOL,
    TOO_SLOW,
)
from store_api.errors import CredentialInvalid
from store_api.feed import ALL_STORES, Feed, Subscriber
from store_api.web.fast_path import WholeRequest
from store_api.web.inside_sanic import ERROR_FORMAT, OpenSocket, answers_by_itself, shake_hands
from store_api.web.requests import (
    require_websocket,
    store_id_of,
    subprotocols,
    wants_only_changes,
    wants_snapshot,
)
from store_api.web.routes import Guard, path_of_route
from store_api.web.socket_writers import SocketWriters

log = logging.getLogger(__name__)

MOST_RECEIVED, ALLOWANCE_SECONDS = 16 * 1024, 1.0
"""Bytes that a client may send in so many seconds. It only listens, and each of its pings costs an answer,
which waits in memory while the client does not read."""

PING_SECONDS = 20.0
"""How often a client is asked whether it is there, and how long it may take to say so."""

CLOSE_SECONDS = 1.0
"""How long the closing of all sockets may take when the service stops."""


class Sockets:
    """Serves the websockets of this process.

    Args:
        feed: where each of them listens.
        stays: how long each may.
        send_seconds: how long nothing may leave to a client for which a frame waits.
        ping_seconds: how long a client may be silent, and then how long until it answers a ping.
    """

    def __init__(
        self,
        feed: Feed,
        stays: Stays = FOR_EVER,
        *,
        send_seconds: float = SLOWEST_SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._feed = feed
        self._stays = stays
        self._send_seconds = send_seconds
        self._ping_seconds = ping_seconds
        self._writers = SocketWriters()
        self._open: set[WebsocketImplProtocol] = set()
        self._received: Counter[WebsocketImplProtocol] = Counter()

    async def one(self, request: WholeRequest, store_id: str) -> None:
        """`GET /ws/stores/{store_id}`."""
        await self._serve(request, store_id_of(store_id))

    async def all(self, request: WholeRequest) -> None:
        """`GET /ws/stores`."""
        await self._serve(request, ALL_STORES)

    def blueprint(self, guard: Guard) -> Blueprint:
        """Lay out the routes.

        Args:
            guard: puts the gate before a handler.
        """
        routes = Blueprint("sockets", strict_slashes=True)
        for name, path, handler in (
            ("all", "/ws/stores", self.all),
            ("one", "/ws/stores/{store_id}", self.one),
        ):
            guarded = answers_by_itself(guard(handler, f"GET {path}"))
            routes.add_route(guarded, path_of_route(path), name=name, error_format=ERROR_FORMAT)
        return routes

    async def run(self) -> None:
        """Give every client its allowance anew, for ever."""
        while True:
            await asyncio.sleep(ALLOWANCE_SECONDS)
            self._received.clear()

    async def close(self) -> None:
        """Close every socket, since the service stops."""
        closings = {asyncio.create_task(websocket.close(GOING_AWAY)): websocket for websocket in self._open}
        if not closings:
            return
        _, stuck = await asyncio.wait(closings, timeout=CLOSE_SECONDS)
        for closing in stuck:
            closing.cancel()
            closings[closing].fail_connection(GOING_AWAY)

    async def _serve(self, request: WholeRequest, store_id: str | None) -> None:
        arguments = dict(request.get_args(keep_blank_values=True))
        snapshot, only_changes = wants_snapshot(arguments), wants_only_changes(arguments)
        require_websocket(request.headers, request.version)
        # Entered before anything is waited for: a revocation that comes meanwhile is heard. And listening
        # begins before the handshake ends: whoever is connected misses nothing, and whoever cannot be served
        # gets an HTTP problem in place of a socket that closes.
        with self._stays.of(request.caller) as stay:
            async with self._feed.listen(
                store_id, snapshot=snapshot, only_changes=only_changes, only=request.caller.stores
            ) as subscriber:
                if stay is not None:
                    stay.when_over(subscriber.close)
                    if stay.has_ended:
                        raise CredentialInvalid
                await self._tell(request, subscriber, stay)

    async def _tell(self, request: WholeRequest, subscriber: Subscriber, stay: Stay | None) -> None:
        offered = SUBPROTOCOL in subprotocols(request.headers)
        opened = await shake_hands(request, SUBPROTOCOL if offered else None)
        websocket = opened.websocket
        self._open.add(websocket)
        opened.let_through(partial(self._is_allowed, opened))
        subscriber.write_at_once = self._writers.open(
            opened.transport, opened.protocol, opened.connection.counter()
        ).write
        try:
            await _converse(
                websocket,
                stay,
                _write(opened, subscriber, self._send_seconds),
                _read(websocket),
                _look_after(opened, self._ping_seconds),
            )
        finally:
            self._open.discard(websocket)
            self._received.pop(websocket, None)
            _note_why(opened)

    def _is_allowed(self, opened: OpenSocket, size: int) -> bool:
        """Count what a client sends, and cut it off when that is more than its allowance."""
        websocket = opened.websocket
        self._received[websocket] += size
        if self._received[websocket] <= MOST_RECEIVED:
            return True
        if websocket in self._open:
            log.info("Closed a subscriber that says too much", extra={"action": "socket_too_loud"})
            websocket.fail_connection(BROKEN_RULE)
            opened.transport.abort()
        return False


def _note_why(opened: OpenSocket) -> None:
    """Log what a client will not find out by itself, however often it comes back."""
    if opened.close_code == FRAME_TOO_LARGE:
        log.info(
            "A subscriber takes no frame as large as this report; only=changes has none above 1 MiB",
            extra={"action": "socket_frame_too_large"},
        )


async def _converse(
    websocket: WebsocketImplProtocol, stay: Stay | None, *parts: Coroutine[Any, Any, int | None]
) -> None:
    """Do all parts at once until the first ends, with the code to close with, or None where it is closed.

    Or until the client may stay no longer, whatever they are at.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    ends: list[asyncio.Future[Any]] = [*tasks] if stay is None else [stay.over, *tasks]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        code = next(end for end in ends if end in done).result()
        if code is not None:
            websocket.fail_connection(code)
    except asyncio.CancelledError:
        # The client went away, or the service did; either way this conversation is over.
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, the client must learn that it was us)
        log.error(
            "A socket failed through our fault", extra={"action": "fault", "error": type(error).__name__}
        )
        websocket.fail_connection(OUR_FAULT)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _write(opened: OpenSocket, subscriber: Subscriber, send_seconds: float) -> int | None:
    """Send every frame; a client that reads slowly may, and one to which nothing leaves is closed."""
    while (frame := await subscriber.next()) is not None:
        if not await opened.connection.has_room(send_seconds):
            log.info("Closed a reader that does not read", extra={"action": "socket_too_slow"})
            return TOO_SLOW
        try:
            await opened.websocket.send(frame)
        except (asyncio.CancelledError, WebsocketClosed):
            # Sanic says so when the transport is closing (sanic/server/protocols/base_protocol.py).
            return None
    if subscriber.is_broken:
        return BROKEN_STORE
    return TOO_SLOW if subscriber.too_slow else GOING_AWAY


async def _look_after(opened: OpenSocket, ping_seconds: float) -> int | None:
    """Ask a client now and then whether it is there, in place of Sanic, whose limit is one of time.

    A ping waits behind what was sent before it, so as long as that goes on leaving, no answer is overdue.
    """
    while True:
        await asyncio.sleep(ping_seconds)
        if not await opened.connection.has_room(ping_seconds):
            return TOO_SLOW
        try:
            is_there = await opened.answers(ping_seconds)
        except (asyncio.CancelledError, WebsocketClosed):
            return None
        if not is_there:
            log.info("Closed a reader that is gone", extra={"action": "socket_gone"})
            return TOO_SLOW


async def _read(websocket: WebsocketImplProtocol) -> int | None:
    """Wait for what must not come: this socket only listens. Reading also lets pongs and closes through."""
    try:
        await websocket.recv()
    except (asyncio.CancelledError, WebsocketClosed):
        # Sanic's way to say that the client is gone (sanic/server/websockets/impl.py).
        return None
    return BROKEN_RULE
