"""Ledgers of a long past, written as the keeper writes them, without waiting for it to pass."""

import random
from collections.abc import Callable

from bson import Timestamp
from msgspec.structs import replace
from pymongo.errors import PyMongoError

from store_api.ledger.balances import Balance
from store_api.ledger.collection import LedgerCollections
from store_api.ledger.remembered import FEWEST_ROWS
from store_api.ledger.rows import MOST_ROWS, Batch, Kind, Names, Row, checkpoint_of, row_of
from store_api.ledger.states import State

STORES_AT_ONCE, ROWS_EACH = 400, 10
"""What a batch has at most under load: 4,000 changes (`MOST_GATHERED`)."""


class History:
    """Writes rows of the past.

    Args:
        ledger: an empty one.
        begin: the second at which it begins.

    Attributes:
        receipts: how many rows say what they belong to: R-1, R-2 and so on.
    """

    def __init__(self, ledger: LedgerCollections, begin: int) -> None:
        self._ledger = ledger
        self._source = random.Random(1)
        self._balances: dict[str, Balance] = {}
        self._now = begin
        self.receipts = 0
        token = {"_data": "82"}
        at = Timestamp(begin, 1)
        self._state = State(0, token, at, at, begin)
        ledger.begin(self._state)

    def store(self, store_id: str, items: int, rows: int, until: int) -> None:
        """Open a store, and let it have rows until some second."""
        balance = self._balances[store_id] = Balance({})
        opening = [
            row_of(f"item-{number}", 10**6, balance.move(f"item-{number}", 10**6), Kind.OPENING)
            for number in range(items)
        ]
        balance.exists = True
        self._put({store_id: opening})
        self.more(store_id, rows, until)

    def more(self, store_id: str, rows: int, until: int) -> None:
        """Let a store have rows, evenly until some second."""
        begin, written = self._now, 0
        while written < rows:
            count = min(MOST_ROWS, rows - written)
            written += count
            self._now = max(self._now, begin + (until - begin) * written // rows)
            self._put({store_id: self._rows(store_id, count)})
        self._now = max(self._now, until)

    def together(self, store_ids: list[str], rows: int) -> None:
        """Let stores have so many rows each in one batch, a second later."""
        self._now += 1
        self._put({store_id: self._rows(store_id, rows) for store_id in store_ids})

    def end(self) -> None:
        """Make indexes, and the stores as they are then, and let a keeper begin with those."""
        self._ledger.prepare()
        stores = self._ledger.database["stores"]
        for store_id, balance in self._balances.items():
            stores.insert_one({"_id": store_id, "items": balance.items, "rev": 1})
        self._ledger.put(self._state, replace(self._state, off=True), (), ())

    def _rows(self, store_id: str, count: int) -> list[Row]:
        balance, source = self._balances[store_id], self._source
        ids = list(balance.items)
        rows = []
        for _ in range(count):
            item_id, delta = source.choice(ids), source.choice((-3, -2, -1, 1, 2, 3))
            kind = Kind.SUPPLY if delta > 0 else Kind.DEMAND
            self.receipts += 1
            names = Names(f"till-{source.randrange(50)}", f"R-{self.receipts}", "sale")
            rows.append(row_of(item_id, delta, balance.move(item_id, delta), kind, names))
        return rows

    def _put(self, rows: dict[str, list[Row]]) -> None:
        batch = Batch(self._state.batch + 1)
        checkpoints = []
        for store_id, added in rows.items():
            balance = self._balances[store_id]
            batch.add(store_id, added, self._now, balance.units)
            due = balance.rows is None or balance.rows + len(added) >= max(FEWEST_ROWS, len(balance.items))
            balance.rows = 0 if due else (balance.rows or 0) + len(added)
            if due:
                checkpoints.append(
                    checkpoint_of(store_id, batch.number, self._now, balance.items, exists=True)
                )
        until = Timestamp(self._now, 1)
        after = State(batch.number, self._state.token, until, until, self._state.begins)
        while True:
            try:
                self._ledger.put(self._state, after, batch.buckets, checkpoints)
                break
            except PyMongoError as error:
                # So many at once make MongoDB's cache full now and then.
                if not error.has_error_label("TransientTransactionError"):
                    raise
        self._state = after


def write_pages(history: History, rows: int) -> dict[str, Callable[[], str]]:
    """Write many rows of a thousand stores; gives addresses of pages among them, by what they ask for."""
    ids = [f"shop-{number}" for number in range(1000)]
    for store_id in ids:
        history.store(store_id, 20, 0, 0)
    source = random.Random(2)
    for number in range(rows // (STORES_AT_ONCE * ROWS_EACH)):
        first = number * STORES_AT_ONCE
        history.together([ids[(first + each) % len(ids)] for each in range(STORES_AT_ONCE)], ROWS_EACH)

    def shop() -> str:
        return f"shop-{source.randrange(1000)}"

    return {
        "of one store": lambda: f"/stores/{shop()}/movements?limit=100&order=desc",
        "of one item of a store": lambda: f"/stores/{shop()}/movements?limit=100&item_id=item-7",
        "of one actor": lambda: f"/movements?limit=100&actor=till-{source.randrange(50)}&order=desc",
        "of one reference": lambda: f"/movements?reference=R-{source.randrange(rows) + 1}",
        "of all stores": lambda: "/movements?limit=100&order=desc",
    }
