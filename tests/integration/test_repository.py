import asyncio
import itertools
from typing import Any

import pytest
from bson import Int64
from pymongo import MongoClient

from store_api.batches.numbers import Numbers
from store_api.errors import UnfitDocument
from store_api.stock import Change
from store_api.storage.clients import connect
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.support.fail_points import failing
from tests.support.stamping import StampingWriter

ODD_ITEM_IDS = {
    "a.b": "a%2Eb",
    ".": "%2E",
    "$x": "%24x",
    "$": "%24",
    "%": "%25",
    "%41": "%2541",
    "%2E": "%252E",
    "100 % a.b $": "100 %25 a%2Eb %24",
    "арт-1": "арт-1",
    "=1+1": "=1+1",
    "a/b": "a/b",
    "0": "0",
    "items": "items",
    "_id": "_id",
    "__proto__": "__proto__",
    "🪑": "🪑",
    "x" * 128: "x" * 128,
}
"""Item ids, and the field that each of them must be in the document."""


def supply(store_id: str, **items: int) -> Change:
    return Change(store_id, items, {}, creates=True)


def demand(store_id: str, **items: int) -> Change:
    return Change(store_id, {item_id: -quantity for item_id, quantity in items.items()}, items)


async def test_a_supply_creates_the_store_and_a_demand_takes_from_it(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    assert await repository.apply(supply(store_id, chair=5, table=2), None) == {"chair": 5, "table": 2}
    assert await repository.apply(demand(store_id, chair=5, table=1), None) == {"chair": 0, "table": 1}
    assert stores.find_one() is not None
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 0, "table": 1},
        "rev": 2,
    }
    assert await repository.read(store_id) == {"chair": 0, "table": 1}


async def test_what_was_read_after_a_write_while_another_primary_was_elected_is_read_again(
    repository: StoreWriter, store_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = itertools.count()
    monkeypatch.setattr(repository._commands, "_election", lambda: next(ids))
    again = []
    read = repository.read

    async def note(*asked: Any) -> Any:
        again.append(asked)
        return await read(*asked)

    monkeypatch.setattr(repository, "read", note)
    assert await repository.apply(supply(store_id, chair=5), ["chair"]) == {"chair": 5}
    assert again == [(store_id, ["chair"])]
    monkeypatch.setattr(repository._commands, "_election", lambda: 1)
    assert await repository.apply(supply(store_id, chair=5), ["chair"]) == {"chair": 10}
    assert len(again) == 1


async def test_only_the_wanted_items_are_brought(repository: StoreWriter, store_id: str) -> None:
    await repository.apply(supply(store_id, chair=5, table=2, lamp=1), None)
    assert await repository.apply(supply(store_id, chair=1), ("chair", "sofa")) == {"chair": 6}
    assert await repository.read(store_id, ("table", "sofa")) == {"table": 2}
    assert await repository.read(store_id, ()) == {}
    assert await repository.apply(supply(store_id, chair=1), ()) == {}


@pytest.mark.parametrize(
    "items", [{"chair": 6}, {"chair": 5, "table": 3}, {"chair": 1, "sofa": 1}, {"sofa": 1}], ids=str
)
async def test_a_guard_that_does_not_hold_leaves_everything_as_it_was(
    repository: StoreWriter, stores: Documents, store_id: str, items: dict[str, int]
) -> None:
    await repository.apply(supply(store_id, chair=5, table=2), None)
    assert await repository.apply(demand(store_id, **items), None) is None
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 5, "table": 2},
        "rev": 1,
    }


async def test_a_demand_creates_no_store(repository: StoreWriter, store_id: str) -> None:
    assert await repository.apply(demand(store_id, chair=1), None) is None
    assert await repository.apply(Change(store_id, {}, {}, empties=True), None) is None
    assert await repository.read(store_id) is None


async def test_a_change_that_nets_to_zero_is_a_write_all_the_same(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    await repository.apply(supply(store_id, chair=5), None)
    assert await repository.apply(Change(store_id, {"chair": 0}, {"chair": 5}), None) == {"chair": 5}
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 5},
        "rev": 2,
    }


async def test_emptying_leaves_nothing_and_counts_as_a_write(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    await repository.apply(supply(store_id, chair=5, table=2), None)
    assert await repository.apply(Change(store_id, {}, {}, empties=True), None) == {}
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {"_id": store_id, "items": {}, "rev": 2}


async def test_a_store_of_another_program_needs_neither_items_nor_a_revision(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "name": "North"})
    assert await repository.read(store_id) == {}
    assert await repository.apply(demand(store_id, chair=1), None) is None
    assert await repository.apply(supply(store_id, chair=1), None) == {"chair": 1}
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "name": "North",
        "items": {"chair": 1},
        "rev": 1,
    }


