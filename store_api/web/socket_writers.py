"""Frames that go straight to the transports of those who keep up, a turn of the event loop's worth at once.

A frame is built once for everybody (`wire_of`); each socket's own protocol would build it anew. And a write
is a system call, which costs more than all the rest: of ten changes that a change stream delivers at once, a
socket gets the frames in one. Writing to a thousand sockets takes milliseconds; what is told right after that
waits as long as it took, and goes out with what else is told meanwhile.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import State

MOST_UNSENT = 32 * 1024
"""Bytes on their way to a client beyond which it does not keep up at this moment."""


SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.001, 0.005
"""How long frames wait for others after many were written; less is not worth a timer."""


def wire_of(text: str) -> bytes:
    """Build an unmasked, uncompressed text frame (RFC 6455, 5.2), as a server sends it."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class SocketWriters:
    """The writers of this process, flushed together: at the end of a turn of the event loop, or of a pause.

    Args:
        clock: gives seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: list[SocketWriter] = []
        self._pause_ends = 0.0

    def open(self, transport: Any, protocol: Any, unsent: Callable[[], int]) -> "SocketWriter":
        """Open a writer to a client.

        Args:
            transport: the connection's.
            protocol: the websocket's sans-I/O protocol (websockets/protocol.py), which knows its state.
            unsent: counts the bytes that wait on the connection.
        """
        return SocketWriter(self, transport, protocol, unsent)

    def note(self, writer: "SocketWriter") -> None:
        """Note that a writer has something to flush."""
        if not self._used:
            loop, pause = asyncio.get_running_loop(), self._pause_ends - self._clock()
            if pause > 0:
                loop.call_later(pause, self._flush)
            else:
                loop.call_soon(self._flush)
        self._used.append(writer)

    def _flush(self) -> None:
        began = self._clock()
        used, self._used = self._used, []
        for writer in used:
            writer.flush()
        ended = self._clock()
        if ended - began > SHORTEST_PAUSE_SECONDS:
            self._pause_ends = ended + min(ended - began, LONGEST_PAUSE_SECONDS)


class SocketWriter:
    """The way to one client, past every queue."""

    __slots__ = ("_protocol", "_transport", "_unflushed", "_unsent", "_waiting", "_writers")

    def __init__(
        self, writers: SocketWriters, transport: Any, protocol: Any, unsent: Callable[[], int]
    ) -> None:
        self._writers = writers
        self._transport = transport
        self._protocol = protocol
        self._unsent = unsent
        self._waiting: list[bytes] = []
        self._unflushed = 0

    def write(self, wire: bytes) -> bool:
        """Write a frame; False where the client does not keep up, or is going away."""
        if (
            self._protocol.state is not State.OPEN
            or self._transport.is_closing()
            or self._unflushed + self._unsent() > MOST_UNSENT
        ):
            # What goes another way must not overtake what waits here.
            self.flush()
            return False
        if not self._waiting:
            self._writers.note(self)
        self._waiting.append(wire)
        self._unflushed += len(wire)
        return True

    def flush(self) -> None:
        """Hand over to the transport what was written since the last time."""
        if not self._waiting:
            return
        waiting, self._waiting, self._unflushed = self._waiting, [], 0
        # After a close frame no other may follow (RFC 6455, 5.5.1).
        if self._protocol.state is State.OPEN and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
