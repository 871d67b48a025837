"""Frames that go straight to the transports of those who keep up, a turn of the event loop's worth at once.

A frame is built once for everybody (wire.py); each socket's own protocol would build it anew. And a write is
a system call, which costs more than all the rest: of ten changes that a change stream delivers at once,
a socket gets the frames in one.
"""

import asyncio
from typing import Any

from websockets.protocol import State

MOST_UNSENT = 32 * 1024
"""Bytes on their way to a client beyond which it does not keep up at this moment."""


class Outlets:
    """The outlets of this process, flushed together at the end of each turn of the event loop."""

    def __init__(self) -> None:
        self._used: list[Outlet] = []

    def open(self, transport: Any, protocol: Any) -> "Outlet":
        """Open an outlet to a client.

        Args:
            transport: the connection's.
            protocol: the websocket's sans-I/O protocol (websockets/protocol.py), which knows its state.
        """
        return Outlet(self, transport, protocol)

    def note(self, outlet: "Outlet") -> None:
        """Note that an outlet has something to flush."""
        if not self._used:
            asyncio.get_running_loop().call_soon(self._flush)
        self._used.append(outlet)

    def _flush(self) -> None:
        used, self._used = self._used, []
        for outlet in used:
            outlet.flush()


class Outlet:
    """The way to one client, past every queue."""

    __slots__ = ("_outlets", "_protocol", "_transport", "_unflushed", "_waiting")

    def __init__(self, outlets: Outlets, transport: Any, protocol: Any) -> None:
        self._outlets = outlets
        self._transport = transport
        self._protocol = protocol
        self._waiting: list[bytes] = []
        self._unflushed = 0

    def write(self, wire: bytes) -> bool:
        """Write a frame; False where the client does not keep up, or is going away."""
        if (
            self._protocol.state is not State.OPEN
            or self._transport.is_closing()
            or self._unflushed + self._transport.get_write_buffer_size() > MOST_UNSENT
        ):
            return False
        if not self._waiting:
            self._outlets.note(self)
        self._waiting.append(wire)
        self._unflushed += len(wire)
        return True

    def flush(self) -> None:
        """Hand over to the transport what was written in this turn."""
        waiting, self._waiting, self._unflushed = self._waiting, [], 0
        # After a close frame no other may follow (RFC 6455, 5.5.1).
        if self._protocol.state is State.OPEN and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