async def test_of_two_writers_that_collide_each_piece_goes_to_one(
    repository: StoreWriter, mongo_url: str, shared_database: str, store_id: str
) -> None:
    second_client = connect(mongo_url)
    await second_client.admin.command("ping")
    second = StampingWriter(second_client, shared_database)
    await repository.apply(supply(store_id, chair=50), None)
    answers = await asyncio.gather(
        *(writer.apply(demand(store_id, chair=1), None) for _ in range(40) for writer in (repository, second))
    )
    second_client.close()
    left = [stock["chair"] for stock in answers if stock is not None]
    # Each answer is the stock at a moment after its own write.
    assert len(left) == 50
    assert min(left) == 0
    assert await repository.read(store_id) == {"chair": 0}


async def test_of_many_that_create_a_store_at_once_none_is_lost(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    async def supply_until_applied() -> None:
        while await repository.apply(supply(store_id, chair=1), None) is None:
            pass

    await asyncio.gather(*(supply_until_applied() for _ in range(30)))
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 30},
        "rev": 30,
    }


async def test_a_creation_that_another_writer_came_before_is_a_guard_that_does_not_hold(
    repository: StoreWriter, other_program: MongoClient[dict[str, Any]], stores: Documents, store_id: str
) -> None:
    with failing(other_program, "insert", blockConnection=True, blockTimeMS=500) as held_back:
        creation = asyncio.create_task(repository.apply(supply(store_id, chair=1), None))
        await held_back.wait_until_hit()
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 7}}, upsert=True)
        assert await creation is None
    assert await repository.read(store_id) == {"chair": 7}


@pytest.mark.parametrize(("item_id", "field"), ODD_ITEM_IDS.items())
async def test_an_item_id_is_its_own_field_but_for_three_characters(
    repository: StoreWriter, stores: Documents, store_id: str, item_id: str, field: str
) -> None:
    other_items = {"a": 1, "x": 1, "b": 1}
    await repository.apply(supply(store_id, **other_items), None)
    assert await repository.apply(supply(store_id, **{item_id: 5}), (item_id,)) == {item_id: 5}
    assert await repository.apply(demand(store_id, **{item_id: 6}), None) is None
    assert await repository.apply(demand(store_id, **{item_id: 2}), None) == {**other_items, item_id: 3}
    assert await repository.read(store_id, (item_id,)) == {item_id: 3}
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"] == {**other_items, field: 3}


@pytest.mark.parametrize("prefix", ["$x", "a.b", "%41", "арт-1", "=1+1", '{"$ne": null}', "🪑"])
async def test_a_store_id_is_never_more_than_a_text(
    repository: StoreWriter, stores: Documents, store_id: str, prefix: str
) -> None:
    odd_id = prefix + store_id
    assert await repository.apply(supply(odd_id, chair=1), None) == {"chair": 1}
    assert await repository.apply(demand(odd_id, chair=1), None) == {"chair": 0}
    assert await repository.read(odd_id) == {"chair": 0}
    assert stores.find_one({"_id": {"$eq": odd_id}}, {"rev": 1}) == {"_id": odd_id, "rev": 2}


@pytest.mark.parametrize("before", [2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63 - 2])
async def test_quantities_are_exact_across_the_borders_of_bson(
    repository: StoreWriter, stores: Documents, store_id: str, before: int
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": before}})
    stock = await repository.apply(supply(store_id, chair=1), None)
    assert stock == {"chair": before + 1}
    assert type(stock["chair"]) is int
    assert await repository.apply(demand(store_id, chair=before + 1), None) == {"chair": 0}


async def test_a_quantity_never_grows_beyond_a_long(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    document = {"_id": store_id, "items": {"chair": Int64(2**63 - 1), "table": 1}, "rev": 1}
    stores.insert_one(document)
    with pytest.raises(UnfitDocument):
        await repository.apply(supply(store_id, table=1, chair=1), None)
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == document


async def test_a_sweep_takes_what_is_used_up_and_nothing_else(
    repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    before = {"a%2Eb": 0, "chair": 3, "lamp": Int64(0), "%24x": 1, "sofa": 0}
    stores.insert_one({"_id": store_id, "name": "North", "items": before, "rev": 7})
    await repository.sweep(store_id, Numbers().next(), items=True)
    swept = {"_id": store_id, "name": "North", "items": {"chair": 3, "%24x": 1}, "rev": 8}
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == swept


async def test_a_sweep_never_loses_what_comes_in_meanwhile(repository: StoreWriter, store_id: str) -> None:
    await repository.apply(supply(store_id, chair=1), None)
    for left in range(1, 6):
        assert await repository.apply(demand(store_id, chair=left), None) == {"chair": 0}
        # Only the sweep of a zero removes it, whichever comes first.
        await asyncio.gather(
            repository.sweep(store_id, Numbers().next(), items=True),
            repository.apply(supply(store_id, chair=left + 1), None),
        )
        assert await repository.read(store_id) == {"chair": left + 1}


async def test_a_sweep_creates_nothing(repository: StoreWriter, store_id: str) -> None:
    await repository.sweep(store_id, Numbers().next(), items=True)
    assert await repository.read(store_id) is None
