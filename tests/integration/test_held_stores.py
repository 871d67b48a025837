"""A transaction of another program holds stores: only they wait, and everybody is told the truth."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.commit import Committer, held_stores
from store_api.errors import StoreHeld
from store_api.stock import Change, Operation, OperationKind, Report, Written
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents

Mongo = MongoClient[dict[str, Any]]


def supply(store_id: str) -> Change:
    return Change(store_id, {"chair": 1}, {}, creates=True)


def demand(store_id: str, quantity: int = 1) -> Change:
    return Change(store_id, {"chair": -quantity}, {"chair": quantity})


@pytest.fixture
def ids(stores: Documents, store_id: str) -> Sequence[str]:
    """Stores that are there, with 5 chairs each."""
    ids = [f"{store_id}-{number:03}" for number in range(64)]
    stores.insert_many([{"_id": one_id, "items": {"chair": 5}, "rev": 1} for one_id in ids])
    return ids


@contextmanager
def holding(other_program: Mongo, stores: Documents, ids: Sequence[str]) -> Iterator[None]:
    """Hold stores in an open transaction, which comes to nothing."""
    with other_program.start_session() as session, session.start_transaction():
        for one_id in ids:
            stores.update_one({"_id": one_id}, {"$inc": {"items.chair": 1}}, upsert=True, session=session)
        yield
        session.abort_transaction()


@pytest.mark.parametrize("held", [(0,), (20,), (63,), (3, 20, 40), tuple(range(0, 64, 2)), tuple(range(64))])
async def test_of_many_changes_only_those_to_held_stores_are_not_applied(
    repository: StoreWriter, other_program: Mongo, stores: Documents, ids: Sequence[str], held: Sequence[int]
) -> None:
    changes = [(supply if number % 3 else demand)(one_id) for number, one_id in enumerate(ids)]
    with holding(other_program, stores, [ids[number] for number in held]):
        written = await repository.apply_many(changes)
    expected = [Written.HELD if number in held else Written.APPLIED for number in range(64)]
    assert written == expected
    for number, one_id in enumerate(ids):
        chairs = 5 if number in held else 5 + (1 if number % 3 else -1)
        revision = 1 if number in held else 2
        assert stores.find_one({"_id": one_id}, {"writers": 0}) == {
            "_id": one_id,
            "items": {"chair": chairs},
            "rev": revision,
        }


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
async def test_a_store_that_a_transaction_creates_is_held(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str, many: bool
) -> None:
    new = f"{store_id}-new"
    with holding(other_program, stores, [store_id]):
        if many:
            written = await repository.apply_many([supply(new), supply(store_id)])
            assert written == [Written.APPLIED, Written.HELD]
        else:
            with pytest.raises(StoreHeld):
                await repository.apply(supply(store_id), None)
    assert stores.find_one({"_id": store_id}) is None
    assert await repository.apply_many([supply(store_id)]) == [Written.APPLIED]


async def test_a_store_that_a_transaction_deletes_is_held(
    repository: StoreWriter, other_program: Mongo, stores: Documents, ids: Sequence[str]
) -> None:
    with other_program.start_session() as session, session.start_transaction():
        stores.delete_one({"_id": ids[0]}, session=session)
        with pytest.raises(StoreHeld):
            await repository.apply(supply(ids[0]), None)
        assert await repository.apply_many([demand(ids[1]), demand(ids[0])]) == [
            Written.APPLIED,
            Written.HELD,
        ]
        session.commit_transaction()
    assert await repository.apply(supply(ids[0]), None) == {"chair": 1}


def asked(store_id: str) -> Operation:
    return Operation(store_id, OperationKind.SUPPLY, {"chair": 1})


@pytest.mark.parametrize("count", [1, 3, 63])
async def test_who_asks_for_another_store_is_served_while_held_ones_wait(
    repository: StoreWriter, other_program: Mongo, stores: Documents, ids: Sequence[str], count: int
) -> None:
    committer = Committer(repository)
    with holding(other_program, stores, ids[:count]):
        waiting = [committer.answer(asked(one_id)) for one_id in ids[:count]]
        for _ in range(10):
            assert isinstance(await committer.answer(asked(ids[-1])), Report)
        assert not any(future.done() for future in waiting)
    assert [await future for future in waiting] == [Report(one_id, {"chair": 6}) for one_id in ids[:count]]
    assert committer.held_stores == 0
    await committer.close()


async def test_who_waited_in_vain_is_told_that_nothing_was_applied(
    repository: StoreWriter,
    other_program: Mongo,
    stores: Documents,
    ids: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held_stores, "HELD_SECONDS", 0.5)
    committer = Committer(repository)
    with holding(other_program, stores, ids[:2]):
        answers = await asyncio.gather(*(committer.answer(asked(one_id)) for one_id in ids[:3]))
        assert [type(answer) for answer in answers] == [StoreHeld, StoreHeld, Report]
    assert await committer.submit(asked(ids[0])) == Report(ids[0], {"chair": 6})
    await committer.close()


async def test_who_still_waits_at_the_end_is_told_at_once(
    repository: StoreWriter, other_program: Mongo, stores: Documents, ids: Sequence[str]
) -> None:
    committer = Committer(repository)
    with holding(other_program, stores, ids[:1]):
        answer = committer.answer(asked(ids[0]))
        await committer.close()
        assert isinstance(await answer, StoreHeld)
    assert stores.find_one({"_id": ids[0]}) == {"_id": ids[0], "items": {"chair": 5}, "rev": 1}
