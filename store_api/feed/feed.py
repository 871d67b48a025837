"""Who listens to what: keeps the stores that are listened to live, and tells the subscribers of each change.

Joining has no gap: the change stream is open already, the store is read at an exact moment, changes that come
meanwhile wait, and those that are not newer than what was read are dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.feed.live_store import LiveStore, Reading, State, reading_of
from store_api.feed.snapshots import StocksAt, offer_all, read_stocks, stock_in
from store_api.feed.subscribers import Subscriber
from store_api.feed.subscriptions import ALL_STORES, Subscriptions
from store_api.stock import StorePatterns
from store_api.storage.documents import Snapshot
from watchers.changes import Moment, StoreChange

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class Feed:
    """Turns changes of stores into frames for the subscribers of this process.

    Args:
        read: reads one store, or all of them (None), at an exact moment.
        to_wire: builds a frame as it goes over the wire, once for everybody who gets it.
        on_told: called with each change that somebody was told.

    Attributes:
        subscriptions: who listens.
    """

    def __init__(
        self,
        read: Callable[[str | None], Awaitable[Snapshot]],
        to_wire: Callable[[str], bytes],
        on_told: Callable[[StoreChange], None] = lambda change: None,
    ) -> None:
        self._read = read
        self._on_told = on_told
        self.subscriptions = Subscriptions(to_wire)
        self._live: dict[str, LiveStore] = {}
        self._all_since: Moment | None = None
        self._all_reading: Reading | None = None
        self._stream_open = self._closed = False
        self._times_begun = 0

    @asynccontextmanager
    async def listen(
        self,
        store_id: str | None,
        *,
        snapshot: bool = False,
        only_changes: bool = False,
        only: StorePatterns | None = None,
    ) -> AsyncIterator[Subscriber]:
        """Listen to one store, or to all of them (None); from here on no change is missed.

        Args:
            store_id: the store; it need not exist.
            snapshot: whether the report as it stands comes first.
            only_changes: whether the frames that follow hold just the lines that changed.
            only: of all stores, those that are told; None is each.

        Raises:
            DatabaseUnavailable: the change stream or the database is not there.
            BrokenDocument: the store cannot be told.
        """
        heard = only if store_id is None and only is not None else store_id
        subscriber = self.subscriptions.expect(heard, only_changes=only_changes)
        try:
            await self._make_live(store_id)
            if store_id is not None and snapshot:
                self._live[store_id].offer_whole(store_id, subscriber)
            elif snapshot:
                await offer_all(self._live, subscriber, only)
            # Between the last frame of the snapshot and this nobody else has a turn.
            self.subscriptions.admit(heard, subscriber)
            yield subscriber
        finally:
            self.subscriptions.dismiss(heard, subscriber)
            self._forget_unheard(store_id)

    def take(self, change: StoreChange) -> None:
        """Apply one change and tell whoever listens to that store."""
        live = self._live.get(change.store_id)
        if live is None:
            if self._all_reading is not None:
                self._all_reading.waiting.append(change)
            if self._all_since is None or change.at <= self._all_since:
                return
            live = self._live[change.store_id] = LiveStore()
        if live.reading is not None:
            live.reading.waiting.append(change)
        elif change.at > live.at:
            if not live.apply(change):
                self._read_again(change.store_id, live)
                return
            if self.subscriptions.tell(change.store_id, live):
                self._on_told(change)
            # Of one that was read before all others, changes up to their moment may come yet.
            is_past = self._all_since is not None and change.at >= self._all_since
            if change.deleted and is_past and change.store_id not in self.subscriptions:
                del self._live[change.store_id]

    async def begin_afresh(self) -> None:
        """Read everything that is listened to again, and tell everybody: changes may have been missed.

        Raises:
            StoreApiError: it could not be read; to be called again.
        """
        self._times_begun += 1
        if self._all_since is not None:
            snapshot = await self._read(ALL_STORES)
            known = set(self._live)
            if self._all_since is not None:
                self._all_since = snapshot.at
                known.update(snapshot.documents)
            for store_id in known:
                self._replace(store_id, self._live.setdefault(store_id, LiveStore()), snapshot)
        else:
            for store_id, live in list(self._live.items()):
                self._replace(store_id, live, await self._read(store_id))
        self._stream_open = True

    def close(self) -> None:
        """Let every subscriber go: the service stops."""
        self._closed = True
        self.subscriptions.close()

    def _replace(self, store_id: str, live: LiveStore, snapshot: Snapshot) -> None:
        is_stale = live.state is not State.READING and live.times_begun < self._times_begun
        if is_stale and self._live.get(store_id) is live:
            live.replace(stock_in(snapshot, store_id))
            live.at = snapshot.at
            self.subscriptions.tell(store_id, live)

    async def _make_live(self, store_id: str | None) -> None:
        if self._closed or not self._stream_open:
            raise DatabaseUnavailable
        await (self._make_all_live() if store_id is None else self._make_one_live(store_id))
        if self._closed:
            raise DatabaseUnavailable

    async def _make_all_live(self) -> None:
        # One reading serves everybody who joins meanwhile, whichever of them goes away.
        if self._all_since is None:
            if self._all_reading is None:
                self._all_reading = reading_of(self._read_all())
            await asyncio.shield(self._all_reading.task)
        # What is still being read for others would be missing from a snapshot, and its changes unheard.
        for live in [live for live in self._live.values() if live.reading is not None]:
            await live.until_read()

    async def _make_one_live(self, store_id: str) -> None:
        live = self._live.get(store_id)
        if live is None:
            live = self._live[store_id] = LiveStore({})
            if self._all_since is not None:
                live.at = self._all_since
            else:
                live.reading = reading_of(self._read_first(store_id, live))
        await live.until_read()
        if live.broken is not None:
            raise BrokenDocument(store_id, live.broken.reason)

    async def _read_at_once(self, store_id: str | None) -> StocksAt:
        """Read at a moment that no gap of the stream comes after."""
        while True:
            begun = self._times_begun
            reading = await read_stocks(await self._read(store_id))
            if begun == self._times_begun:
                return reading

    async def _read_first(self, store_id: str, live: LiveStore) -> None:
        try:
            stocks_at = await self._read_at_once(store_id)
        except Exception:
            # Whoever waited goes away with the error, but those who listen to all stores stay.
            if self._all_since is not None or self._all_reading is not None:
                self._read_again(store_id, live)
            elif self._live.get(store_id) is live:
                del self._live[store_id]
            raise
        self._settle(store_id, live, stocks_at)
        live.mark_told()  # whoever waited for it begins with what was read

    def _settle(self, store_id: str, live: LiveStore, stocks_at: StocksAt) -> None:
        stocks, at = stocks_at
        live.times_begun = self._times_begun
        if not live.settle(stocks.get(store_id, {}), at):
            self._read_again(store_id, live)

    def _read_again(self, store_id: str, live: LiveStore) -> None:
        """Read a store whose change was not understood; changes wait until it is."""
        live.replace(None)
        live.wait_for(reading_of(self._read_until_read(store_id, live)))

    async def _read_until_read(self, store_id: str, live: LiveStore) -> None:
        stocks_at = None
        while stocks_at is None and self._live.get(store_id) is live:
            try:
                stocks_at = await self._read_at_once(store_id)
            except Exception as error:  # noqa: BLE001  (one that nobody foresaw must not silence the store)
                log.warning(
                    "Could not read a store again",
                    extra={"action": "read_failed", "store": store_id, "error": type(error).__name__},
                )
                await asyncio.sleep(RETRY_SECONDS)
        # Let go and joined anew meanwhile, the store has a newer reading than this one.
        if stocks_at is not None and self._live.get(store_id) is live:
            self._settle(store_id, live, stocks_at)
            self.subscriptions.tell(store_id, live)
        else:
            live.reading = None

    async def _read_all(self) -> None:
        try:
            stocks, at = await self._read_at_once(ALL_STORES)
            # What is held already is as new as its own reading.
            for store_id in [each for each in stocks if each not in self._live]:
                self._live[store_id] = LiveStore.as_read(stocks[store_id], at, self._times_begun)
            self._all_since = at
            reading, self._all_reading = self._all_reading, None
            for change in reading.waiting if reading is not None else ():
                self.take(change)
        finally:
            self._all_reading = None
            self._forget_unheard(ALL_STORES)

    def _forget_unheard(self, store_id: str | None) -> None:
        if self._all_reading is not None or ALL_STORES in self.subscriptions:
            return
        self._all_since = None
        if store_id is None:
            self._live = {key: live for key, live in self._live.items() if key in self.subscriptions}
        elif store_id not in self.subscriptions:
            self._live.pop(store_id, None)
