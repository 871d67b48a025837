"""Many stores at one moment: read, and told to who joins, while others have their turns."""

import asyncio
import logging
from collections.abc import Mapping

from store_api.errors import BrokenDocument
from store_api.feed.live_store import LiveStore
from store_api.feed.subscribers import Subscriber
from store_api.stock import Stock, StorePatterns
from store_api.storage import documents
from store_api.storage.documents import Snapshot
from watchers.changes import Moment

log = logging.getLogger(__name__)

StocksAt = tuple[dict[str, Stock | BrokenDocument], Moment]
"""The stocks of stores, or what is wrong with a document, and the moment at which they stood so."""

LINES_AT_ONCE = 5_000
"""Lines that are read or written before others have their turn: about a millisecond's."""


def stock_in(snapshot: Snapshot, store_id: str) -> Stock | BrokenDocument:
    """Read one store out of a snapshot; empty where there is none, what is wrong where it is broken."""
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
        return broken


async def read_stocks(snapshot: Snapshot) -> StocksAt:
    """Read every store out of a snapshot as `stock_in` does, while others have their turns."""
    stocks: dict[str, Stock | BrokenDocument] = {}
    lines = 0
    for store_id in snapshot.documents:
        stock = stocks[store_id] = stock_in(snapshot, store_id)
        lines = await _let_others(lines + (0 if isinstance(stock, BrokenDocument) else len(stock)))
    return stocks, snapshot.at


async def build_frames(stores: Mapping[str, LiveStore], *, in_parts: bool) -> None:
    """Build the frames of many stores, while others have their turns; some may change meanwhile."""
    lines = 0
    for store_id, live in list(stores.items()):
        live.frames(store_id, in_parts=in_parts)
        lines = await _let_others(lines + len(live.stock or ()))


async def offer_all(
    stores: Mapping[str, LiveStore], subscriber: Subscriber, only: StorePatterns | None
) -> None:
    """Offer every store as it stands; nobody else has a turn between the first of them and the end.

    Args:
        stores: all of them; some may change or come while their frames are built.
        subscriber: to whom.
        only: the stores that they may see; None is every store.
    """
    in_parts = subscriber.only_changes
    await build_frames(stores if only is None else seen(stores, only), in_parts=in_parts)
    for store_id, live in (stores if only is None else seen(stores, only)).items():
        live.offer_whole(store_id, subscriber)


def seen(stores: Mapping[str, LiveStore], only: StorePatterns) -> Mapping[str, LiveStore]:
    """Give those of the stores that somebody may see."""
    return {store_id: live for store_id, live in stores.items() if store_id in only}


async def _let_others(lines: int) -> int:
    """Let the event loop turn after so many lines; give how many there have been since."""
    if lines < LINES_AT_ONCE:
        return lines
    await asyncio.sleep(0)
    return 0
