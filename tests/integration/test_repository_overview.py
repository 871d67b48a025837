from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

from store_api.stock import StoreSummary
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents


@pytest.fixture
def repository(client: Client, database_name: str) -> StoreWriter:
    """A repository whose stores are this test's alone, without a validator."""
    return StoreWriter(client, database_name)


async def test_without_stores_there_is_nothing_to_list(repository: StoreWriter) -> None:
    assert await repository.overview("", 10) == []


async def test_stores_are_listed_by_id_with_what_they_hold(
    repository: StoreWriter, own_stores: Documents
) -> None:
    own_stores.insert_many(
        [
            {"_id": "south", "items": {"chair": 3, "table": 4, "lamp": 0}},
            {"_id": "$north", "items": {"chair": Int64(2**53 + 1)}},
            {"_id": "east", "items": {}},
            {"_id": "арт", "items": {"a%2Eb": 1}},
        ]
    )
    assert await repository.overview("", 10) == [
        StoreSummary("$north", 1, 2**53 + 1),
        StoreSummary("east", 0, 0),
        StoreSummary("south", 2, 7),
        StoreSummary("арт", 1, 1),
    ]


async def test_page_after_page_lists_each_store_once(repository: StoreWriter, own_stores: Documents) -> None:
    store_ids = [f"store-{number:03}" for number in range(25)]
    own_stores.insert_many([{"_id": store_id, "items": {"chair": 1}} for store_id in reversed(store_ids)])
    listed: list[str] = []
    while page := await repository.overview(listed[-1] if listed else "", 10):
        assert len(page) <= 10
        listed += [store.store_id for store in page]
    assert listed == store_ids
    assert [store.store_id for store in await repository.overview("store-0225", 10)] == store_ids[23:]


async def test_a_document_whose_id_is_no_string_is_no_store(
    repository: StoreWriter, own_stores: Documents
) -> None:
    own_stores.insert_many(
        [{"_id": wrong, "items": {"chair": 1}} for wrong in (7, ObjectId(), {"a": 1}, True)]
    )
    own_stores.insert_one({"_id": "north", "items": {"chair": 1}})
    assert await repository.overview("", 10) == [StoreSummary("north", 1, 1)]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"items": "chair"},
        {"items": None},
        {"items": [1, 2]},
        *({"items": {"chair": wrong}} for wrong in ("1", None, True, -5, [1], {"n": 1})),
        *({"items": {"chair": wrong}} for wrong in (1.5, float("nan"), float("inf"), -float("inf"))),
        {"items": {"chair": Decimal128("1.5")}},
        {"items": {"chair": Decimal128("Infinity")}},
    ],
    ids=str,
)
async def test_what_another_program_broke_counts_as_nothing_and_the_others_are_listed(
    repository: StoreWriter, own_stores: Documents, broken: dict[str, Any]
) -> None:
    own_stores.insert_many([{"_id": "a-broken", **broken}, {"_id": "north", "items": {"chair": 1}}])
    assert await repository.overview("", 10) == [StoreSummary("a-broken", 0, 0), StoreSummary("north", 1, 1)]


async def test_more_units_than_a_long_can_count_are_listed_too(
    repository: StoreWriter, own_stores: Documents
) -> None:
    own_stores.insert_one({"_id": "north", "items": {"chair": Int64(2**63 - 1), "table": Int64(2**63 - 1)}})
    assert await repository.overview("", 10) == [StoreSummary("north", 2, 2**64)]
