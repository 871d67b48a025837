"""Which election the primary that is read came up in, and whether it may be read already.

One that was just elected has all that a majority ever confirmed, but may not know that it did: until a write
of its own time is confirmed, it shows stores as they were before (seen on 6.0.5: as they were 3 s ago).
And a client that has not heard of an election reads the predecessor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bson import ObjectId
from pymongo import MongoClient

LOOK_SECONDS = 0.01
"""How often it is looked whether the client that reads has heard what the one that writes has."""


class Elections:
    """Knows of which election both clients have heard, and whether a majority has all that was before it.

    Args:
        reader: the client that reads.
        confirm: comes back when a majority has whatever the reader's primary had as it was called.

    Attributes:
        writer: the client that writes; None where nothing is written, or the reader does it.
    """

    def __init__(self, reader: "MongoClient[dict[str, Any]]", confirm: Callable[[], Awaitable[None]]) -> None:
        self._reader = reader
        self._confirm = confirm
        self._confirmed: ObjectId | None = None
        self._turn = asyncio.Lock()
        self.writer: MongoClient[dict[str, Any]] | None = None

    def heard_of(self) -> ObjectId | None:
        """Give the latest election; None where the client that reads has not heard of it. Asks nobody."""
        mine = self._reader.topology_description.max_election_id
        if self.writer is None or mine is None:
            return mine
        written = self.writer.topology_description.max_election_id
        return mine if written is None or mine >= written else None

    def current(self) -> ObjectId | None:
        """Give the latest election, whose primary may be read; None where it may not yet. Asks nobody."""
        heard = self.heard_of()
        return heard if heard == self._confirmed else None

    async def confirmed(self) -> ObjectId:
        """Wait until the latest election's primary may be read; gives the election.

        Raises:
            PyMongoError: it was asked, and did not answer.
        """
        while (current := self.current()) is None:
            async with self._turn:
                if self.current() is not None:
                    continue
                if (heard := self.heard_of()) is None:
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    await self._confirm()
                    self._confirmed = heard
        return current
