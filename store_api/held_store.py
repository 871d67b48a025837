"""One store as a feed holds it: its stock at a moment, carried on by the changes that follow."""

import asyncio
import logging
from dataclasses import dataclass

from bson import Timestamp

from store_api import documents
from store_api.errors import BrokenDocument
from store_api.reports import report_json
from store_api.repository import Snapshot
from store_api.stock import Report, Stock
from watchers.store_watcher import StoreChange

log = logging.getLogger(__name__)

_EARLIEST = Timestamp(0, 0)


@dataclass(slots=True)
class HeldStore:
    """A store's stock as it stood at `at`.

    Args:
        stock: None while the document is broken, or was not read yet.
        at: what is not newer is in the stock already.
        times_begun: how often its feed had begun afresh when it was last read; older is stale.
        waiting: the changes that came while the store is being read; None while it is not.
        reading: the task that reads it.
    """

    stock: Stock | None = None
    at: Timestamp = _EARLIEST
    times_begun: int = 0
    waiting: list[StoreChange] | None = None
    reading: asyncio.Task[None] | None = None

    def apply(self, change: StoreChange) -> bool:
        """Carry a change over into the stock; False where the store must be read again."""
        if change.deleted:
            self.stock = {}
            return True
        if change.document is not None:
            try:
                self.stock = documents.read_stock(change.document)
            except BrokenDocument:
                return False
            return True
        return self.stock is not None and documents.apply_update(self.stock, change.updated, change.removed)

    async def until_read(self) -> None:
        """Wait while it is being read; whoever goes away does not stop the reading.

        Raises:
            StoreApiError: it could not be read.
        """
        while self.reading is not None:
            await asyncio.shield(self.reading)

    def settle(self, stock: Stock | None, at: Timestamp) -> bool:
        """Take what was read, then the newer of what waited; False where it must be read again."""
        self.stock, self.at = stock, at
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


def frame_of(store_id: str, stock: Stock) -> str:
    """Build the text frame that tells a store's report."""
    return report_json(Report.of(store_id, stock)).decode()
