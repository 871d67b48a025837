"""Sanic's inside: whatever the others need of it that is not its documented interface, by name, in one place.

Of Sanic 25.12.1, whose version is pinned. Before it is raised, each function here must be held against the
new source; `tests/end_to_end/test_one_piece.py` and `test_rude_clients.py` fail where one no longer fits.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from sanic import HTTPResponse, Request
from sanic.exceptions import SanicException
from sanic.http.constants import Stage
from sanic.http.http1 import HTTP_CONTINUE
from sanic.server.websockets.impl import WebsocketImplProtocol

Handler = Callable[..., Coroutine[Any, Any, None]]

ERROR_FORMAT = "json"
"""What every route is added with: else Sanic reads and parses each handler's source to guess how its errors
look (`_determine_error_format` of sanic/mixins/routes.py), a tenth of a start. Ours answers for all of them.
"""


def take_arrived_body(request: Request) -> bool:
    """Take a request's body in one piece, where all of it has arrived with its head and may be taken.

    Returns:
        False where it must be received as Sanic does it (sanic/http/http1.py, `Http.read`).
    """
    stream: Any = request.stream
    arrived = stream.recv_buffer
    size = stream.request_bytes_left
    is_whole = stream.request_body is True and 0 < size <= len(arrived)
    if not is_whole or size > stream.request_max_size or stream.expecting_continue:
        return False
    request.body = bytes(arrived[:size])
    del arrived[:size]
    stream.request_bytes_left = 0
    stream.request_body = None
    return True


async def send_in_one_block(answer: HTTPResponse, body: bytes, head_of: Callable[[bool], bytes]) -> None:
    """Send a whole answer, once, in place of Sanic's steps (`http1_response_header` of sanic/http/http1.py).

    Args:
        answer: whose it is.
        body: what follows the head, where a body is wanted.
        head_of: gives the head, told whether the connection is kept.

    Raises:
        RequestCancelled: the client has gone.
    """
    stream: Any = answer.stream
    if stream.response_func is None:
        return
    stream.response_func = None
    block = head_of(stream.keep_alive)
    if not stream.head_only:
        block += body
    if stream.expecting_continue:
        stream.expecting_continue = False
        block = HTTP_CONTINUE + block
    await stream.protocol.send(block)
    stream.stage = Stage.IDLE


def end_sending(request: Request) -> None:
    """Tell the client that nothing follows, while it may still send (a TCP half-close).

    Over TLS the transport's own end is that: it says so, and drops what comes until the client ends, too.
    """
    transport: Any = request.transport
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()


async def swallow(request: Request) -> None:
    """Take in and forget what a client still sends, until it hangs up."""
    protocol: Any = request.transport.get_protocol()
    while True:
        protocol.recv_buffer.clear()
        await protocol.receive_more()


def forget_body(request: Request) -> None:
    """Do not wait for the rest of a body, once all that a client will be told was said."""
    stream: Any = request.stream
    stream.request_body = None
    stream.keep_alive = False


def methods_at(request: Request, methods: Iterable[str]) -> list[str]:
    """List which of these methods the address of a request takes."""
    return [method for method in methods if _is_routed(request, method)]


def _is_routed(request: Request, method: str) -> bool:
    try:
        request.app.router.get(request.path, method, None)
    except SanicException:
        return False
    return True


def answers_by_itself(handler: Handler) -> Handler:
    """Mark a handler as one that answers by itself, as Sanic marks its own of websockets (sanic/app.py)."""

    async def handle(request: Request, **arguments: str) -> None:
        await handler(request, **arguments)

    handle.is_websocket = True  # type: ignore[attr-defined]
    return handle


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A websocket whose handshake is done.

    Args:
        websocket: Sanic's end of it.
        transport: the connection's.
    """

    websocket: WebsocketImplProtocol
    transport: Any

    @property
    def connection(self) -> Any:
        """The connection that it goes over."""
        return self.websocket.io_proto

    @property
    def protocol(self) -> Any:
        """The sans-I/O protocol beneath (websockets/protocol.py), which knows the connection's state."""
        return self.websocket.ws_proto

    @property
    def close_code(self) -> int | None:
        """The code that the client closed it with; None where it has not."""
        closed = self.protocol.close_rcvd
        return None if closed is None else int(closed.code)

    async def answers(self, seconds: float) -> bool:
        """Ask the client whether it is there, and tell whether it has said so in time.

        Its time is not up while something leaves to it: the ping waits behind what was sent before.

        Raises:
            WebsocketClosed: it is gone already.
        """
        pong = await self.websocket.ping()
        pong.add_done_callback(_take_notice)
        while True:
            await asyncio.wait([pong], timeout=seconds / 2)
            # By now the ping itself has left, if nothing else had to before it.
            left = self.connection.left()
            await asyncio.wait([pong], timeout=seconds / 2)
            if pong.done():
                return True
            if self.connection.left() == left:
                return False

    def let_through(self, allowed: Callable[[int], bool]) -> None:
        """Ask before what the client sends is read.

        Args:
            allowed: told how many bytes came; False drops them.
        """
        receive: Callable[[bytes], None] = self.websocket.data_received

        def receive_allowed(data: bytes) -> None:
            if allowed(len(data)):
                receive(data)

        self.websocket.data_received = receive_allowed  # type: ignore[method-assign]


def _take_notice(pong: asyncio.Future[None]) -> None:
    """Look at how it ended, so that asyncio does not complain that nobody has."""
    if not pong.cancelled():
        pong.exception()


async def shake_hands(request: Request, subprotocol: str | None = None) -> OpenSocket:
    """Accept a websocket, in place of Sanic, which would do so before the handler is called.

    Args:
        request: the handshake.
        subprotocol: of those that it offers, the one that is spoken; None is none.
    """
    protocol: Any = request.transport.get_protocol()
    stream: Any = request.stream
    # Only from here on: Sanic lets nothing that it marks so run out of time, nor answer.
    stream.upgrade_websocket = True
    spoken = None if subprotocol is None else [subprotocol]
    return OpenSocket(await protocol.websocket_handshake(request, spoken), protocol.transport)
