"""What the committer promises to whoever submits an operation, whatever it does with it inside."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from bson import Int64

from store_api.commit import Committer
from store_api.errors import OutOfStock, QuantityOverflow, Shortage, StoreNotFound
from store_api.stock import Report
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.integration.operations import clean, demand, supply


@pytest.fixture
async def committer(repository: StoreWriter) -> AsyncIterator[Committer]:
    committer = Committer(repository)
    yield committer
    await committer.close()


async def test_a_supply_creates_the_store_with_nothing_else_in_it(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    report = await committer.submit(supply(store_id, {"chair": 5, "table": 2}))
    assert report == Report(store_id, {"chair": 5, "table": 2})
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {
        "_id": store_id,
        "items": {"chair": 5, "table": 2},
        "rev": 1,
    }


async def test_a_report_holds_the_whole_store_in_its_documents_order_without_what_is_used_up(
    committer: Committer, store_id: str
) -> None:
    await committer.submit(supply(store_id, {"table": 2}))
    await committer.submit(supply(store_id, {"chair": 5}))
    report = await committer.submit(supply(store_id, {"lamp": 1}))
    assert list(report.lines.items()) == [("table", 2), ("chair", 5), ("lamp", 1)]
    report = await committer.submit(demand(store_id, {"chair": 5}))
    assert list(report.lines.items()) == [("table", 2), ("lamp", 1)]
    report = await committer.submit(supply(store_id, {"table": 1}))
    assert list(report.lines.items()) == [("table", 3), ("lamp", 1)]


async def test_a_minimal_report_holds_the_operations_items_in_its_order_those_used_up_included(
    committer: Committer, store_id: str
) -> None:
    await committer.submit(supply(store_id, {"table": 2, "chair": 5, "lamp": 1}))
    report = await committer.submit(demand(store_id, {"lamp": 1, "table": 1}, minimal=True))
    assert list(report.lines.items()) == [("lamp", 0), ("table", 1)]
    report = await committer.submit(supply(store_id, {"sofa": 3}, minimal=True))
    assert report == Report(store_id, {"sofa": 3})
    assert await committer.submit(clean(store_id, minimal=True)) == Report(store_id, {})


async def test_a_clean_leaves_an_empty_store(committer: Committer, stores: Documents, store_id: str) -> None:
    await committer.submit(supply(store_id, {"chair": 5}))
    assert await committer.submit(clean(store_id)) == Report(store_id, {})
    assert await committer.submit(clean(store_id)) == Report(store_id, {})
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {"_id": store_id, "items": {}, "rev": 3}


@pytest.mark.parametrize("minimal", [False, True])
async def test_an_unknown_store_is_told_and_not_created(
    committer: Committer, stores: Documents, store_id: str, minimal: bool
) -> None:
    for operation in (demand(store_id, {"chair": 1}, minimal=minimal), clean(store_id, minimal=minimal)):
        with pytest.raises(StoreNotFound) as unknown:
            await committer.submit(operation)
        assert unknown.value.store_id == store_id
    assert stores.find_one({"_id": store_id}) is None


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize(
    ("items", "short"),
    [
        ({"chair": 6}, [Shortage("chair", 6, 5)]),
        ({"table": 1, "chair": 6}, [Shortage("chair", 6, 5)]),
        ({"sofa": 1, "chair": 6, "table": 2}, [Shortage("sofa", 1, 0), Shortage("chair", 6, 5)]),
        ({"lamp": 1, "a.b": 10**9}, [Shortage("lamp", 1, 0), Shortage("a.b", 10**9, 1)]),
    ],
    ids=str,
)
async def test_a_demand_beyond_the_stock_names_every_short_item_and_takes_nothing(
    committer: Committer,
    stores: Documents,
    store_id: str,
    items: dict[str, int],
    short: list[Shortage],
    minimal: bool,
) -> None:
    document = {"_id": store_id, "items": {"chair": 5, "table": 2, "lamp": 0, "a%2Eb": 1}, "rev": 7}
    stores.insert_one(document)
    with pytest.raises(OutOfStock) as refused:
        await committer.submit(demand(store_id, items, minimal=minimal))
    assert list(refused.value.shortages) == short
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == document


async def test_nobody_is_refused_or_served_on_what_the_store_held_before(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    await committer.submit(supply(store_id, {"chair": 1}))
    for _ in range(5):
        # Another program writes between any two operations, and never to the committer's knowledge.
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 10}})
        assert await committer.submit(demand(store_id, {"chair": 11})) == Report(store_id, {})
        with pytest.raises(OutOfStock):
            await committer.submit(demand(store_id, {"chair": 1}))
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 2}})
        assert await committer.submit(demand(store_id, {"chair": 1})) == Report(store_id, {"chair": 1})
    stores.delete_one({"_id": store_id})
    with pytest.raises(StoreNotFound):
        await committer.submit(demand(store_id, {"chair": 1}))


async def test_the_revision_grows_by_one_with_every_write_and_with_no_refusal(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    async def revision() -> object:
        return (stores.find_one({"_id": store_id}, {"rev": 1}) or {}).get("rev")

    await committer.submit(supply(store_id, {"chair": 5}))
    assert await revision() == 1
    await committer.submit(demand(store_id, {"chair": 5}))
    assert await revision() == 2
    with pytest.raises(OutOfStock):
        await committer.submit(demand(store_id, {"chair": 1}))
    assert await revision() == 2
    await committer.submit(clean(store_id))
    assert await revision() == 3


async def test_operations_that_cancel_each_other_out_are_a_write_all_the_same(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    await committer.submit(supply(store_id, {"chair": 5}))
    await asyncio.gather(
        *(
            committer.submit(operation)
            for _ in range(10)
            for operation in (demand(store_id, {"chair": 1}), supply(store_id, {"chair": 1}))
        )
    )
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"] == {"chair": 5}
    assert 2 <= found["rev"] <= 21


async def test_a_demand_that_could_only_be_served_by_a_later_supply_creates_no_store_out_of_nothing(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    answers = await asyncio.gather(
        committer.submit(demand(store_id, {"chair": 5})),
        committer.submit(supply(store_id, {"chair": 10})),
        return_exceptions=True,
    )
    assert not isinstance(answers[1], BaseException)
    if isinstance(answers[0], BaseException):
        assert isinstance(answers[0], StoreNotFound)
    left = 10 if isinstance(answers[0], BaseException) else 5
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"] == {"chair": left}


async def test_a_quantity_that_cannot_be_counted_is_refused_whole(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    document = {"_id": store_id, "items": {"chair": Int64(2**63 - 10), "table": 1}, "rev": 1}
    stores.insert_one(document)
    for items in ({"chair": 10}, {"table": 1, "chair": 10**9}):
        with pytest.raises(QuantityOverflow):
            await committer.submit(supply(store_id, items))
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == document
    report = await committer.submit(supply(store_id, {"chair": 9}))
    assert report == Report(store_id, {"chair": 2**63 - 1, "table": 1})


async def test_an_overflow_of_many_operations_is_not_an_overflow_of_each(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": Int64(2**63 - 1 - 30)}, "rev": 1})
    answers = await asyncio.gather(
        *(committer.submit(supply(store_id, {"chair": 10})) for _ in range(8)),
        committer.submit(supply(store_id, {"table": 1})),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) == 5
    assert all(isinstance(answer, QuantityOverflow) for answer in refused)
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"] == {"chair": 2**63 - 1, "table": 1}


@pytest.mark.parametrize("minimal", [False, True])
async def test_what_is_used_up_does_not_stay_in_the_document_for_ever(
    committer: Committer, stores: Documents, store_id: str, minimal: bool
) -> None:
    def zeros() -> int:
        found = stores.find_one({"_id": store_id})
        assert found is not None
        return list(found["items"].values()).count(0)

    await committer.submit(supply(store_id, {"chair": 1}))
    for batch in range(3):
        items = {f"item-{batch}-{number}": 1 for number in range(100)}
        await committer.submit(supply(store_id, items, minimal=minimal))
        await committer.submit(demand(store_id, items, minimal=minimal))
    await committer.close()
    assert zeros() <= 100
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"]["chair"] == 1
