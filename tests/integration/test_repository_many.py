"""Many stores in one write and one reading: each is applied, and told, as if it were alone."""

import asyncio
from typing import Any

import pytest
from bson import Int64
from pymongo import MongoClient

from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    UnfitDocument,
)
from store_api.sending.write import TOO_LONG
from store_api.stock import Change, Written
from store_api.storage import updates
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import insert_unchecked
from tests.integration.conftest import Documents
from tests.support.fail_points import WRITES, failing
from tests.support.stamping import StampingWriter

Mongo = MongoClient[dict[str, Any]]

WRITE_CONCERN_FAILED = {"code": 64, "errmsg": "waiting for replication timed out on 127.0.0.1"}


def supply(store_id: str, quantity: int = 1) -> Change:
    return Change(store_id, {"chair": quantity}, {}, creates=True)


def demand(store_id: str, quantity: int = 1) -> Change:
    return Change(store_id, {"chair": -quantity}, {"chair": quantity})


def actions(caplog: pytest.LogCaptureFixture) -> list[object]:
    return [vars(record).get("action") for record in caplog.records]


async def verdicts_of_all_kinds(
    repository: StoreWriter, stores: Documents, store_id: str
) -> dict[str, Written]:
    """Write every kind of change at once; what is in the database afterwards must be as the verdicts say."""
    before: dict[str, dict[str, Any]] = {
        "served": {"items": {"chair": 5}, "rev": 1},
        "emptied": {"items": {"chair": 5}, "rev": 1},
        "grown": {"items": {"chair": 5}, "rev": 1},
        "netted": {"items": {"chair": 5}, "rev": 1},
        "short": {"items": {"chair": 1}, "rev": 1},
        "full": {"items": {"chair": Int64(2**63 - 1)}, "rev": 1},
        "text": {"items": "chair", "rev": 1},
        "revised": {"items": {"chair": 5}, "rev": "1"},
    }
    insert_unchecked(stores, *({"_id": f"{store_id}-{name}", **fields} for name, fields in before.items()))
    changes = {
        "served": demand(f"{store_id}-served", 5),
        "short": demand(f"{store_id}-short", 2),
        "missing": demand(f"{store_id}-missing"),
        # Brings more than it takes, and must not create the store for it.
        "missing too": Change(f"{store_id}-missing too", {"chair": 5}, {"chair": 5}),
        "missing as well": Change(f"{store_id}-missing as well", {}, {}, empties=True),
        "emptied": Change(f"{store_id}-emptied", {}, {}, empties=True),
        "full": supply(f"{store_id}-full"),
        "text": supply(f"{store_id}-text"),
        "revised": supply(f"{store_id}-revised"),
        "created": supply(f"{store_id}-created", 3),
        "grown": supply(f"{store_id}-grown"),
        "netted": Change(f"{store_id}-netted", {"chair": 0}, {"chair": 5}),
    }
    written = await repository.apply_many(list(changes.values()))
    after = {
        document.pop("_id").removeprefix(f"{store_id}-"): document
        for document in stores.find({"_id": {"$regex": f"^{store_id}"}}, {"writers": 0})
    }
    assert after == {
        **before,
        "served": {"items": {"chair": 0}, "rev": 2},
        "emptied": {"items": {}, "rev": 2},
        "grown": {"items": {"chair": 6}, "rev": 2},
        "netted": {"items": {"chair": 5}, "rev": 2},
        "created": {"items": {"chair": 3}, "rev": 1},
    }
    return dict(zip(changes, written, strict=True))


VERDICTS = {
    "served": Written.APPLIED,
    "short": Written.NOT_MATCHED,
    "missing": Written.NOT_MATCHED,
    "missing too": Written.NOT_MATCHED,
    "missing as well": Written.NOT_MATCHED,
    "emptied": Written.APPLIED,
    "full": Written.UNFIT,
    "text": Written.UNFIT,
    "revised": Written.UNFIT,
    "created": Written.APPLIED,
    "grown": Written.APPLIED,
    "netted": Written.APPLIED,
}


