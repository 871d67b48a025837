"""Callers whose token is revoked: from then on they get nothing, and their sockets end."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.load.http_client import AnswerLost, Connection, ServiceUnreachable
from store_api.access.token_text import token_id
from tests.support.tokens import bearer, let_in, tokens_in
from tests.torture.account import Book
from tests.torture.story import Story

PAUSE_SECONDS = 0.05
PROMISE_SECONDS = 1.0
"""How soon after its token is revoked a process that hears MongoDB lets nobody in with it."""

GRACE_SECONDS = 1.0
"""For a machine that does a lot else."""


class Guest:
    """Reads, listens, is thrown out, and comes back under another token.

    Args:
        name: of its tokens.
        urls: of the services.
        mongo: where tokens are kept.
        story: gets all that is wrong.
        seed: of chance.

    Attributes:
        revoked: tokens that must let nobody in.
    """

    def __init__(
        self, name: str, urls: Sequence[str], mongo: "MongoClient[dict[str, Any]]", story: Story, seed: str
    ) -> None:
        self.revoked: list[str] = []
        self._name = name
        self._urls = urls
        self._tokens = tokens_in(mongo["store_api"])
        self._story = story
        self._seed = seed
        self._store = "h0"

    async def go_on(self, book: Book, is_over: asyncio.Event, _: asyncio.Event) -> None:
        """Come and go until it is over."""
        chance = random.Random(f"{self._seed} {book.part} {self._name}")
        self.revoked.clear()
        self._store = book.store("h", 0).name
        while not is_over.is_set():
            await self.visit(chance.uniform(1.0, 12.0), is_over, strictly=False)

    async def visit(self, seconds: float, is_over: asyncio.Event, *, strictly: bool) -> None:
        """Come with a new token, and stay until it is revoked, and for a moment more.

        Args:
            seconds: after how long it is revoked.
            is_over: ends the visit early.
            strictly: whether all is calm, so that the promised time holds.
        """
        token = await self._until_done(lambda: let_in(self._tokens, ["read"]))
        where = self._urls[len(self.revoked) % len(self._urls)]
        calls = [asyncio.create_task(self._read(url, token)) for url in self._urls]
        listens = asyncio.create_task(self._listen(where, token))
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), seconds)
        revoke = {"$set": {"revoked": datetime.now(UTC)}}
        await self._until_done(lambda: self._tokens.update_one({"_id": token_id(token)}, revoke))
        self.revoked.append(token)
        self._story.counts["revoked"] += 1
        if strictly:
            await self._is_out(token, [*calls, listens])
        for task in (*calls, listens):
            task.cancel()
        await asyncio.gather(*calls, listens, return_exceptions=True)

    async def is_kept_out(self) -> None:
        """Note where a token that was revoked still lets in; all is calm."""
        for url in self._urls:
            for token in self.revoked:
                if (status := await _status(url, token)) != 401:
                    self._story.wrong(f"{self._name} got {status} of {url} with a token that was revoked")

    async def _is_out(self, token: str, tasks: Sequence["asyncio.Task[None]"]) -> None:
        began = time.monotonic()
        _, still = await asyncio.wait(tasks, timeout=PROMISE_SECONDS + GRACE_SECONDS)
        if still:
            self._story.wrong(
                f"{self._name} was let in, or heard, {time.monotonic() - began:.1f} s after it was revoked"
            )

    async def _read(self, url: str, token: str) -> None:
        """Ask until it is refused, having been let in."""
        was_in = False
        while True:
            status = await _status(url, token)
            was_in |= status == 200
            if status == 401 and was_in:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self, url: str, token: str) -> None:
        """Listen until the socket ends as that of a token that is no more."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(
                    url.replace("http", "ws") + f"/ws/stores/{self._store}",
                    additional_headers=bearer(token),
                    proxy=None,
                ) as socket:
                    with suppress(ConnectionClosed):
                        while True:
                            await socket.recv()
                    if socket.close_code == 4401:
                        self._story.counts["sockets ended by 4401"] += 1
                        return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _until_done(self, do: Callable[[], Any]) -> Any:
        while True:
            try:
                return await asyncio.to_thread(do)
            except PyMongoError:
                await asyncio.sleep(PAUSE_SECONDS)


async def _status(url: str, token: str) -> int:
    """Ask for the overview, and give the status; 0 without an answer."""
    connection = Connection(url, 20.0, token=token)
    try:
        return (await connection.request("GET", "/stores?limit=1")).status
    except (AnswerLost, ServiceUnreachable):
        return 0
    finally:
        connection.close()
