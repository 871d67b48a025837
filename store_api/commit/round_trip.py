"""One round trip to the stores: changes go out, and back comes what became of them and what stores then hold.

Failures are values here: a write that failed is a verdict on each of its changes, and a reading that failed
is what was found of each of its stores.
"""

from collections.abc import Collection, Mapping, Sequence

from store_api.batches.last_seen import Reading
from store_api.claims import Claim, NotClaimed
from store_api.commit.keyed import KeyedOperations
from store_api.commit.ports import Stores
from store_api.commit.store_queue import StoreQueue
from store_api.errors import AppliedUnreported, BrokenDocument, DatabaseUnavailable, StoreApiError
from store_api.stock import Change, Written, written_despite

Verdicts = Mapping[str, Written]
"""What became of changes, by store."""

Readings = dict[str, Reading]
"""What stores were found to hold."""

_SILENT = (Written.UNKNOWN, Written.UNAVAILABLE)
"""After these the database is not asked again: the answers are known."""


async def carry_claimed(
    stores: Stores, keyed: KeyedOperations, queues: Sequence[StoreQueue], patience: float
) -> tuple[Verdicts, Readings]:
    """Claim the keys of flights and carry those who are left on board: in one turn, where it can be.

    Args:
        stores: where to.
        keyed: claims keys, where there are any.
        queues: whose flights have taken off.
        patience: seconds that a store may be waited for which is alone and held.
    """
    if not keyed:
        return await carry(stores, queues, patience)
    if at_once := keyed.begin_at_once(queues):
        claims = [waiting.claim for waiting in at_once if waiting.claim is not None]
        try:
            carried = await carry(stores, queues, patience, claims)
        except NotClaimed:
            keyed.end_at_once(at_once, is_made=False)
        else:
            keyed.end_at_once(at_once, is_made=True)
            return carried
    await keyed.claim(queues)
    return await carry(stores, queues, patience)


async def carry(
    stores: Stores, queues: Sequence[StoreQueue], patience: float, claims: Sequence[Claim] = ()
) -> tuple[Verdicts, Readings]:
    """Write what was decided of queues together, and read together what the write did not.

    Args:
        stores: where to.
        queues: whose flights have taken off.
        patience: seconds that a store may be waited for which is alone and held.
        claims: made in the same turn.

    Raises:
        NotClaimed: nothing was written.
    """
    queues = [queue for queue in queues if queue.flight.batch]
    changes = [queue.flight.decision.change for queue in queues if queue.flight.decision.change is not None]
    if len(queues) == 1 and changes:
        verdicts, readings = await write_one(stores, changes[0], queues[0].flight.wanted, patience, claims)
    else:
        verdicts, readings = await write_many(stores, changes, claims)
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
    stores: Stores,
    change: Change,
    wanted: Collection[str] | None,
    patience: float,
    claims: Sequence[Claim] = (),
) -> tuple[Verdicts, Readings]:
    """Write one change, and read its store in the same trip where the change was applied.

    Args:
        stores: where to.
        change: what is written.
        wanted: the items that are read; None for all.
        patience: seconds that it may wait for a store that is held.
        claims: made in the same turn.

    Raises:
        NotClaimed: nothing was written.
    """
    store_id = change.store_id
    try:
        stock = await stores.apply(change, wanted, patience, claims)
    except BrokenDocument as broken:
        return {store_id: Written.APPLIED}, {store_id: broken}
    except AppliedUnreported:
        return {store_id: Written.APPLIED}, {store_id: DatabaseUnavailable()}
    except StoreApiError as error:
        return {store_id: written_despite(error)}, {}
    if stock is None:
        return {store_id: Written.NOT_MATCHED}, {}
    return {store_id: Written.APPLIED}, {store_id: stock}


async def write_many(
    stores: Stores, changes: Sequence[Change], claims: Sequence[Claim] = ()
) -> tuple[Verdicts, Readings]:
    """Write changes of different stores; what a change foretold needs no reading once it was applied.

    Raises:
        NotClaimed: nothing was written.
    """
    if not changes:
        return {}, {}
    try:
        written = await stores.apply_many(changes, claims)
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
