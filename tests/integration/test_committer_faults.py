"""What the committer promises while the database fails, documents are broken, or callers go away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.commit import Committer
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutOfStock,
    Overloaded,
)
from store_api.stock import Operation, Report
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import BROKEN, insert_unchecked
from tests.integration.conftest import Documents
from tests.integration.operations import clean, demand, supply
from tests.support.fail_points import WRITES, failing

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture
async def committer(repository: StoreWriter) -> AsyncIterator[Committer]:
    committer = Committer(repository)
    yield committer
    await committer.close()


def chairs(stores: Documents, store_id: str) -> int:
    found = stores.find_one({"_id": store_id}, {"items": 1})
    return found["items"].get("chair", 0) if found else 0


async def test_a_caller_that_goes_away_stops_neither_its_operation_nor_those_beside_it(
    committer: Committer, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    with failing(other_program, *WRITES, blockConnection=True, blockTimeMS=100) as held_back:
        calls = [asyncio.create_task(committer.submit(supply(store_id, {"chair": 1}))) for _ in range(12)]
        await held_back.wait_until_hit()
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        await committer.close()
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
    assert all(isinstance(answer, Report) for answer in answers[1::2])
    assert chairs(stores, store_id) == 12


async def test_closing_waits_until_every_operation_has_its_answer(
    committer: Committer, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    with failing(other_program, *WRITES, blockConnection=True, blockTimeMS=100) as held_back:
        calls = [asyncio.create_task(committer.submit(supply(store_id, {"chair": 1}))) for _ in range(12)]
        await held_back.wait_until_hit()
        assert not any(call.done() for call in calls)
        await committer.close()
        # Whoever waits for an answer is told of it in the loop's next turn.
        answers = await asyncio.wait_for(asyncio.gather(*calls), 0.05)
    assert all(isinstance(answer, Report) for answer in answers)
    assert chairs(stores, store_id) == 12


async def test_closing_with_nothing_to_do_is_done_at_once(committer: Committer) -> None:
    await asyncio.wait_for(committer.close(), 0.5)


async def test_what_is_too_much_is_turned_away_and_not_applied(
    repository: StoreWriter,
    other_program: Mongo,
    stores: Documents,
    store_id: str,
) -> None:
    committer = Committer(repository, most_waiting=10)
    operation = supply(store_id, {"chair": 1})
    with failing(other_program, *WRITES, blockConnection=True, blockTimeMS=50):
        answers = await asyncio.gather(
            *(committer.submit(operation) for _ in range(40)), return_exceptions=True
        )
    turned_away = [answer for answer in answers if not isinstance(answer, Report)]
    assert all(isinstance(answer, Overloaded) for answer in turned_away)
    assert 20 <= len(turned_away) <= 30
    assert chairs(stores, store_id) == 40 - len(turned_away)
    assert await committer.submit(operation) == Report(store_id, {"chair": 41 - len(turned_away)})


@pytest.mark.parametrize(
    ("failure", "applied"),
    [
        ({"errorCode": 8}, False),
        ({"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}, True),
    ],
    ids=str,
)
async def test_what_nobody_answered_is_found_out_and_everybody_is_told(
    committer: Committer,
    other_program: Mongo,
    stores: Documents,
    store_id: str,
    failure: dict[str, Any],
    applied: bool,
) -> None:
    assert await committer.submit(supply(store_id, {"chair": 5})) == Report(store_id, {"chair": 5})
    with failing(other_program, *WRITES, times=1, **failure):
        assert await committer.submit(supply(store_id, {"chair": 1})) == Report(store_id, {"chair": 6})
    with failing(other_program, *WRITES, times=1, **failure):
        answer = await committer.submit(demand(store_id, {"chair": 2}, minimal=True))
    assert answer == Report(store_id, {"chair": 4})
    assert chairs(stores, store_id) == 4
    assert committer.doubts.found == ({"applied": 2} if applied else {"fenced": 2})


@pytest.mark.parametrize(
    ("failure", "applied"),
    [
        ({"errorCode": 8}, False),
        ({"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("number_of_stores", [1, 20])
async def test_in_a_crowd_everybody_knows_though_writes_had_no_answer(
    committer: Committer,
    other_program: Mongo,
    stores: Documents,
    store_id: str,
    failure: dict[str, Any],
    applied: bool,
    number_of_stores: int,
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(number_of_stores)]
    stores.insert_many([{"_id": one_id, "items": {"chair": 100}, "rev": 1} for one_id in store_ids])
    operations = [demand(one_id, {"chair": 1}) for one_id in store_ids] * (80 // number_of_stores)
    with failing(other_program, *WRITES, times=2, **failure):
        answers = await asyncio.gather(
            *(committer.submit(operation) for operation in operations), return_exceptions=True
        )
    assert all(isinstance(answer, Report) for answer in answers)
    assert sum(100 - chairs(stores, one_id) for one_id in store_ids) == len(answers)
    assert sum(committer.doubts.found.values()) >= 1


async def test_without_its_proof_nobody_is_refused(
    committer: Committer, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}, "rev": 1})
    with failing(other_program, "find", errorCode=8), pytest.raises(DatabaseUnavailable) as unavailable:
        await committer.submit(demand(store_id, {"chair": 2}))
    assert str(unavailable.value) == DatabaseUnavailable.__doc__
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 1},
        "rev": 1,
    }


@pytest.mark.parametrize("number_of_stores", [1, 5])
async def test_what_was_applied_is_said_to_be_applied_though_it_cannot_be_read(
    committer: Committer, other_program: Mongo, stores: Documents, store_id: str, number_of_stores: int
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(number_of_stores)]
    stores.insert_many([{"_id": one_id, "items": {"chair": 1}, "rev": 1} for one_id in store_ids])
    # All read already, so that whoever is refused is refused on what is known; but what a new item makes of a
    # store is not foretold.
    await asyncio.gather(*(committer.submit(supply(one_id, {"chair": 1})) for one_id in store_ids))
    with failing(other_program, "find", errorCode=8):
        answers = await asyncio.gather(
            *(committer.submit(supply(one_id, {"lamp": 1})) for one_id in store_ids),
            *(committer.submit(demand(one_id, {"chair": 9})) for one_id in store_ids),
            return_exceptions=True,
        )
    brought, refused = answers[:number_of_stores], answers[number_of_stores:]
    assert all(isinstance(answer, AppliedUnreported) for answer in brought)
    assert all(isinstance(answer, DatabaseUnavailable) for answer in refused)
    found = list(stores.find({"_id": {"$in": store_ids}}, {"_id": 0, "items": 1}))
    assert found == [{"items": {"chair": 2, "lamp": 1}}] * number_of_stores
    report = await committer.submit(demand(store_ids[0], {"chair": 2}, minimal=True))
    assert report == Report(store_ids[0], {"chair": 0})


@pytest.mark.parametrize("broken", BROKEN, ids=str)
async def test_a_broken_store_is_named_and_a_clean_repairs_it(
    committer: Committer, stores: Documents, store_id: str, broken: dict[str, Any]
) -> None:
    document = {"_id": store_id, "rev": 1, **broken}
    insert_unchecked(stores, document)
    with pytest.raises(BrokenDocument) as named:
        await committer.submit(supply(store_id, {"lamp": 1}))
    assert named.value.store_id == store_id
    assert (stores.find_one({"_id": store_id}) != document) == named.value.applied
    assert await committer.submit(clean(store_id)) == Report(store_id, {})
    assert await committer.submit(supply(store_id, {"chair": 1})) == Report(store_id, {"chair": 1})


@pytest.mark.parametrize("broken", BROKEN, ids=str)
async def test_a_demand_from_a_broken_store_takes_nothing_without_saying_so(
    committer: Committer, stores: Documents, store_id: str, broken: dict[str, Any]
) -> None:
    document = {"_id": store_id, "rev": 1, **broken}
    insert_unchecked(stores, document)
    # More than there is of an item that is as it should be is short, whatever else is broken.
    with pytest.raises((BrokenDocument, OutOfStock)) as failed:
        await committer.submit(demand(store_id, {"chair": 4}))
    assert not isinstance(failed.value, BrokenDocument) or not failed.value.applied
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == document
    with pytest.raises((BrokenDocument, OutOfStock)) as failed:
        await committer.submit(demand(store_id, {"chair": 1}))
    applied = isinstance(failed.value, BrokenDocument) and failed.value.applied
    assert (stores.find_one({"_id": store_id}) != document) == applied


@pytest.mark.parametrize("revision", ["41", 2**63 - 1, None, [41]], ids=str)
async def test_a_revision_that_cannot_be_counted_up_is_no_overflow_of_a_quantity(
    committer: Committer, stores: Documents, store_id: str, revision: object
) -> None:
    document = {"_id": store_id, "items": {"chair": 1}, "rev": revision}
    insert_unchecked(stores, document)
    operations: list[Operation] = [supply(store_id, {"chair": 1}), demand(store_id, {"chair": 1})]
    for operation in operations:
        with pytest.raises(BrokenDocument) as named:
            await committer.submit(operation)
        assert not named.value.applied
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == document