async def test_of_many_changes_each_has_its_own_verdict(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    assert await verdicts_of_all_kinds(repository, stores, store_id) == VERDICTS


async def test_on_a_server_with_other_guards_stores_are_written_one_by_one(
    client: Client,
    stores: Documents,
    store_id: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A plain upsert forgets its guard where it inserts: so would a server that took our filter for one.
    monkeypatch.setattr(updates, "lone_guard_of", updates.guard_of)
    repository = StampingWriter(client, stores.database.name)
    await repository.prepare()
    assert actions(caplog) == ["guards_not_proven"]
    assert stores.find_one({"_id": ""}) is None
    assert await verdicts_of_all_kinds(repository, stores, store_id) == VERDICTS
    await repository.prepare()
    assert actions(caplog) == ["guards_not_proven"] * 2


async def test_a_slow_moment_at_the_proof_makes_nobody_slow_for_good(
    client: Client, other_program: Mongo, stores: Documents, caplog: pytest.LogCaptureFixture
) -> None:
    repository = StampingWriter(client, stores.database.name)
    with failing(other_program, "update", errorCode=TOO_LONG), pytest.raises(DatabaseUnavailable):
        await repository.prepare()
    await repository.prepare()
    assert actions(caplog) == []


async def test_of_writers_of_many_stores_that_collide_each_piece_goes_to_one(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(5)]
    stores.insert_many([{"_id": one_id, "items": {"chair": 7}, "rev": 1} for one_id in store_ids])
    written = await asyncio.gather(
        *(repository.apply_many([demand(one_id) for one_id in store_ids]) for _ in range(12))
    )
    for number, one_id in enumerate(store_ids):
        verdicts = [batch[number] for batch in written]
        assert verdicts.count(Written.APPLIED) == 7
        assert verdicts.count(Written.NOT_MATCHED) == 5
        assert stores.find_one({"_id": one_id}, {"writers": 0}) == {
            "_id": one_id,
            "items": {"chair": 0},
            "rev": 8,
        }


async def test_many_changes_whose_command_failed_are_unknown_together(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(3)]
    with failing(other_program, *WRITES, errorCode=8), pytest.raises(OutcomeUnknown) as unknown:
        await repository.apply_many([*map(supply, store_ids), demand(f"{store_id}-missing")])
    assert str(unknown.value) == OutcomeUnknown.__doc__
    assert stores.count_documents({"_id": {"$in": store_ids}}) == 0


async def test_of_many_changes_that_no_majority_confirmed_those_are_unknown_that_were_applied(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(3)]
    with failing(other_program, *WRITES, writeConcernError=WRITE_CONCERN_FAILED):
        written = await repository.apply_many([*map(supply, store_ids), demand(f"{store_id}-missing")])
    assert written == [Written.UNKNOWN] * 3 + [Written.NOT_MATCHED]
    assert stores.count_documents({"_id": {"$in": store_ids}}) == 3


async def test_without_the_right_to_bypass_the_validator_it_warns_once_and_writes_validated(
    client: Client,
    other_program: Mongo,
    stores: Documents,
    store_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    repository = StampingWriter(client, stores.database.name)
    document = {"_id": f"{store_id}-broken", "items": {"table": 1.5}, "rev": 1}
    insert_unchecked(stores, document)
    with failing(other_program, "update", times=1, errorCode=13):
        assert await repository.apply(supply(store_id), None) == {"chair": 1}
    assert await repository.apply_many([supply(store_id), supply(f"{store_id}-broken")]) == [
        Written.APPLIED,
        Written.UNFIT,
    ]
    with pytest.raises(UnfitDocument):
        await repository.apply(supply(f"{store_id}-broken"), None)
    assert stores.find_one({"_id": f"{store_id}-broken"}) == document
    assert actions(caplog) == ["validated_writes"]


async def test_without_the_right_to_write_nothing_is_applied_and_that_is_sure(
    client: Client, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    repository = StampingWriter(client, stores.database.name)
    with failing(other_program, "update", errorCode=13):
        with pytest.raises(DatabaseUnavailable):
            await repository.apply(supply(store_id), None)
        with pytest.raises(DatabaseUnavailable):
            await repository.apply_many([supply(store_id)])
    assert stores.find_one({"_id": store_id}) is None


async def test_what_was_applied_and_could_not_be_read_is_said_to_be_applied(
    repository: StoreWriter, other_program: Mongo, stores: Documents, store_id: str
) -> None:
    with failing(other_program, "find", errorCode=8), pytest.raises(AppliedUnreported) as applied:
        await repository.apply(supply(store_id), None)
    assert str(applied.value) == AppliedUnreported.__doc__
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 1},
        "rev": 1,
    }


async def test_many_stores_are_read_at_once_and_a_broken_one_breaks_no_other(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    north, south, broken, missing = (f"{store_id}-{name}" for name in ("north", "south", "broken", "missing"))
    insert_unchecked(
        stores,
        {"_id": north, "items": {"table": 2, "chair": 3, "a%2Eb": 1}},
        {"_id": south},
        {"_id": broken, "items": {"chair": "many"}},
    )
    found = await repository.read_many([missing, south, broken, north])
    wrong = found.pop(broken)
    assert isinstance(wrong, BrokenDocument)
    assert wrong.store_id == broken
    assert found == {north: {"table": 2, "chair": 3, "a.b": 1}, south: {}}
    assert await repository.read_many([north, south], ("a.b", "sofa")) == {north: {"a.b": 1}, south: {}}
    assert await repository.read_many([missing]) == {}


async def test_a_hundred_stores_and_more_are_all_read(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(300)]
    stores.insert_many([{"_id": one_id, "items": {"chair": 1}} for one_id in store_ids])
    assert await repository.read_many(store_ids) == {one_id: {"chair": 1} for one_id in store_ids}
