"""A document of 16 MB takes no more, and says so for certain."""

from typing import Any

import pytest
from bson import encode

from store_api.errors import DatabaseUnavailable, UnfitDocument
from store_api.stock import Change, Stamp, Written
from tests.contract.subjects import RealSubject

LARGEST_DOCUMENT = 16 * 1024 * 1024


@pytest.mark.parametrize("beyond", [100, 100_000], ids=["little", "far"])
async def test_a_change_for_which_there_is_no_room_is_not_applied_and_that_is_sure(
    real: RealSubject, store_id: str, beyond: int
) -> None:
    document: dict[str, Any] = {
        "_id": store_id,
        "items": {f"item-{number}-{'x' * 500}": 1 for number in range(30_000)},
    }
    # The document reaches the limit with what is no item of it, however long its own items are.
    room = LARGEST_DOCUMENT - len(encode({**document, "rev": 1, "note": ""}))
    document = {**document, "rev": 1, "note": "x" * (room - 100)}
    real.put(document)
    change = Change(store_id, {"y" * (100 + beyond): 1}, {}, creates=True)
    with pytest.raises(UnfitDocument):
        await real.repository.apply(change, ())
    beside = Change(f"{store_id}-beside", {"a": 1}, {}, creates=True)
    assert await real.repository.apply_many([change, beside]) == [Written.UNFIT, Written.APPLIED]
    assert real.stores.find_one({"_id": store_id}, {"rev": 1}) == {"_id": store_id, "rev": 1}


async def test_where_there_is_no_room_for_a_fence_nobody_can_say_what_became_of_a_write(
    real: RealSubject, store_id: str
) -> None:
    document: dict[str, Any] = {"_id": store_id, "items": {"chair": 5}, "rev": 1}
    room = LARGEST_DOCUMENT - len(encode({**document, "note": ""}))
    real.put({**document, "note": "x" * (room - 20)})
    change = Change(store_id, {"chair": -1}, {"chair": 1}, stamp=Stamp("a" * 10, 2))
    with pytest.raises(UnfitDocument):
        await real.repository.apply(change, ())
    assert await real.repository.settle(change) is Written.UNKNOWN
    with pytest.raises(DatabaseUnavailable):
        await real.repository.fence(store_id, change.stamp, creates=False)
