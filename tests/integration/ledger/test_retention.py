"""Old rows go, and what they came to stays: whoever is killed meanwhile, and whoever writes meanwhile."""

from typing import Any

import pytest
from bson import Int64

from store_api.ledger.retention import DAY_SECONDS, RETENTION, Retention
from store_api.ledger.rows import CHECKPOINTS, MOVEMENTS, Batch, Kind, checkpoint_of, row_of
from tests.integration.ledger.keeping import Kept
from tests.support.ledger_check import first_difference

NOW = 1_795_000_000
OLD = NOW - 3 * DAY_SECONDS


def write(kept: Kept, number: int, store_id: str, seconds: int, **deltas: int) -> None:
    """Write a batch as a keeper does, and change the stock with it."""
    document: dict[str, Any] = kept.stores.find_one({"_id": store_id}) or {"_id": store_id, "items": {}}
    items: dict[str, int] = document["items"]
    rows = []
    for item_id, delta in deltas.items():
        items[item_id] = items.get(item_id, 0) + delta
        rows.append(row_of(item_id, delta, items[item_id], Kind.DIRECT))
    kept.stores.replace_one({"_id": store_id}, document, upsert=True)
    batch = Batch(number)
    batch.add(store_id, rows, seconds, sum(items.values()))
    kept.database[MOVEMENTS].insert_many(batch.buckets)
    if kept.database[CHECKPOINTS].find_one({"_id.s": store_id}) is None or number % 5 == 0:
        held = {item_id: quantity for item_id, quantity in items.items() if quantity}
        kept.database[CHECKPOINTS].insert_one(checkpoint_of(store_id, number, seconds, held, exists=True))


@pytest.fixture
def old_and_new(kept: Kept) -> Kept:
    """A ledger with old rows, new ones, and a store that has but old ones."""
    for number in range(1, 13):
        write(kept, 2 * number, "north", OLD + number, chair=2, table=1 if number % 2 else -1)
        write(kept, 2 * number + 1, "south", OLD + number, lamp=3)
    write(kept, 40, "north", NOW - 5, chair=-1)
    write(kept, 41, "north", NOW - 4, chair=-1)
    assert first_difference(kept.database) is None
    return kept


def seconds_of(kept: Kept) -> list[int]:
    return sorted(bucket["t"] for bucket in kept.database[MOVEMENTS].find())


def test_old_rows_go_and_the_sums_stay_right(old_and_new: Kept) -> None:
    kept = old_and_new
    retention = Retention(kept.ledger, days=1)
    assert retention.let_go(NOW) == 24
    assert seconds_of(kept) == [NOW - 5, NOW - 4]
    assert first_difference(kept.database) is None
    state = kept.database["ledger_state"].find_one({"_id": RETENTION})
    assert state == {"_id": RETENTION, "before": Int64(NOW - DAY_SECONDS)}
    # A keeper that knows nothing yet goes on from what is left.
    assert kept.ledger.balance("north").items == {"chair": 22}
    assert kept.ledger.balance("south").items == {"lamp": 36}
    write(kept, 42, "south", NOW - 3, lamp=-1)
    assert first_difference(kept.database) is None
    assert retention.let_go(NOW) == 0


class Killed(BaseException):
    """Nobody catches this."""


class _Mortal:
    """A collection that can be written to so many times; then whoever uses it is dead."""

    def __init__(self, collection: Any, left: list[int]) -> None:
        self._collection = collection
        self._left = left

    def __getattr__(self, name: str) -> Any:
        if name.startswith("find"):
            return getattr(self._collection, name)

        def write(*arguments: Any, **options: Any) -> Any:
            if not self._left[0]:
                raise Killed
            self._left[0] -= 1
            return getattr(self._collection, name)(*arguments, **options)

        return write


def test_killed_at_any_step_it_can_be_done_again(old_and_new: Kept) -> None:
    kept = old_and_new
    documents = {name: list(kept.database[name].find()) for name in (MOVEMENTS, CHECKPOINTS)}
    for steps in range(8):
        for name, all_of_it in documents.items():
            kept.database[name].delete_many({})
            kept.database[name].insert_many(all_of_it)
        retention = Retention(kept.ledger, days=1)
        left = [steps]
        for attribute in ("_movements", "_checkpoints", "_state"):
            setattr(retention, attribute, _Mortal(getattr(retention, attribute), left))
        try:
            retention.let_go(NOW)
        except Killed:
            assert kept.ledger.balance("north").items == {"chair": 22}
        Retention(kept.ledger, days=1).let_go(NOW)
        assert seconds_of(kept) == [NOW - 5, NOW - 4]
        assert (wrong := first_difference(kept.database)) is None, wrong


def test_what_comes_while_old_rows_go_stays(old_and_new: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = old_and_new

    retention = Retention(kept.ledger, days=1)
    summed = retention._checkpoints.find_one

    def find_one(query: Any, *arguments: Any, **options: Any) -> Any:
        if query["_id"]["$gt"] == {"s": "south"}:
            write(kept, 50, "south", NOW - 1, lamp=-1)
        return summed(query, *arguments, **options)

    monkeypatch.setattr(retention._checkpoints, "find_one", find_one)
    retention.let_go(NOW)
    assert seconds_of(kept) == [NOW - 5, NOW - 4, NOW - 1]
    assert (wrong := first_difference(kept.database)) is None, wrong
