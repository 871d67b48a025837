"""A server that plays what a test wrote: for each request the bytes to answer with, or what to do instead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

HANG_UP = b""


class ScriptedServer:
    """Answers the first request with the first of `answers`, and so on, over however many connections.

    An answer is sent in its `|`-separated parts, of which HANG_UP (none at all) closes the connection; a
    request beyond the last answer is never answered.

    Attributes:
        requests: all that came, whole.
        connections: how many were opened so far.
    """

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._closed = 0
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def until(self, what: Literal["asked", "closed"], times: int) -> None:
        """Wait until so many requests have come, or so many connections have closed."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(
                lambda: (len(self.requests) if what == "asked" else self._closed) >= times
            )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                await self._tell()
                if len(self.requests) <= len(self.answers):
                    await _play(writer, self.answers[len(self.requests) - 1])
        finally:
            writer.close()
            self._closed += 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _play(writer: asyncio.StreamWriter, answer: bytes) -> None:
    for part in answer.split(b"|"):
        if part == HANG_UP:
            writer.close()
            return
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)  # the client's turn, so that it mostly reads each part alone


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return head + await reader.readexactly(int(length or b"0"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@asynccontextmanager
async def scripted_server(*answers: bytes) -> AsyncIterator[ScriptedServer]:
    """Run such a server on a free port."""
    script = ScriptedServer(list(answers))
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
