"""Connections over which a test says its own bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.service import Service


@asynccontextmanager
async def raw_connection(
    service: Service, said: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect and say this; when it is left, the connection is cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, ssl=service.tls)
    try:
        writer.write(said)
        await writer.drain()
        yield reader, writer
    finally:
        writer.transport.abort()
