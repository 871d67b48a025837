"""Writes that prove the change stream alive: what is written comes back through it, or it is stuck."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import PyMongoError

log = logging.getLogger(__name__)

HEARTBEATS = "heartbeats"
"""The collection that is written to; it holds one document, whoever beats."""

BEAT_SECONDS = 1.0
"""How often it is asked whether a beat is needed."""


class Heartbeat:
    """Writes to a collection of its own that the change stream covers, as often as nothing else is written.

    Args:
        collection: where it writes.
        is_needed: whether it has been quiet; what others write, beats of other processes included, will do.
    """

    def __init__(
        self, collection: AsyncIOMotorCollection[dict[str, Any]], is_needed: Callable[[], bool]
    ) -> None:
        self._collection = collection
        self._is_needed = is_needed
        self._is_failing = False

    async def run(self) -> None:
        """Beat until cancelled; a beat that fails is said once."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if self._is_needed():
                await self.beat()

    async def beat(self) -> None:
        """Write once."""
        try:
            await self._collection.update_one({"_id": "heartbeat"}, {"$inc": {"beats": 1}}, upsert=True)
        except PyMongoError as error:
            if not self._is_failing:
                log.warning(
                    "A heartbeat could not be written: nothing proves a quiet change stream alive",
                    extra={
                        "action": "heartbeat_failed",
                        "error": type(error).__name__,
                        "code": getattr(error, "code", None),
                    },
                )
            self._is_failing = True
        else:
            self._is_failing = False
