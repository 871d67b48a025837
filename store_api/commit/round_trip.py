"""One round trip to the stores: changes go out, and back comes what became of them and what stores then hold.

Failures are values here: a write that failed is a verdict on each of its changes, and a reading that failed
is what was found of each of its stores.
"""

from collections.abc import Collection, Mapping, Sequence

from store_api.commit.last_seen import Reading
from store_api.commit.ports import Stores
from store_api.errors import AppliedUnreported, BrokenDocument, DatabaseUnavailable, StoreApiError
from store_api.stock import Change, Written, written_despite

Verdicts = Mapping[str, Written]
"""What became of changes, by store."""

Readings = dict[str, Reading]
"""What stores were found to hold."""


async def write_one(
    stores: Stores, change: Change, wanted: Collection[str] | None
) -> tuple[Verdicts, Readings]:
    """Write one change, and read its store in the same trip where the change was applied.

    Args:
        stores: where to.
        change: what is written.
        wanted: the items that are read; None for all.
    """
    store_id = change.store_id
    try:
        stock = await stores.apply(change, wanted)
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
