"""The socket contract: each websocket listens to one store or to all, and is told of every change."""

import asyncio
import logging
from collections import Counter
from functools import partial

from sanic import Blueprint, Request
from sanic.exceptions import WebsocketClosed
from sanic.server.websockets.impl import WebsocketImplProtocol

from store_api.contract.channels import BROKEN_RULE, GOING_AWAY, OUR_FAULT, SLOWEST_SECONDS, TOO_SLOW
from store_api.errors import UpgradeRequired
from store_api.feed import ALL_STORES, Feed, Subscriber
from store_api.web.inside_sanic import OpenSocket, answers_by_itself, shake_hands
from store_api.web.requests import store_id_of, wants_only_changes, wants_snapshot
from store_api.web.socket_writers import SocketWriters

log = logging.getLogger(__name__)

MOST_RECEIVED, ALLOWANCE_SECONDS = 16 * 1024, 1.0
"""Bytes that a client may send in so many seconds. It only listens, and each of its pings costs an answer,
which waits in memory while the client does not read."""

CLOSE_SECONDS = 1.0
"""How long the closing of all sockets may take when the service stops."""


class Sockets:
    """Serves the websockets of this process.

    Args:
        feed: where each of them listens.
        send_seconds: how long a client may take to make room for the next frame.
    """

    def __init__(self, feed: Feed, send_seconds: float = SLOWEST_SECONDS) -> None:
        self._feed = feed
        self._send_seconds = send_seconds
        self._writers = SocketWriters()
        self._open: set[WebsocketImplProtocol] = set()
        self._received: Counter[WebsocketImplProtocol] = Counter()

    async def one(self, request: Request, store_id: str) -> None:
        """`GET /ws/stores/{store_id}`."""
        await self._serve(request, store_id_of(store_id))

    async def all(self, request: Request) -> None:
        """`GET /ws/stores`."""
        await self._serve(request, ALL_STORES)

    def blueprint(self) -> Blueprint:
        """Lay out the routes."""
        routes = Blueprint("sockets")
        routes.add_route(answers_by_itself(self.all), "/ws/stores", methods=["GET"], name="all")
        routes.add_route(
            answers_by_itself(self.one), "/ws/stores/<store_id:str>", methods=["GET"], name="one"
        )
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

    async def _serve(self, request: Request, store_id: str | None) -> None:
        arguments = dict(request.get_args(keep_blank_values=True))
        snapshot, only_changes = wants_snapshot(arguments), wants_only_changes(arguments)
        if request.headers.get("upgrade", "").lower() != "websocket":
            raise UpgradeRequired
        # Listening begins before the handshake ends: whoever is connected misses nothing, and whoever cannot
        # be served gets an HTTP problem in place of a socket that closes.
        async with self._feed.listen(store_id, snapshot=snapshot, only_changes=only_changes) as subscriber:
            opened = await shake_hands(request)
            websocket = opened.websocket
            self._open.add(websocket)
            opened.let_through(partial(self._is_allowed, opened))
            subscriber.write_at_once = self._writers.open(opened.transport, opened.protocol).write
            try:
                await _converse(websocket, subscriber, self._send_seconds)
            finally:
                self._open.discard(websocket)
                self._received.pop(websocket, None)

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


async def _converse(websocket: WebsocketImplProtocol, subscriber: Subscriber, send_seconds: float) -> None:
    """Send every frame, and close as soon as the client breaks a rule or falls too far behind."""
    writing = asyncio.create_task(_write(websocket, subscriber, send_seconds))
    tasks = [writing, asyncio.create_task(_read(websocket))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        code = next(iter(done)).result()
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


async def _write(websocket: WebsocketImplProtocol, subscriber: Subscriber, send_seconds: float) -> int | None:
    while (frame := await subscriber.next()) is not None:
        try:
            async with asyncio.timeout(send_seconds):
                await websocket.send(frame)
        except TimeoutError:
            log.info("Closed a reader that does not read", extra={"action": "socket_too_slow"})
            return TOO_SLOW
        except (asyncio.CancelledError, WebsocketClosed):
            # Sanic says so when the transport is closing (sanic/server/protocols/base_protocol.py).
            return None
    return TOO_SLOW if subscriber.too_slow else GOING_AWAY


async def _read(websocket: WebsocketImplProtocol) -> int | None:
    """Wait for what must not come: this socket only listens. Reading also lets pongs and closes through."""
    try:
        await websocket.recv()
    except (asyncio.CancelledError, WebsocketClosed):
        # Sanic's way to say that the client is gone (sanic/server/websockets/impl.py).
        return None
    return BROKEN_RULE
