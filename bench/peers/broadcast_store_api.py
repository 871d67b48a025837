"""The service's own feed and sockets, told of a change over and over by `POST /broadcast`.

No MongoDB: what is measured is how a change becomes a frame on every socket. Settings, from the environment:
PORT, and LINES, how many items the report has.
"""

import asyncio
import os
import socket

from bson import Timestamp
from sanic import HTTPResponse, Request, Sanic

from store_api.feed import Feed
from store_api.gate.gate import OPEN_GATE
from store_api.storage.documents import Snapshot
from store_api.web.fast_path import WholeRequest
from store_api.web.serving import App, run
from store_api.web.socket_writers import wire_of
from store_api.web.sockets import Sockets
from watchers.changes import StoreChange


def create_app(lines: int) -> App:
    """Build the server, with one store of so many lines."""
    app: App = Sanic("broadcast", request_class=WholeRequest, configure_logging=False)
    app.ctx.told_to_stop = asyncio.Event()
    app.enable_websocket()
    # The client of this benchmark counts bytes and answers nothing.
    app.config.update({"WEBSOCKET_PING_INTERVAL": None})
    items = {f"item-{number}": 1_000_000 for number in range(lines)}

    async def read(store_id: str | None) -> Snapshot:
        return Snapshot({"hot": {"_id": "hot", "items": items}}, Timestamp(1, 0))

    feed = Feed(read, wire_of)
    app.blueprint(Sockets(feed).blueprint(OPEN_GATE.guard))

    async def begin(_: App) -> None:
        await feed.begin_afresh()

    async def broadcast(request: Request) -> HTTPResponse:
        burst = int(request.args.get("burst"))
        for number in range(int(request.args.get("frames"))):
            change = StoreChange("hot", Timestamp(2, number), updated={"items.item-1": 1_000_000 + number})
            feed.take(change)
            if (number + 1) % burst == 0:
                await asyncio.sleep(0)
        return HTTPResponse(b"", 204)

    app.before_server_start(begin)
    app.add_route(broadcast, "/broadcast", methods=["POST"])
    return app


if __name__ == "__main__":
    run(create_app(int(os.environ["LINES"])), socket.create_server(("127.0.0.1", int(os.environ["PORT"]))))
