"""A ledger made up by chance, in MongoDB as the keeper writes it, and the same as a plain list of rows."""

import random
from typing import Any, NamedTuple

from bson import Timestamp
from pymongo import MongoClient

from store_api.ledger.collection import LedgerCollections
from store_api.ledger.rows import Batch, Kind, Names, checkpoint_of, row_of
from store_api.ledger.states import State
from store_api.stock import Stock

BEGINS = 1_795_000_000
"""The second at which every ledger made up here begins."""


class Known(NamedTuple):
    """A row, and where it stands."""

    batch: int
    number: int
    store_id: str
    row: dict[str, Any]

    @property
    def id(self) -> str:
        """As clients know it."""
        return f"{self.batch}.{self.number}"


class LedgerWorld:
    """Adds batches to a ledger, and remembers every row, and what each store held after each second.

    Args:
        client: the way to MongoDB.
        database: whose ledger it is.
        seed: of chance.
    """

    def __init__(self, client: MongoClient[dict[str, Any]], database: str, seed: int = 1) -> None:
        self.ledger = LedgerCollections(client, database)
        self.ledger.prepare()
        self.random = random.Random(seed)
        self.second = BEGINS
        self.rows: list[Known] = []
        self.stocks: dict[str, Stock | None] = {}
        self.past: list[tuple[int, str, Stock | None]] = []
        self.state = State(0, {}, Timestamp(BEGINS, 1), Timestamp(BEGINS, 1), BEGINS)
        self.ledger.begin(self.state)

    def add(
        self, changes: "list[tuple[str, list[dict[str, Any]] | None]]", *, checkpoints: bool = False
    ) -> None:
        """Add a batch of changes: of a store, its rows; None is that it is deleted.

        Args:
            changes: the seconds between them are drawn.
            checkpoints: whether each store gets one; a store's first batch gives it one always.
        """
        batch = Batch(self.state.batch + 1)
        new = set()
        for store_id, rows in changes:
            self.second += self.random.choice((0, 0, 0, 0, 1, 2))
            if store_id not in self.stocks:
                new.add(store_id)
            made = self._gone(store_id) if rows is None else rows
            stock = dict(self.stocks.get(store_id) or {})
            for row in made:
                stock[row["i"]] = row["q"]
            stock = {item_id: quantity for item_id, quantity in stock.items() if quantity}
            self.stocks[store_id] = None if rows is None else stock
            batch.add(store_id, made, self.second, sum(stock.values()), gone=rows is None)
            self.rows += [Known(batch.number, row["n"], store_id, row) for row in made]
            self.past.append((self.second, store_id, self.stocks[store_id]))
        due = batch.touched if checkpoints else {store: batch.touched[store] for store in new}
        held = [
            checkpoint_of(
                *(store_id, batch.number, seconds, self.stocks[store_id] or {}),
                exists=self.stocks[store_id] is not None,
            )
            for store_id, seconds in due.items()
        ]
        after = State(batch.number, {}, Timestamp(self.second + 1, 1), self.state.floor, BEGINS)
        self.ledger.put(self.state, after, batch.buckets, held)
        self.state = after

    def some(
        self, changes: int, stores: int = 5, items: int = 6
    ) -> list[tuple[str, list[dict[str, Any]] | None]]:
        """Draw changes of some stores."""
        drawn: list[tuple[str, list[dict[str, Any]] | None]] = []
        held = {store_id: dict(stock or {}) for store_id, stock in self.stocks.items()}
        for _ in range(changes):
            store_id = f"store-{self.random.randrange(stores)}"
            stock = held.setdefault(store_id, {})
            if stock and self.random.random() < 0.03:
                drawn.append((store_id, None))
                held[store_id] = {}
                continue
            drawn.append(
                (store_id, [self._row(stock, items) for _ in range(self.random.choice((1, 1, 2, 5)))])
            )
        return drawn

    def _row(self, stock: Stock, items: int) -> dict[str, Any]:
        chance = self.random
        item_id = f"item-{chance.randrange(items)}"
        held = stock.get(item_id, 0)
        delta = -chance.randint(1, held) if held and chance.random() < 0.4 else chance.randint(1, 9)
        stock[item_id] = held + delta
        kind = chance.choice((Kind.DIRECT, Kind.GAP, Kind.SUPPLY if delta > 0 else Kind.DEMAND))
        names = Names(
            chance.choice((None, "till-1", "till-2", "$actor")),
            chance.choice((None, None, "R-1", "R-2", "$ref")),
            chance.choice((None, "sale")),
        )
        return row_of(item_id, delta, held + delta, kind, names)

    def _gone(self, store_id: str) -> list[dict[str, Any]]:
        stock = self.stocks.get(store_id) or {}
        return [row_of(item_id, -quantity, 0, Kind.DIRECT) for item_id, quantity in stock.items()]

    def held_at(self, store_id: str, second: int) -> Stock | None:
        """What a store held after a second."""
        held: Stock | None = None
        for when, whose, stock in self.past:
            if whose == store_id and when <= second:
                held = stock
        return held
