"""Commits of which nobody knows, and two that keep one ledger: each change is in once."""

import asyncio
import random
from typing import Any

import pytest

from store_api.ledger import keeper as keepers
from store_api.ledger.collection import LedgerCollections, Superseded
from tests.integration.ledger.keeping import KEEPER, Kept, keeping
from tests.support.fail_points import failing


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keepers gather but a moment."""
    monkeypatch.setattr(keepers, "GATHER_SECONDS", 0.02)


def change(kept: Kept, times: int) -> None:
    """Let another program change some stores."""
    chance = random.Random(times)
    for _ in range(times):
        update = {"$inc": {"items.chair": chance.randint(1, 3)}}
        kept.stores.update_one({"_id": f"store-{chance.randint(0, 3)}"}, update, upsert=True)


@pytest.mark.parametrize(
    "failure",
    [
        {"closeConnection": True},
        {"errorCode": 91, "errorLabels": ["UnknownTransactionCommitResult"]},
        {"errorCode": 251, "errorLabels": ["TransientTransactionError"]},
        {"writeConcernError": {"code": 64, "errmsg": "waited too long"}},
        {"writeConcernError": {"code": 91, "errmsg": "shuts down"}},
    ],
    ids=str,
)
async def test_a_commit_of_which_nobody_knows_is_in_once(kept: Kept, failure: dict[str, Any]) -> None:
    change(kept, 5)
    async with keeping(kept.ledger):
        await kept.until_kept()
        with failing(kept.mongo, "commitTransaction", app_name=KEEPER, times=2, **failure) as unknown:
            change(kept, 20)
            await unknown.wait_until_hit()
        change(kept, 20)
        await kept.until_kept()


async def test_two_that_keep_one_ledger_keep_it_once(kept: Kept) -> None:
    others = [LedgerCollections(kept.mongo, kept.database.name) for _ in range(2)]
    async with keeping(kept.ledger), keeping(others[0]), keeping(others[1]):
        for _ in range(20):
            await asyncio.to_thread(change, kept, 30)
        await kept.until_kept()


async def test_one_that_was_stopped_for_long_writes_nothing(kept: Kept) -> None:
    change(kept, 5)
    await kept.check()
    before = kept.ledger.state()
    assert before is not None
    change(kept, 5)
    await kept.check()
    with pytest.raises(Superseded):
        kept.ledger.put(
            before, before, [{"_id": {"s": "store-1", "b": before.batch + 1, "p": 0}, "rows": []}], ()
        )
    with pytest.raises(Superseded):
        kept.ledger.put(before, before, (), ())
    await kept.check()
