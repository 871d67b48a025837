"""Who listens to what: holds the reports that are listened to, applies each change, and tells the listeners.

Joining has no gap: the change stream is open already, the store is read at an exact moment, changes that come
meanwhile wait, and those that are not newer than what was read are dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.feed.live_store import HeldStore, Reading, build_frames, keep_quiet, read_stocks, stock_in
from store_api.feed.subscribers import Listener
from store_api.feed.subscriptions import ALL_STORES, Audience
from store_api.storage.documents import Snapshot
from watchers.changes import Moment, StoreChange

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class Feed:
    """Turns changes of stores into frames for the listeners of this process.

    Args:
        read: reads one store, or all of them (None), at an exact moment.
        to_wire: builds a frame as it goes over the wire, once for everybody who gets it.
        on_told: called with each change that somebody was told.

    Attributes:
        audience: who listens.
    """

    def __init__(
        self,
        read: Callable[[str | None], Awaitable[Snapshot]],
        to_wire: Callable[[str], bytes],
        on_told: Callable[[StoreChange], None] = lambda change: None,
    ) -> None:
        self._read = read
        self._on_told = on_told
        self.audience = Audience(to_wire)
        self._held: dict[str, HeldStore] = {}
        self._all_at: Moment | None = None
        self._all_waiting: list[StoreChange] | None = None
        self._all_reading: asyncio.Task[None] | None = None
        self._stream_open = False
        self._times_begun = 0
        self._closed = False

    @asynccontextmanager
    async def listen(
        self, store_id: str | None, *, snapshot: bool = False, only_changes: bool = False
    ) -> AsyncIterator[Listener]:
        """Listen to one store, or to all of them (None); from here on no change is missed.

        Args:
            store_id: the store; it need not exist.
            snapshot: whether the report as it stands comes first.
            only_changes: whether the frames that follow hold just the lines that changed.

        Raises:
            DatabaseUnavailable: the change stream or the database is not there.
            BrokenDocument: a snapshot was asked for, and the store has no report to give.
        """
        listener = self.audience.expect(store_id, only_changes=only_changes)
        try:
            await self._make_held(store_id)
            if snapshot:
                await self._offer_snapshot(store_id, listener)
            # Between the last frame of the snapshot and this nobody else has a turn.
            self.audience.admit(store_id, listener)
            yield listener
        finally:
            self.audience.dismiss(store_id, listener)
            self._forget_unheard(store_id)

    def take(self, change: StoreChange) -> None:
        """Apply one change and tell whoever listens to that store."""
        held = self._held.get(change.store_id)
        if held is None:
            if self._all_waiting is not None:
                self._all_waiting.append(change)
            if self._all_at is None or change.at <= self._all_at:
                return
            held = self._held[change.store_id] = HeldStore()
        if held.waiting is not None:
            held.waiting.append(change)
        elif change.at > held.at:
            if not held.apply(change):
                self._read_again(change.store_id, held)
            elif self.audience.tell(change.store_id, held):
                self._on_told(change)
                if change.deleted and change.store_id not in self.audience:
                    del self._held[change.store_id]

    async def begin_afresh(self) -> None:
        """Read everything that is listened to again, and tell everybody: changes may have been missed.

        Raises:
            StoreApiError: it could not be read; to be called again.
        """
        self._times_begun += 1
        if self._all_at is not None:
            snapshot = await self._read(ALL_STORES)
            known = set(self._held)
            if self._all_at is not None:
                self._all_at = snapshot.at
                known.update(snapshot.documents)
            for store_id in known:
                self._replace(store_id, self._held.setdefault(store_id, HeldStore()), snapshot)
        else:
            for store_id, held in list(self._held.items()):
                self._replace(store_id, held, await self._read(store_id))
        self._stream_open = True

    def close(self) -> None:
        """Let every listener go: the service stops."""
        self._closed = True
        self.audience.close()

    async def _offer_snapshot(self, store_id: str | None, listener: Listener) -> None:
        if store_id is None:
            await build_frames(self._held)
            for held_id, held in self._held.items():
                if held.stock is not None:
                    listener.offer(held_id, held.frame(held_id))
                elif listener.only_changes:
                    held.tell_all_again()
            return
        held = self._held[store_id]
        if held.stock is None:
            raise BrokenDocument(store_id, "it cannot be read as a report")
        listener.offer(store_id, held.frame(store_id))

    def _replace(self, store_id: str, held: HeldStore, snapshot: Snapshot) -> None:
        is_stale = held.waiting is None and held.times_begun < self._times_begun
        if is_stale and self._held.get(store_id) is held:
            held.replace(stock_in(snapshot, store_id))
            held.at = snapshot.at
            self.audience.tell(store_id, held)

    async def _make_held(self, store_id: str | None) -> None:
        if self._closed or not self._stream_open:
            raise DatabaseUnavailable
        await (self._make_all_held() if store_id is None else self._make_one_held(store_id))
        if self._closed:
            raise DatabaseUnavailable

    async def _make_all_held(self) -> None:
        # One reading serves everybody who joins meanwhile, whichever of them goes away.
        if self._all_at is None:
            if self._all_reading is None:
                self._all_reading = asyncio.create_task(self._read_all())
                self._all_reading.add_done_callback(keep_quiet)
            await asyncio.shield(self._all_reading)
        # What is still being read for others would be missing from a snapshot, and its changes unheard.
        for held in [held for held in self._held.values() if held.reading is not None]:
            await held.until_read()

    async def _make_one_held(self, store_id: str) -> None:
        held = self._held.get(store_id)
        if held is None:
            held = self._held[store_id] = HeldStore({})
            if self._all_at is not None:
                held.at = self._all_at
            else:
                held.waiting = []
                held.reading = asyncio.create_task(self._read_first(store_id, held))
                held.reading.add_done_callback(keep_quiet)
        await held.until_read()

    async def _read_at_once(self, store_id: str | None) -> Reading:
        """Read at a moment that no gap of the stream comes after."""
        while True:
            begun = self._times_begun
            reading = await read_stocks(await self._read(store_id))
            if begun == self._times_begun:
                return reading

    async def _read_first(self, store_id: str, held: HeldStore) -> None:
        try:
            reading = await self._read_at_once(store_id)
        except Exception:
            # Whoever waited goes away with the error, but those who listen to all stores stay.
            if self._all_at is not None or self._all_reading is not None:
                self._read_again(store_id, held)
            elif self._held.get(store_id) is held:
                del self._held[store_id]
            raise
        held.reading = None
        self._settle(store_id, held, reading)
        # Whoever waited for it begins with what was read.
        held.mark_told()

    def _settle(self, store_id: str, held: HeldStore, reading: Reading) -> None:
        stocks, at = reading
        held.times_begun = self._times_begun
        if not held.settle(stocks.get(store_id, {}), at):
            self._read_again(store_id, held)

    def _read_again(self, store_id: str, held: HeldStore) -> None:
        """Read a store whose change was not understood; changes wait until it is."""
        held.replace(None)
        held.waiting = held.waiting or []
        held.reading = asyncio.create_task(self._read_until_read(store_id, held))

    async def _read_until_read(self, store_id: str, held: HeldStore) -> None:
        reading = None
        while reading is None and self._held.get(store_id) is held:
            try:
                reading = await self._read_at_once(store_id)
            except Exception as error:  # noqa: BLE001  (one that nobody foresaw must not silence the store)
                log.warning(
                    "Could not read a store again",
                    extra={"action": "read_failed", "store": store_id, "error": type(error).__name__},
                )
                await asyncio.sleep(RETRY_SECONDS)
        held.reading = None
        # Let go and joined anew meanwhile, the store has a newer reading than this one.
        if reading is not None and self._held.get(store_id) is held:
            self._settle(store_id, held, reading)
            self.audience.tell(store_id, held)

    async def _read_all(self) -> None:
        self._all_waiting = []
        try:
            stocks, at = await self._read_at_once(ALL_STORES)
            # What is held already is as new as its own reading.
            for store_id in stocks.keys() - self._held.keys():
                self._held[store_id] = HeldStore(stocks[store_id], at, self._times_begun)
            self._all_at = at
            waiting, self._all_waiting = self._all_waiting, None
            for change in waiting:
                self.take(change)
        finally:
            self._all_waiting = None
            self._all_reading = None
            self._forget_unheard(ALL_STORES)

    def _forget_unheard(self, store_id: str | None) -> None:
        if self._all_reading is not None or ALL_STORES in self.audience:
            return
        self._all_at = None
        if store_id is None:
            self._held = {held_id: held for held_id, held in self._held.items() if held_id in self.audience}
        elif store_id not in self.audience:
            self._held.pop(store_id, None)
