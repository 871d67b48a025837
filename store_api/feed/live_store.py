"""One store as a feed holds it: its stock, carried on by the changes that follow, and what was told of it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from store_api.errors import BrokenDocument
from store_api.reports.encoding import report_json
from store_api.stock import Report, Stock, differences
from store_api.storage import documents
from store_api.storage.documents import Snapshot
from watchers.changes import EARLIEST, Moment, StoreChange

log = logging.getLogger(__name__)

StocksAt = tuple[dict[str, Stock | None], Moment]
"""The stocks of stores, None where a document is broken, and the moment at which they stood so."""

LINES_AT_ONCE = 5_000
"""Lines that are read or written before others have their turn: about a millisecond's."""

_UNLIKE_ANY = -1
"""A quantity that no item has: its line counts as changed, whatever it is now."""


@dataclass(slots=True)
class LiveStore:
    """A store's stock as it stood at `at`.

    Args:
        stock: None while the document is broken, or was not read yet.
        at: what is not newer is in the stock already.
        times_begun: how often its feed had begun afresh when it was last read; older is stale.
        waiting: the changes that came while the store is being read; None while it is not.
        reading: the task that reads it.
        told: the stock that was told last, where `stock` is another since; None where it is the same one.
        changed: the lines that changed in `stock` itself since it was told; 0 is gone.
    """

    stock: Stock | None = None
    at: Moment = EARLIEST
    times_begun: int = 0
    waiting: list[StoreChange] | None = None
    reading: asyncio.Task[None] | None = None
    told: Stock | None = None
    changed: Stock = field(default_factory=dict)
    _frame: str | None = None

    def frame(self, store_id: str) -> str:
        """Build the text frame that tells the whole report, once for all who ask before it changes."""
        if self._frame is None:
            self._frame = report_json(Report.of(store_id, self.stock or {})).decode()
        return self._frame

    def apply(self, change: StoreChange) -> bool:
        """Carry a change over into the stock; False where the store must be read again."""
        self._frame = None
        if change.deleted:
            self.replace({})
            return True
        if change.document is not None:
            try:
                self.replace(documents.read_stock(change.document))
            except BrokenDocument:
                return False
            return True
        return self.stock is not None and documents.apply_update(
            self.stock, change.updated, change.removed, self.changed
        )

    def replace(self, stock: Stock | None) -> None:
        """Hold another stock, or none; what was told last is kept until the subscribers are told again."""
        if self.told is None:
            self.told = {} if self.stock is None else self.stock
        self.stock = stock
        self._frame = None

    def changes(self) -> Mapping[str, int]:
        """List the lines that differ from what was told last; 0 is gone. There must be a stock."""
        if self.told is None or self.stock is None:
            return self.changed
        return differences(self.told, self.stock)

    def mark_told(self) -> None:
        """Note that whoever listens knows the stock as it is now."""
        self.told, self.changed = None, {}

    def tell_all_again(self) -> None:
        """Let every line count as changed when the stock is told next: some were not told the last one."""
        if self.told is not None:
            self.told = {item_id: _UNLIKE_ANY for item_id, quantity in self.told.items() if quantity}

    async def until_read(self) -> None:
        """Wait while it is being read; whoever goes away does not stop the reading.

        Raises:
            StoreApiError: it could not be read.
        """
        while self.reading is not None:
            await asyncio.shield(self.reading)

    def settle(self, stock: Stock | None, at: Moment) -> bool:
        """Take what was read, then the newer of what waited; False where it must be read again."""
        self.replace(stock)
        self.at = at
        waiting, self.waiting = self.waiting or [], None
        for position, change in enumerate(waiting):
            if change.at > at and not self.apply(change):
                self.waiting = waiting[position + 1 :]
                return False
        return True


def stock_in(snapshot: Snapshot, store_id: str) -> Stock | None:
    """Read one store out of a snapshot; empty where there is none, None where its document is broken."""
    document = snapshot.documents.get(store_id)
    if document is None:
        return {}
    try:
        return documents.read_stock(document)
    except BrokenDocument as broken:
        log.error(
            str(broken),
            extra={
                "action": "broken_document",
                "store": store_id,
            },
        )
        return None


async def read_stocks(snapshot: Snapshot) -> StocksAt:
    """Read every store out of a snapshot as `stock_in` does, while others have their turns."""
    stocks: dict[str, Stock | None] = {}
    lines = 0
    for store_id in snapshot.documents:
        stock = stocks[store_id] = stock_in(snapshot, store_id)
        lines = await _let_others(lines + len(stock or ()))
    return stocks, snapshot.at


async def build_frames(stores: Mapping[str, LiveStore]) -> None:
    """Build the frames of many stores, while others have their turns; some may change meanwhile."""
    lines = 0
    for store_id, live in list(stores.items()):
        live.frame(store_id)
        lines = await _let_others(lines + len(live.stock or ()))


async def _let_others(lines: int) -> int:
    """Let the event loop turn after so many lines; give how many there have been since."""
    if lines < LINES_AT_ONCE:
        return lines
    await asyncio.sleep(0)
    return 0


def keep_quiet(reading: asyncio.Task[None]) -> None:
    """Take note of how a reading ended: all who waited for it may have gone."""
    if not reading.cancelled():
        reading.exception()
