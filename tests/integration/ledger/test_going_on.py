"""A keeper goes on where the one before it was, and nothing is left out."""

from store_api.ledger.states import STREAM
from tests.integration.ledger.keeping import Kept, keeping


async def test_what_came_while_nobody_kept_the_ledger_has_its_rows(kept: Kept) -> None:
    kept.stores.insert_one({"_id": "north", "items": {"chair": 1}})
    async with keeping(kept.ledger):
        await kept.until_kept()
    for count in range(150):
        kept.stores.update_one({"_id": f"store-{count}"}, {"$inc": {"items.chair": 2}}, upsert=True)
    await kept.check()
    assert kept.told("north") == [("chair", 1, 1, "opening")]
    assert kept.told("store-7") == [("chair", 2, 2, "direct")]


async def test_what_comes_late_in_a_session_that_was_left_holds_nobody_up_for_long(kept: Kept) -> None:
    kept.stores.insert_one({"_id": "north", "items": {"chair": 1}})
    await kept.check()
    left = kept.ledger.take_over()
    # As after an answer that never came.
    kept.ledger._session = None
    assert kept.ledger.take_over() is not left
    left.start_transaction()
    kept.ledger._state.update_one({"_id": STREAM}, {"$set": {"late": True}}, session=left)
    kept.stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 2}})
    await kept.check()
    assert kept.told("north")[-1] == ("chair", 2, 3, "direct")
