"""Tokens in memory over a MongoDB whose answers come when a test lets them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from store_api.access.callers import Caller
from store_api.access.known_tokens import KnownTokens

ONE, OTHER = b"1" * 32, b"2" * 32
Document = dict[str, Any]


def document(token: bytes = ONE, **others: Any) -> Document:
    """Write a token's document as the command line does."""
    fields = {"name": "till-7", "hint": "sapi_Ab3d", "scopes": ["read"], "stores": None}
    return {"_id": token, **fields, "made": datetime.now(UTC), "expires": None, "revoked": None, **others}


def event(kind: str, token: Any = ONE, **more: Any) -> Document:
    """Write a change as the change stream tells it."""
    return {"operationType": kind, "documentKey": {"_id": token}, **more}


def update(
    token: bytes = ONE,
    *,
    updated: Mapping[str, Any] | None = None,
    removed: tuple[str, ...] = (),
    **more: Any,
) -> Document:
    """Write a change of some fields as the change stream tells it."""
    description = {"updatedFields": dict(updated or {}), "removedFields": list(removed), **more}
    return event("update", token, updateDescription=description)


class World:
    """Tokens in MongoDB, whose answers come when the test lets them."""

    def __init__(self, *documents: Document) -> None:
        self.there = {str(each["_id"]): each for each in documents}
        self.now = 1_800_000_000.0
        self.asked: list[bytes] = []
        self.error: Exception | None = None
        self.gate, self.gate_of_all = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.gate_of_all.set()
        self.tokens = KnownTokens(self._all, self._one, lambda: self.now)
        self.told: list[bool] = []

    async def _all(self) -> list[Document]:
        found = list(self.there.values())
        await self.gate_of_all.wait()
        return found

    async def _one(self, token: bytes) -> Document | None:
        self.asked.append(token)
        found = self.there.get(str(token))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return found

    @asynccontextmanager
    async def reading(self, token: bytes = ONE) -> AsyncIterator["asyncio.Task[Caller]"]:
        """Ask for a token; MongoDB's answer comes when the block ends."""
        self.gate.clear()
        asking = asyncio.create_task(self.tokens.find(token))
        before = len(self.asked)
        while len(self.asked) == before:  # noqa: ASYNC110
            await asyncio.sleep(0)
        yield asking
        self.gate.set()

    def listen(self, token: bytes = ONE) -> None:
        """Have it told when a token ends."""
        self.tokens.when_it_ends(Caller("x", frozenset(), token=token), self.told.append)


async def loaded(*documents: Document) -> World:
    """Let tokens be read from a MongoDB that holds these."""
    world = World(*documents)
    await world.tokens.load()
    return world
