"""A TCP proxy before several processes, as a Service of Kubernetes is: it knows ports and nothing of HTTP."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

CHUNK = 65536


class Balancer:
    """Spreads new connections over those processes that it has; what is open stays where it is.

    Args:
        ports: where they listen, on 127.0.0.1.

    Attributes:
        port: where it listens itself.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._having = list(ports)
        self._turn = 0
        self._connections: set[asyncio.Task[None]] = set()

    def withdraw(self, port: int) -> None:
        """Send no new connection there."""
        self._having.remove(port)

    def admit(self, port: int) -> None:
        """Send new connections there again."""
        self._having.append(port)

    async def serve(self) -> asyncio.Server:
        """Begin to listen."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        return server

    async def close(self) -> None:
        """Cut everybody off."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError):
                await self._relay(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn = (self._turn + 1) % len(self._having)
        for port in [*self._having[self._turn :], *self._having[: self._turn]]:
            with suppress(ConnectionRefusedError):
                back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
                break
        else:
            return
        try:
            there = asyncio.create_task(_pump(reader, back_writer))
            back = asyncio.create_task(_pump(back_reader, writer))
            # Whichever side ends ends the other one.
            _, others = await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            for other in others:
                other.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            back_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()


@asynccontextmanager
async def balanced(ports: Sequence[int]) -> AsyncIterator[Balancer]:
    """Run a balancer before these ports."""
    balancer = Balancer(ports)
    async with await balancer.serve() as server:
        yield balancer
        server.close()
        await balancer.close()
