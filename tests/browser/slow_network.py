"""A network between page and service that is slow, or falls silent: a proxy on a port of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE = 16_384


class SlowNetwork:
    """What lies between; see `slow_network`."""

    def __init__(self, port: int, delay: float, bytes_a_second: float) -> None:
        self.url = ""
        self._port = port
        self._delay = delay
        self._pace = 1 / bytes_a_second
        self._speaks = asyncio.Event()
        self._speaks.set()

    def falls_silent(self) -> None:
        """Let nothing through any more: open connections stay open, new ones end at once."""
        self._speaks.clear()

    def speaks_again(self) -> None:
        """Let new connections through."""
        self._speaks.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, both ways."""
        if not self._speaks.is_set():
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry_way(reader, far_writer))
                ways.create_task(self._carry_way(far_reader, writer))
        finally:
            far_writer.transport.abort()
            writer.transport.abort()

    async def _carry_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                await asyncio.sleep(self._delay + len(piece) * self._pace)
                if not self._speaks.is_set():
                    # Lost, whatever comes later.
                    await asyncio.Event().wait()
                writer.write(piece)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def slow_network(
    port: int, *, delay: float = 0.0, bytes_a_second: float = 1e9
) -> AsyncIterator[SlowNetwork]:
    """Put a network in front of a port.

    Args:
        port: the service's.
        delay: how long each piece takes at least, each way, in seconds.
        bytes_a_second: how much it carries, each way and connection.
    """
    network = SlowNetwork(port, delay, bytes_a_second)
    carrying: set[asyncio.Task[None]] = set()

    def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(network.carry(reader, writer))
        carrying.add(task)
        task.add_done_callback(carrying.discard)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    network.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
