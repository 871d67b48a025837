"""The simulation is only worth as much as its repository is like the real one: here they are compared."""

import random
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from store_api.batches.decide import decide
from store_api.batches.last_seen import Seen
from store_api.stock import LARGEST_QUANTITY, Change, Operation, OperationKind
from store_api.storage.driver_errors import NO_SINGLE_ID
from store_api.storage.updates import lone_guard_of, update_of
from tests.contract.subjects import FakeSubject, RealSubject, outcome_of
from tests.simulation.history import Document
from tests.support.stamping import stamped

ODD_QUANTITIES = (1.5, 2.0, -1, "many", True, False, None, {"n": 1}, LARGEST_QUANTITY, LARGEST_QUANTITY - 2)
ODD_FIELDS: tuple[dict[str, Any], ...] = (
    {"items": "gone"},
    {"items": None},
    {},
    {"items": {}, "rev": "1"},
    {"items": {"a": 3}, "rev": None},
)


def draw_document(chance: random.Random, store_id: str) -> Document | None:
    if chance.random() < 0.15:
        return None
    if chance.random() < 0.15:
        return {"_id": store_id, **chance.choice(ODD_FIELDS)}
    items: dict[str, Any] = {item_id: chance.randint(0, 6) for item_id in chance.sample("abcd", 3)}
    if chance.random() < 0.4:
        items[chance.choice("abcd")] = chance.choice(ODD_QUANTITIES)
    return {"_id": store_id, "items": items, "rev": chance.randint(1, 9)}


def draw_change(chance: random.Random, store_id: str) -> Change:
    """Draw a change as the committer makes them: whole batches, decided on news that may be wrong."""
    if chance.random() < 0.1:
        return Change(store_id, {}, {}, empties=True)
    news = (
        None,
        Seen(None, complete=True),
        Seen({item: chance.randint(0, 6) for item in "abc"}, complete=True),
    )
    while True:
        operations = [
            Operation(
                store_id,
                chance.choice((OperationKind.DEMAND, OperationKind.SUPPLY)),
                {item: chance.randint(1, 4) for item in chance.sample("abcd", chance.randint(1, 2))},
            )
            for _ in range(chance.randint(1, 3))
        ]
        change = decide(operations, chance.choice(news)).change
        if change is not None:
            return change


def prepared(
    chance: random.Random, name: str, count: int, fake: FakeSubject, real: RealSubject
) -> list[Change]:
    """Put the same documents in both, and draw a change for each."""
    store_ids = [f"{name}-{number}" for number in range(count)]
    found = [draw_document(chance, store_id) for store_id in store_ids]
    documents = [document for document in found if document is not None]
    fake.put(*documents)
    real.put(*documents)
    return [stamped(draw_change(chance, store_id)) for store_id in store_ids]


def require_same(fake: FakeSubject, real: RealSubject, store_id: str) -> None:
    # With the numbers of who wrote it.
    ours, theirs = fake.repository.documents.get(store_id), real.stores.find_one({"_id": store_id})
    assert ours == theirs
    if ours is not None and theirs is not None and isinstance(ours.get("items"), dict):
        assert list(ours["items"]) == list(theirs["items"])


async def test_many_changes_at_once_do_the_same_to_all_kinds_of_documents(
    real: RealSubject, store_id: str
) -> None:
    fake = FakeSubject()
    changes = prepared(random.Random(1), store_id, 400, fake, real)
    ours = await fake.repository.apply_many(changes)
    theirs = await real.repository.apply_many(changes)
    assert dict(enumerate(ours)) == dict(enumerate(theirs))
    assert len(set(ours)) == 3
    for change in changes:
        require_same(fake, real, change.store_id)


async def test_one_change_at_a_time_does_the_same_and_says_the_same(real: RealSubject, store_id: str) -> None:
    chance = random.Random(2)
    fake = FakeSubject()
    for change in prepared(chance, store_id, 120, fake, real):
        wanted = chance.choice((None, None, ("a", "b"), ()))
        ours = await outcome_of(fake.repository.apply(change, wanted))
        assert ours == await outcome_of(real.repository.apply(change, wanted))
        require_same(fake, real, change.store_id)


async def test_readings_find_the_same(real: RealSubject, store_id: str) -> None:
    fake = FakeSubject()
    store_ids = [change.store_id for change in prepared(random.Random(3), store_id, 200, fake, real)]
    for wanted in (None, ("a",), ("b", "z"), ()):
        ours = await fake.repository.read_many(store_ids, wanted)
        theirs = await real.repository.read_many(store_ids, wanted)
        assert {name: repr(reading) for name, reading in ours.items()} == {
            name: repr(reading) for name, reading in theirs.items()
        }


def test_a_guard_that_does_not_hold_is_told_by_its_code_and_the_others_go_on(
    real: RealSubject, store_id: str
) -> None:
    ids = [f"{store_id}-{number}" for number in range(3)]
    real.put({"_id": ids[0], "items": {"a": 5}}, {"_id": ids[1], "items": {"a": 5}})
    changes = [Change(one_id, {"a": -1}, {"a": least}) for one_id, least in zip(ids, (6, 5, 1), strict=True)]
    updates = [UpdateOne(lone_guard_of(change), update_of(change), upsert=True) for change in changes]
    failures: list[tuple[int, int]] = []
    try:
        real.stores.bulk_write(updates, ordered=False)
    except BulkWriteError as error:
        failures = [(failure["index"], failure["code"]) for failure in error.details["writeErrors"]]
    assert failures == [(0, NO_SINGLE_ID), (2, NO_SINGLE_ID)]
    assert [document and document["items"] for document in map(real.get, ids)] == [{"a": 5}, {"a": 4}, None]
