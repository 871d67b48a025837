"""Many websockets in one process that do next to nothing: a call for each frame, or none at all."""

import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

MOST_READ = 1 << 20
TEXT, PING, PONG = 1, 9, 10

OnFrame = Callable[[memoryview, float], None]
"""Takes a frame's payload and the moment it was read, in seconds of the monotonic clock."""


class Crowd:
    """Websockets that are open until the block is left.

    Args:
        url: where they connect.
        size: how many.
        on_frame: called for each text frame; None where bytes are counted, and pings are not answered.

    Attributes:
        bytes: how many were read, frames' headers included.
    """

    def __init__(self, url: str, size: int, on_frame: OnFrame | None = None) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._size = size
        self._on_frame = on_frame
        self._selector = selectors.DefaultSelector()
        self._rests: dict[socket.socket, bytes] = {}
        self._buffer = bytearray(MOST_READ)
        self.bytes = 0

    def __enter__(self) -> Self:
        for _ in range(self._size):
            one = self._connect()
            self._rests[one] = b""
            self._selector.register(one, selectors.EVENT_READ)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._rests:
            one.close()
        self._selector.close()

    def read(self, until: Callable[[], bool], seconds: float) -> bool:
        """Read frames until a condition holds; False where so many seconds were not enough."""
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(min(left, 0.05)):
                self._take(key.fileobj)  # type: ignore[arg-type]
        return True

    def _connect(self) -> socket.socket:
        one = socket.create_connection(self._address, timeout=30)
        one.sendall(
            f"GET {self._target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            # Byte by byte: what follows the answer is a frame already.
            byte = one.recv(1)
            if not byte:
                break
            answer += byte
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            raise SystemExit(f"no websocket at {self._target}: {answer[:200]!r}")
        one.setblocking(False)
        return one

    def _take(self, one: socket.socket) -> None:
        size = one.recv_into(self._buffer)
        if not size:
            raise SystemExit("a websocket was closed in the midst of a measurement")
        self.bytes += size
        if self._on_frame is None:
            return
        now = time.monotonic()
        rest = self._rests[one]
        data = memoryview(rest + self._buffer[:size]) if rest else memoryview(self._buffer)[:size]
        at = 0
        while (payload := _payload(data, at)) is not None:
            start, end = payload
            if data[at] & 0x0F == TEXT:
                self._on_frame(data[start:end], now)
            elif data[at] & 0x0F == PING:
                # Masked by nothing, which is a mask like any other.
                one.sendall(bytes((0x80 | PONG, 0x80 | end - start, 0, 0, 0, 0)) + data[start:end])
            at = end
        self._rests[one] = bytes(data[at:])


def _payload(data: memoryview, at: int) -> tuple[int, int] | None:
    """Find where the payload of the frame at `at` starts and ends; None while it is not whole."""
    have = len(data) - at
    if have < 2:
        return None
    length, header = data[at + 1], 2
    if length == 126:
        if have < 4:
            return None
        length, header = struct.unpack_from("!H", data, at + 2)[0], 4
    elif length == 127:
        if have < 10:
            return None
        length, header = struct.unpack_from("!Q", data, at + 2)[0], 10
    return (at + header, at + header + length) if have >= header + length else None


def memory_of(pid: int) -> int:
    """Give the resident memory of a process, in bytes (Linux)."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds_of(pid: int) -> float:
    """Give the processor time that a process has used, in seconds (Linux)."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_of(parent: int, module: str) -> list[int]:
    """List the processes that a process has started to run a module.

    Args:
        parent: its id.
        module: which.
    """
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    children = {int(child) for task in tasks for child in task.read_text().split()}
    return sorted(
        child for child in children if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes()
    )
