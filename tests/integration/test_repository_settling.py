"""What became of a write whose answer nobody had: it is found out, and no copy of it comes true later."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from store_api.batches.numbers import Numbers
from store_api.errors import OutcomeUnknown
from store_api.stock import Change, Stamp, Written
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.support.fail_points import WRITES, failing
from tests.support.stamping import stamped

Mongo = MongoClient[dict[str, Any]]

NOT_EXECUTED: list[dict[str, Any]] = [
    {"closeConnection": True},
    *({"errorCode": code} for code in (8, 18, 24, 91, 189, 211, 262, 10107, 11600, 11602, 13435)),
]
"""Failures before anything was done, which do not say so."""

EXECUTED = [
    {"writeConcernError": {"code": code, "errmsg": "not yet"}} for code in (64, 91, 100, 189, 11600, 11602)
]
"""Failures after everything was done here, which a majority may never hear of."""


def supply(store_id: str) -> Change:
    return stamped(Change(store_id, {"chair": 1}, {}, creates=True))


def demand(store_id: str) -> Change:
    return stamped(Change(store_id, {"chair": -1}, {"chair": 1}))


def foretold(store_id: str) -> Change:
    return stamped(Change(store_id, {"chair": -1}, {}, found={"chair": 5}, leaves={"chair": 4}))


async def left_open(
    repository: StoreWriter, mongo: Mongo, change: Change, failure: dict[str, Any], *, many: bool
) -> None:
    """Write a change so that nobody says what became of it."""
    with failing(mongo, *WRITES, **failure):
        if many:
            with suppress(OutcomeUnknown):
                assert await repository.apply_many([change]) == [Written.UNKNOWN]
        else:
            with pytest.raises(OutcomeUnknown):
                await repository.apply(change, None)


async def settled(repository: StoreWriter, change: Change) -> Written:
    """Ask until it is known: after some failures the driver looks for a primary first."""
    async with asyncio.timeout(10):
        written = await repository.settle(change)
        while written is Written.UNKNOWN:
            await asyncio.sleep(0.02)
            written = await repository.settle(change)
        return written


def chairs(stores: Documents, store_id: str) -> int | None:
    document = stores.find_one({"_id": store_id})
    return None if document is None else document.get("items", {}).get("chair", 0)


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize("make", [supply, demand, foretold])
@pytest.mark.parametrize("failure", NOT_EXECUTED, ids=str)
async def test_what_was_not_applied_never_will_be(
    repository: StoreWriter,
    other_program: Mongo,
    stores: Documents,
    store_id: str,
    failure: dict[str, Any],
    make: Any,
    many: bool,
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1})
    change = make(store_id)
    await left_open(repository, other_program, change, failure, many=many)
    assert await settled(repository, change) is Written.FENCED
    # A copy that was on its way arrives now, and whoever asks again hears the same.
    assert await repository.apply(change, None) is None
    assert await repository.apply_many([change]) == [Written.NOT_MATCHED]
    assert await settled(repository, change) is Written.FENCED
    assert chairs(stores, store_id) == 5
    assert await repository.apply(make(store_id), None) == {"chair": 6 if make is supply else 4}


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize("make", [supply, demand, foretold])
@pytest.mark.parametrize("failure", EXECUTED, ids=str)
async def test_what_was_applied_is_known_and_applied_once(
    repository: StoreWriter,
    other_program: Mongo,
    stores: Documents,
    store_id: str,
    failure: dict[str, Any],
    make: Any,
    many: bool,
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1})
    change = make(store_id)
    await left_open(repository, other_program, change, failure, many=many)
    assert await settled(repository, change) is Written.APPLIED
    assert await repository.apply(change, None) is None
    assert await settled(repository, change) is Written.APPLIED
    assert chairs(stores, store_id) == (6 if make is supply else 4)


@pytest.mark.parametrize("failure", [*NOT_EXECUTED[:2], EXECUTED[0]], ids=str)
async def test_a_store_that_was_to_be_made_is_made_once(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str, failure: dict[str, Any]
) -> None:
    change = supply(store_id)
    await left_open(repository, other_program, change, failure, many=False)
    assert await settled(repository, change) is Written.APPLIED
    assert await settled(repository, change) is Written.APPLIED
    assert await repository.apply(change, None) is None
    assert chairs(stores, store_id) == 1


@pytest.mark.parametrize("failure", [*NOT_EXECUTED[:2], EXECUTED[0]], ids=str)
async def test_while_a_majority_is_silent_it_is_asked_again(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str, failure: dict[str, Any]
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1})
    change = demand(store_id)
    await left_open(repository, other_program, change, EXECUTED[0], many=False)
    with failing(other_program, "findAndModify", **failure) as silence:
        met = asyncio.ensure_future(silence.wait_until_hit())
        assert await repository.settle(change) is Written.UNKNOWN
        await met
    assert await settled(repository, change) is Written.APPLIED


async def test_a_store_that_a_transaction_holds_is_asked_again(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1})
    change = demand(store_id)
    with other_program.start_session() as session, session.start_transaction():
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}}, session=session)
        assert await repository.settle(change) is Written.UNKNOWN
        session.abort_transaction()
    assert await settled(repository, change) is Written.FENCED


async def test_who_replaces_or_deletes_a_document_takes_the_proof_along(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1})
    first = demand(store_id)
    assert await repository.apply(first, None) == {"chair": 4}
    stamp = Stamp(first.stamp.writer, first.stamp.number + 2, follows=first.stamp.number)
    second = msgspec.structs.replace(first, stamp=stamp)
    stores.replace_one({"_id": store_id}, {"items": {"chair": 5}, "rev": 9})
    assert await repository.settle(second) is Written.LOST
    assert await repository.settle(second) is Written.LOST
    stores.delete_one({"_id": store_id})
    assert await repository.settle(second) is Written.LOST
    # Who replaces it and keeps what is ours takes nothing away.
    stores.insert_one({"_id": store_id, "items": {}, "writers": {first.stamp.writer: first.stamp.number}})
    assert await repository.settle(second) is Written.FENCED


async def test_another_process_can_fence_a_write_too(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1})
    applied = demand(store_id)
    late = msgspec.structs.replace(applied, stamp=Stamp(applied.stamp.writer, applied.stamp.number + 2))
    assert await repository.apply(applied, None) == {"chair": 4}
    assert await repository.fence(store_id, applied.stamp, creates=False) == applied.stamp.number
    assert await repository.fence(store_id, late.stamp, creates=False) == applied.stamp.number
    assert await repository.apply(late, None) is None
    assert await repository.settle(late) is Written.FENCED
    assert await repository.fence(store_id, late.stamp, creates=False) == late.stamp.number + 1


async def test_a_fence_stands_in_a_store_that_is_not_there_yet(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    late = supply(store_id)
    assert await repository.fence(store_id, late.stamp, creates=False) is None
    assert chairs(stores, store_id) is None
    assert await repository.fence(store_id, late.stamp, creates=True) == late.stamp.number + 1
    assert await repository.apply(late, None) is None
    assert chairs(stores, store_id) == 0


async def test_a_sweep_takes_along_who_wrote_long_ago(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    number = Numbers().next()
    day = 24 * 3600 * 1000
    numbers = {"old": number - 3 * day, "new": number - day}
    stores.insert_one({"_id": store_id, "items": {"chair": 5, "lamp": 0}, "rev": 1, "writers": numbers})
    await repository.sweep(store_id, number, items=True)
    assert stores.find_one({"_id": store_id}, {"rev": 0}) == {
        "_id": store_id,
        "items": {"chair": 5},
        "writers": {"new": number - day, "sweep": number},
    }


@pytest.mark.parametrize("numbers", [None, {"new": 10**13}], ids=str)
async def test_where_there_is_nothing_to_sweep_nothing_is_written(
    repository: StoreWriter, stores: Documents, store_id: str, numbers: dict[str, int] | None
) -> None:
    document = {"_id": store_id, "items": {"chair": 5}, "rev": 1, **({"writers": numbers} if numbers else {})}
    stores.insert_one(document)
    await repository.sweep(store_id, Numbers().next(), items=True)
    assert stores.find_one({"_id": store_id}) == document


async def test_a_store_without_a_used_up_item_is_swept_of_old_writers(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}, "rev": 1, "writers": {"old": 2}})
    number = Numbers().next()
    await repository.sweep(store_id, number, items=False)
    assert stores.find_one({"_id": store_id}, {"writers": 1}) == {
        "_id": store_id,
        "writers": {"sweep": number},
    }


async def test_used_up_items_alone_are_left_where_only_writers_are_swept(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    document = {"_id": store_id, "items": {"chair": 0}, "rev": 1}
    stores.insert_one(document)
    await repository.sweep(store_id, Numbers().next(), items=False)
    assert stores.find_one({"_id": store_id}) == document
