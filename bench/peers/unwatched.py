"""This service with a change stream that is opened and then left alone: what watching costs the others.

Settings, from the environment: those of store_api.
"""

import asyncio
import os
import socket

from store_api.service import Parts, serve
from store_api.settings import Settings
from watchers.resume import Next
from watchers.store_watcher import StoreWatcher
from watchers.stream_reader import StreamReader


class IdleWatcher(StoreWatcher):
    """Takes nothing from the stream; its reader stops when it is a few answers ahead."""

    async def step(self, reader: StreamReader) -> Next:
        """Wait for ever."""
        await asyncio.get_running_loop().create_future()
        return Next.GO_ON


if __name__ == "__main__":
    settings = Settings.read(os.environ)
    with socket.create_server((settings.host, settings.port), backlog=1024) as listener:
        serve(settings, listener, parts=Parts(watcher=IdleWatcher))
