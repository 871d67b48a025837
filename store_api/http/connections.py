"""Sanic's connections, with requests received to the letter, and ends that are told from leaving.

Of Sanic 25.12.1, whose version is pinned (sanic/server/protocols/websocket_protocol.py).
"""

from typing import Any

from sanic import Request
from sanic.exceptions import RequestCancelled
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from sanic.server.websockets.frame import WebsocketFrameAssembler

from store_api.http.receiving import LiteralHttp

NO_UTF_8 = 1007
"""The code that closes a websocket whose text is none (RFC 6455, 7.4.1)."""


class LiteralAssembler(WebsocketFrameAssembler):
    """Makes messages of a websocket's frames; Sanic's own never tells a client whose text is no UTF-8."""

    async def put(self, frame: Any) -> None:
        """Add a frame to a message, or fail the connection for one that cannot be read (RFC 6455, 8.1)."""
        try:
            await super().put(frame)
        except UnicodeDecodeError:
            self.protocol.fail_connection(NO_UTF_8)


class LiteralProtocol(WebSocketProtocol):
    """What Sanic makes for each connection, with our reading of requests."""

    __slots__ = ("_has_ended",)

    HTTP_CLASS = LiteralHttp

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._has_ended = False

    def eof_received(self) -> bool | None:
        """Note that the client sends no more, which does not say that it wants no answer (RFC 9112).

        Who wrote something is told what became of it. Who only reads is taken to have gone, as most such
        clients have: nobody should build a workbook for nobody.
        """
        if self.websocket is not None or not self._has_been_written():
            return super().eof_received()
        self._has_ended = True
        if self._data_received:
            self._data_received.set()
        return True

    async def receive_more(self) -> None:
        """Wait until more of what the client sends has come.

        Raises:
            RequestCancelled: nothing will.
        """
        if self._has_ended:
            raise RequestCancelled
        await super().receive_more()  # type: ignore[no-untyped-call]

    def _has_been_written(self) -> bool:
        http = self.http
        if http is None or self.recv_buffer.startswith(b"POST "):
            return http is not None
        return bool(http) and http.request.method == "POST"

    async def websocket_handshake(self, request: Request, subprotocols: Any = None) -> Any:
        """Accept a websocket."""
        websocket = await super().websocket_handshake(request, subprotocols)
        websocket.assembler = LiteralAssembler(websocket)
        return websocket

    @staticmethod
    def sanic_request_to_ws_request(request: Request) -> Any:
        """Give the websocket library the handshake, of which `asks_for_websocket` is already true.

        It takes just one protocol for `Upgrade`, where RFC 6455 lets others stand beside it.
        """
        asked = WebSocketProtocol.sanic_request_to_ws_request(request)
        headers = asked.headers
        headers.clear()
        for name, value in request.headers.items():
            if name != "upgrade":
                headers[name] = value
        headers["upgrade"] = "websocket"
        return asked
