"""The peer: `websockets.broadcast` of the websockets library, as its documentation tells.

Settings, from the environment: PORT, and BYTES, how large a frame is.
"""

import asyncio
import os
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

clients: set[ServerConnection] = set()
text = "x" * int(os.environ.get("BYTES", "1024"))


async def listen(connection: ServerConnection) -> None:
    """Serve one websocket."""
    clients.add(connection)
    try:
        await connection.wait_closed()
    finally:
        clients.discard(connection)


async def answer(connection: ServerConnection, request: Request) -> Response | None:
    """Answer `/broadcast?frames=n&burst=m` by sending so many frames to everybody, m in each turn."""
    address = urlsplit(request.path)
    if address.path != "/broadcast":
        return None
    query = parse_qs(address.query)
    burst = int(query["burst"][0])
    for number in range(int(query["frames"][0])):
        broadcast(clients, text)
        if (number + 1) % burst == 0:
            await asyncio.sleep(0)
    return Response(HTTPStatus.NO_CONTENT, "", Headers({"Connection": "close"}))


async def main() -> None:
    """Serve until killed."""
    async with serve(
        listen,
        "127.0.0.1",
        int(os.environ["PORT"]),
        process_request=answer,
        compression=None,
        ping_interval=None,
        backlog=4096,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
