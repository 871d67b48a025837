"""A keeper goes on where the one before it was, and nothing is left out."""

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
