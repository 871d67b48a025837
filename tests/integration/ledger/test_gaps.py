"""What the stream cannot tell is told by a reading of all stores: rows say by how much each item differs."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from store_api.ledger import keeper as keepers
from store_api.ledger import reconciling
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.reconciling import Reconciler
from store_api.ledger.states import STATE, STREAM
from tests.integration.ledger.keeping import KEEPER, Kept, keeping
from tests.support.fail_points import failing
from tests.support.ledger_check import first_difference


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keepers gather but a moment, and wait but a moment after a fault."""
    monkeypatch.setattr(keepers, "GATHER_SECONDS", 0.02)


def found(kept: Kept) -> None:
    """Let there be some stores."""
    kept.stores.insert_many({"_id": f"store-{number}", "items": {"chair": number}} for number in range(9))


def drop(kept: Kept) -> None:
    kept.stores.drop()


def drop_and_restore(kept: Kept) -> None:
    """Do as mongorestore does with --drop: what was in the backup is inserted again, old words included."""
    backup = list(kept.stores.find())
    kept.stores.update_many({}, {"$inc": {"items.chair": 5}})
    kept.stores.drop()
    kept.stores.insert_many(backup)


def rename_over(kept: Kept) -> None:
    kept.database["other"].insert_many([{"_id": "store-1", "items": {"lamp": 2}}, {"_id": "new"}])
    kept.database["other"].rename("stores", dropTarget=True)


def rename_away_and_back(kept: Kept) -> None:
    kept.stores.rename("elsewhere")
    kept.database["elsewhere"].update_one({"_id": "store-1"}, {"$inc": {"items.chair": 3}})
    kept.database["elsewhere"].rename("stores")


@pytest.mark.parametrize("what", [drop, drop_and_restore, rename_over, rename_away_and_back])
async def test_whatever_is_done_to_the_collection_the_ledger_says_what_differs(
    kept: Kept, what: Callable[[Kept], None]
) -> None:
    found(kept)
    async with keeping(kept.ledger) as keeper:
        await kept.until_kept()
        await asyncio.to_thread(what, kept)
        await kept.until_kept()
        kept.stores.update_one({"_id": "store-1"}, {"$inc": {"items.chair": 1}}, upsert=True)
        await kept.until_kept()
        assert 1 <= keeper.counts["gaps"] <= 2
    kinds = {kind for number in range(9) for *_, kind in kept.told(f"store-{number}")}
    assert "gap" in kinds or what is drop_and_restore


@pytest.mark.parametrize("while_kept", [True, False])
@pytest.mark.parametrize("code", [286, 280])
async def test_lost_history_is_a_gap(
    kept: Kept, code: int, caplog: pytest.LogCaptureFixture, *, while_kept: bool
) -> None:
    found(kept)
    command = "getMore" if while_kept else "aggregate"

    async def lose() -> None:
        with failing(kept.mongo, command, app_name=KEEPER, times=1, errorCode=code) as lost:
            kept.stores.update_one({"_id": "store-1"}, {"$inc": {"items.chair": 3}})
            if not while_kept:
                async with keeping(kept.ledger):
                    await lost.wait_until_hit()
            else:
                await lost.wait_until_hit()

    async with keeping(kept.ledger):
        await kept.until_kept()
        if while_kept:
            await lose()
            await kept.until_kept()
    if not while_kept:
        await lose()
    await kept.check()
    assert kept.told("store-1")[-1][:3] == ("chair", 3, 4)
    if while_kept:
        (said,) = [line for line in caplog.records if vars(line).get("action") == "ledger_gap"]
        assert said.levelno == logging.WARNING


async def test_off_and_on_again_a_gap_says_what_happened_meanwhile(kept: Kept) -> None:
    found(kept)
    await kept.check()
    kept.database[STATE].update_one({"_id": STREAM}, {"$set": {"off": True}})
    kept.stores.update_one({"_id": "store-1"}, {"$inc": {"items.chair": 3}})
    kept.stores.update_one({"_id": "store-1"}, {"$inc": {"items.chair": -1}})
    kept.stores.delete_one({"_id": "store-2"})
    Reconciler(kept.ledger).begin_if_due()
    kept.stores.update_one({"_id": "store-1"}, {"$inc": {"items.chair": 10}})
    await kept.check()
    assert kept.told("store-1")[1:] == [("chair", 2, 3, "gap"), ("chair", 10, 13, "direct")]
    assert kept.told("store-2")[1:] == [("chair", -2, 0, "gap")]


async def test_a_ledger_whose_place_is_forgotten_goes_on_from_its_rows(kept: Kept) -> None:
    found(kept)
    await kept.check()
    kept.database[STATE].drop()
    kept.stores.update_one({"_id": "store-1"}, {"$inc": {"items.chair": 3}})
    await kept.check()
    assert kept.told("store-1")[1:] == [("chair", 3, 4, "opening")]


async def test_put_right_piece_by_piece_by_as_many_keepers(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "STORES_AT_ONCE", 3)
    monkeypatch.setattr(reconciling, "LINES_AT_ONCE", 4)
    chance = random.Random(16)
    for _ in range(2):
        for store_id in chance.sample(range(30), 20):
            items = {f"item-{number}": chance.randint(1, 9) for number in range(chance.randint(0, 6))}
            kept.stores.replace_one({"_id": f"store-{store_id}"}, {"items": items}, upsert=True)
        for store_id in chance.sample(range(30), 8):
            kept.stores.delete_one({"_id": f"store-{store_id}"})
        put_right(kept)
        assert (wrong := first_difference(kept.database)) is None, wrong
        kept.database[STATE].update_one({"_id": STREAM}, {"$set": {"off": True}})
    kept.stores.drop()
    put_right(kept)
    assert first_difference(kept.database) is None


class Ended(Exception):
    """A keeper is not there any more."""


def put_right(kept: Kept) -> None:
    """Put a ledger right, each piece by another keeper, while stores change on."""

    class Brief(LedgerCollections):
        def put(self, *arguments: Any) -> None:
            super().put(*arguments)
            raise Ended

    state = kept.ledger.state()
    kept_on = 0
    while state is None or state.reconciling is not None or state.off:
        try:
            Reconciler(Brief(kept.mongo, kept.database.name)).reconcile(state)
        except Ended:
            kept_on += 1
        state = kept.ledger.state()
    assert kept_on > 3
