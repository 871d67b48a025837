"""One round trip to the stores: changes go out, and back comes what became of them and what stores then hold.

Failures are values here: a write that failed is a verdict on each of its changes, and a reading that failed
is what was found of each of its stores. How long trips usually take is known here, too, and which is slow.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import Self

from store_api.batches.last_seen import Reading
from store_api.commit.ports import Stores
from store_api.commit.store_queue import StoreQueue
from store_api.errors import AppliedUnreported, BrokenDocument, DatabaseUnavailable, StoreApiError
from store_api.stock import Change, Written, written_despite

Verdicts = Mapping[str, Written]
"""What became of changes, by store."""

Readings = dict[str, Reading]
"""What stores were found to hold."""


LEAST_SECONDS = 0.02
"""A write that is no slower than this is not slow, however fast others are."""

TIMES_USUAL = 4
"""How many times as long as usual a write takes that is slow."""

MOST_SECONDS = 0.1
"""A single trip counts as no longer than this, so that one that waited does not make waiting usual."""

SHARE = 1 / 16
"""The share of the latest write in what is usual."""

MOST_SLOW = 24
"""Lanes that are replaced at once; each waits in a thread, of which there are a few more."""

_SILENT = (Written.UNKNOWN, Written.UNAVAILABLE)
"""After these the database is not asked again: the answers are known."""


async def carry(stores: Stores, queues: Sequence[StoreQueue], patience: float) -> tuple[Verdicts, Readings]:
    """Write what was decided of queues together, and read together what the write did not.

    Args:
        stores: where to.
        queues: whose flights have taken off.
        patience: seconds that a store may be waited for which is alone and held.
    """
    changes = [queue.flight.decision.change for queue in queues if queue.flight.decision.change is not None]
    if len(queues) == 1 and changes:
        verdicts, readings = await write_one(stores, changes[0], queues[0].flight.wanted, patience)
    else:
        verdicts, readings = await write_many(stores, changes)
    unread = [queue for queue in queues if queue.store_id not in readings]
    for queue in unread:
        if verdicts.get(queue.store_id) is Written.UNFIT:
            # What is wrong with the document may be anywhere in it.
            queue.flight.wanted = None
    unread = [queue for queue in unread if _needs_reading(queue, verdicts.get(queue.store_id))]
    for whole in (True, False):
        alike = [queue for queue in unread if (queue.flight.wanted is None) is whole]
        wanted = None if whole else frozenset[str]().union(*(queue.flight.wanted or () for queue in alike))
        readings |= await read(stores, [queue.store_id for queue in alike], wanted)
    return verdicts, readings


async def read_after(stores: Stores, queue: StoreQueue, written: Written) -> Readings:
    """Read a store after it was found out what became of its write, where an answer needs it.

    Args:
        stores: where.
        queue: whose flight it is.
        written: what became of it.
    """
    change = queue.flight.decision.change
    if written is Written.APPLIED and change is not None and change.leaves is not None:
        return {queue.store_id: change.leaves}
    if written in _SILENT:
        return {}
    return await read(stores, [queue.store_id], queue.flight.wanted)


def _needs_reading(queue: StoreQueue, written: Written | None) -> bool:
    if written is Written.HELD:
        # Who is to be decided again needs no proof.
        return not all(queue.flight.decision.passed)
    return written not in _SILENT


async def write_one(
    stores: Stores, change: Change, wanted: Collection[str] | None, patience: float
) -> tuple[Verdicts, Readings]:
    """Write one change, and read its store in the same trip where the change was applied.

    Args:
        stores: where to.
        change: what is written.
        wanted: the items that are read; None for all.
        patience: seconds that it may wait for a store that is held.
    """
    store_id = change.store_id
    try:
        stock = await stores.apply(change, wanted, patience)
    except BrokenDocument as broken:
        return {store_id: Written.APPLIED}, {store_id: broken}
    except AppliedUnreported:
        return {store_id: Written.APPLIED}, {store_id: DatabaseUnavailable()}
    except StoreApiError as error:
        return {store_id: written_despite(error)}, {}
    if stock is None:
        return {store_id: Written.NOT_MATCHED}, {}
    return {store_id: Written.APPLIED}, {store_id: stock}


async def write_many(stores: Stores, changes: Sequence[Change]) -> tuple[Verdicts, Readings]:
    """Write changes of different stores; what a change foretold needs no reading once it was applied."""
    if not changes:
        return {}, {}
    try:
        written = await stores.apply_many(changes)
    except StoreApiError as error:
        written = [written_despite(error)] * len(changes)
    verdicts = {change.store_id: verdict for change, verdict in zip(changes, written, strict=True)}
    return verdicts, {
        change.store_id: change.leaves
        for change in changes
        if change.leaves is not None and verdicts[change.store_id] is Written.APPLIED
    }


async def read(stores: Stores, store_ids: Sequence[str], wanted: Collection[str] | None) -> Readings:
    """Read stores; one that could not be read is told as that.

    Args:
        stores: where.
        store_ids: which.
        wanted: the items that are read of each; None for all.
    """
    if not store_ids:
        return {}
    found: Mapping[str, Reading] = {}
    unread: Reading = None
    try:
        found = await stores.read_many(store_ids, wanted)
    except DatabaseUnavailable as unavailable:
        unread = unavailable
    return {store_id: found.get(store_id, unread) for store_id in store_ids}


class Pace:
    """Tells when a write is slow.

    Args:
        on_slow: called in the midst of a write that is slow.
    """

    def __init__(self, on_slow: Callable[[], None]) -> None:
        self.on_slow = on_slow
        self.usual = 0.0
        self.slow = 0

    def watching(self) -> "Watch":
        """Watch a write, from entering to leaving."""
        return Watch(self)


class Watch:
    """Watches one write.

    Attributes:
        is_slow: whether it was called slow.
    """

    __slots__ = ("_began", "_clock", "_pace", "_timer", "is_slow")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.is_slow = False

    def __enter__(self) -> Self:
        """Begin."""
        loop = asyncio.get_running_loop()
        patience = max(LEAST_SECONDS, TIMES_USUAL * self._pace.usual)
        self._timer = loop.call_later(patience, self._tell)
        self._clock = loop.time
        self._began = loop.time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and learn how long it took."""
        self._timer.cancel()
        self._pace.slow -= self.is_slow
        took = min(MOST_SECONDS, self._clock() - self._began)
        self._pace.usual += (took - self._pace.usual) * SHARE

    def _tell(self) -> None:
        if self._pace.slow < MOST_SLOW:
            self._pace.slow += 1
            self.is_slow = True
            self._pace.on_slow()
