"""The key that signs sessions: one document in MongoDB, made by the first process that looks for it.

    {"_id": "sessions", "key": Binary (32 random bytes)}

Whoever reads it can sign in as anybody who has a token, until it is replaced: take the document away, and
every process hears of it and takes the key that the first of them makes.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure

from store_api.errors import StoreApiError
from store_api.sending.primary import Primary
from store_api.storage.clients import Client, durable_documents
from store_api.storage.driver_errors import UNAUTHORIZED, translated

log = logging.getLogger(__name__)

COLLECTION = "secrets"
ID = "sessions"
KEY_BYTES = 32

RETRY_SECONDS = 0.5

Document = Mapping[str, Any]


class SessionKey:
    """The key of one database, which all its processes share.

    Args:
        client: the way to the replica set.
        database: its name.
        random_bytes: gives so many, which nobody can foretell.
        use: called with the key whenever it is read; with None where there is none.
    """

    def __init__(
        self,
        client: Client,
        database: str,
        random_bytes: Callable[[int], bytes],
        use: Callable[[bytes | None], None],
    ) -> None:
        self._primary = Primary(client.delegate)
        self._secrets = durable_documents(client, database, COLLECTION)
        self._random_bytes = random_bytes
        self._use = use
        self._changes = 0
        self._renewing: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Read the key and use it, since what happened to it before may not have been heard.

        Raises:
            DatabaseUnavailable: nobody knows; to be called again.
        """
        self._use(await self.read())

    def take(self, event: Mapping[str, Any]) -> None:
        """Take a change from the change stream: somebody has made, replaced or removed the key."""
        self._changes += 1
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        """Read the key until it was read after the last change of it."""
        is_newest = False
        while not is_newest:
            changes = self._changes
            try:
                await self.load()
            except StoreApiError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                is_newest = changes == self._changes

    async def read(self) -> bytes | None:
        """Read the key, and make it where there is none.

        Returns:
            None where it may not be read, or is no key, which the log says.

        Raises:
            DatabaseUnavailable: nobody knows; to be asked again.
        """
        # That it is not known whether the key was made is no harm: whoever asks again finds it, or makes it.
        with translated(writing=False):
            try:
                if (document := await self._primary.ask(self._find)) is None:
                    await self._primary.ask(self._make)
                    document = await self._primary.ask(self._find)
            except OperationFailure as error:
                if error.code != UNAUTHORIZED:
                    raise
                log.error(
                    "Nobody can sign in at the dashboard: MongoDB's user must be let read and write %s",
                    COLLECTION,
                    extra={"action": "no_session_key"},
                )
                return None
        key = None if document is None else document.get("key")
        if not isinstance(key, bytes) or len(key) < KEY_BYTES:
            log.error(
                "Nobody can sign in at the dashboard: what %s holds is no key; take the document away",
                COLLECTION,
                extra={"action": "no_session_key"},
            )
            return None
        return key

    async def _find(self) -> Document | None:
        return await self._secrets.find_one({"_id": ID})

    async def _make(self) -> None:
        made = {"$setOnInsert": {"key": self._random_bytes(KEY_BYTES)}}
        # Where another process makes it at the same moment, that one's stays.
        with suppress(DuplicateKeyError):
            await self._secrets.update_one({"_id": ID}, made, upsert=True)
