"""Connections over TLS: their handshake, and what is beneath them, which says what has left.

A TLS transport counts what it has not encrypted yet, and no more: what it handed down waits in the plain
transport beneath, a whole large answer at once. So we have to know both. The event loop's own way to serve
TLS shows just the upper one, and `start_tls` may lose what a client says before it is called.
"""

import asyncio
import asyncio.sslproto
import sys
from collections.abc import Callable
from typing import Any

from store_api.http.progress import Connection

HANDSHAKE_SECONDS = 15.0
"""How long a handshake may take, as long as a head may."""

NEVER_SECONDS = 7 * 24 * 3600.0
"""How long the library may wait until all has left, and the client says so: `Connection` decides before."""


class TlsConnection(Connection):
    """A connection over TLS; the app's `ctx.certificates` say with which certificate."""

    __slots__ = ("_below",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._below: Any = None

    def counter(self) -> Callable[[], int]:
        """Give what counts the bytes that wait to be handed over to the system, encrypted or not."""
        above = super().counter()
        below: Callable[[], int] = self._below.get_write_buffer_size
        return lambda: above() + below()

    def connection_made(self, transport: Any) -> None:
        """Begin the handshake, of which the web server sees nothing; called again once it is done."""
        if self._below is not None:
            super().connection_made(transport)  # type: ignore[no-untyped-call]
            return
        self._below = transport
        tls = _tls_of(self.loop)(
            self.loop,
            self,
            self.app.ctx.certificates.context,
            None,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=NEVER_SECONDS,
        )
        transport.set_protocol(tls)
        tls.connection_made(transport)

    def eof_received(self) -> None:
        """Let it end: the library ends both ways at once, so who says no more is told no more."""


def _tls_of(loop: asyncio.AbstractEventLoop) -> Any:
    """Give the protocol that speaks TLS: uvloop has one of its own, with the interface of Python's."""
    uvloop: Any = sys.modules.get("uvloop.loop")
    is_uvloop = uvloop is not None and isinstance(loop, uvloop.Loop)
    return uvloop.SSLProtocol if is_uvloop else asyncio.sslproto.SSLProtocol
