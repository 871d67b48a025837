"""Sockets of every kind: each keeps what it was told, and notes what could never have been told."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tests.support.listening import apply_changes, read_report
from tests.support.tokens import bearer
from tests.torture.account import LEFT, RIGHT, RISING, Book, Store
from tests.torture.story import Story

PAUSE_SECONDS = 0.1
GOES = (1001, 1006, 1011, 1012, 1013)
"""How a socket may end while things fail: it comes back then."""


class Listener:
    """A socket that comes back whenever it is lost.

    Args:
        name: for the story.
        url: of a service, `http://...`.
        path: with its query.
        token: says who listens.
        story: gets all that is wrong.
        only: the one store that it hears of, or how the ids begin of several, with a *.
        changes: whether it asks for what changes alone.

    Attributes:
        last: what it knows of each store.
        frames: how many came.
        closed: how its connections ended.
    """

    def __init__(
        self,
        name: str,
        url: str,
        path: str,
        token: str,
        story: Story,
        *,
        only: str = "",
        changes: bool = False,
    ) -> None:
        self.name = name
        self.last: dict[str, dict[str, int]] = {}
        self.frames = 0
        self.closed: Counter[object] = Counter()
        self._url = url.replace("http", "ws") + path
        self._headers = bearer(token)
        self._story = story
        self._only, self._changes = only, changes
        self._most: dict[str, int] = {}
        self._stores: Mapping[str, Store] = {}
        self.connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def know(self, book: Book) -> None:
        """Know of the stores of a round, of which what comes is judged."""
        self._stores = book.stores
        self.frames = 0

    def begin(self, book: Book) -> None:
        """Listen from now on, for the stores of a round."""
        self.know(book)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def differs(self, truth: Mapping[str, Mapping[str, int]], stores: set[str]) -> list[str]:
        """Name the stores of which it knows another thing than what is true.

        Args:
            truth: what stores hold, without zeros; one that is not there holds nothing.
            stores: which may be compared.
        """
        if not self.connected.is_set():
            return [f"{self.name} is not connected: {dict(self.closed)}"]
        mine = {store for store in stores if self._may_hear(store)}
        return [
            f"{store} {self.name} heard {self.last.get(store, {})}, and it holds {truth.get(store, {})}"
            for store in mine
            if self.last.get(store, {}) != truth.get(store, {})
        ]

    def check(self) -> None:
        """Raise what went wrong with the listener itself."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _run(self) -> None:
        while True:
            try:
                async with connect(
                    self._url,
                    additional_headers=self._headers,
                    proxy=None,
                    compression=None,
                    max_size=None,
                    open_timeout=20,
                    close_timeout=0.2,
                ) as socket:
                    self.last.clear()
                    self._most.clear()
                    self.connected.set()
                    await self._listen(socket)
            except InvalidStatus as refused:
                self.closed[refused.response.status_code] += 1
                if refused.response.status_code not in (503, 500):
                    self._story.wrong(f"{self.name} heard {refused.response.status_code} at its handshake")
            except (OSError, WebSocketException, TimeoutError) as error:
                self.closed[type(error).__name__] += 1
            self.connected.clear()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                self._hear(str(frame))
        except ConnectionClosed:
            pass
        code = socket.close_code
        self.closed[code] += 1
        if code not in GOES:
            self._story.wrong(f"{self.name} heard its end as {code}")

    def _may_hear(self, store: str) -> bool:
        return store == self._only or (
            store.startswith(self._only.removesuffix("*")) if self._only[-1:] in ("*", "") else False
        )

    def _hear(self, frame: str) -> None:
        self.frames += 1
        if self._changes:
            store = frame.split('"', 6)[5]
            items = self.last.setdefault(store, {})
            apply_changes(frame, items)
        else:
            store, items = read_report(frame)
            self.last[store] = items
        if not self._may_hear(store):
            self._story.wrong(f"{store} {self.name} heard of it, and may not")
        if items.get(LEFT, 0) != items.get(RIGHT, 0):
            self._story.wrong(f"{store} {self.name} heard half an operation: {frame}")
        rising, most = items.get(RISING, 0), self._most.get(store, 0)
        if rising < most and store in self._stores and not self._stores[store].doomed:
            self._story.wrong(f"{store} {self.name} heard {rising} of {RISING} after {most}")
        self._most[store] = rising
        self._story.note(store, self.name, RISING, rising)
