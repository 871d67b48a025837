"""Changes of more rows than go into one transaction: told piece by piece; pure.

Each piece is a batch of its own. Whoever comes to the change again, after a death between two of them, finds
by how much the store differs still, and that is what the other pieces say.
"""

from collections.abc import Sequence

import msgspec

from store_api.ledger.balances import Balance
from store_api.ledger.rows import Batch, Row, checkpoint_of


class Piece(msgspec.Struct, frozen=True):
    """Some rows of a change.

    Args:
        store_id: the store that has changed.
        seconds: when.
        rows: some of its rows.
        units: how many pieces the store has after them.
        is_first: whether the store has no rows yet.
    """

    store_id: str
    seconds: int
    rows: Sequence[Row]
    units: int
    is_first: bool

    def batch_after(self, number: int) -> tuple[Batch, list[Row]]:
        """Make it the batch after another one; gives its checkpoints, too.

        A store's rows are read from its first checkpoint on: before its first rows, it held nothing.
        """
        batch = Batch(number + 1)
        batch.add(self.store_id, list(self.rows), self.seconds, self.units)
        first = [checkpoint_of(self.store_id, number, self.seconds, {}, exists=False)]
        return batch, first if self.is_first else []


def pieces_of(balance: Balance, store_id: str, seconds: int, rows: Sequence[Row], most: int) -> list[Piece]:
    """Take rows off the front of a change as long as there are too many; what fits into a batch is left.

    Args:
        balance: what the store has after all of them; it counts those that are taken off.
        store_id: the store.
        seconds: when it changed.
        rows: all of them.
        most: how many fit.
    """
    pieces: list[Piece] = []
    units = balance.units - sum(row["d"] for row in rows)
    for begin in range(0, len(rows) - most, most):
        piece = rows[begin : begin + most]
        units += sum(row["d"] for row in piece)
        pieces.append(Piece(store_id, seconds, piece, units, balance.rows is None))
        balance.rows = (balance.rows or 0) + len(piece)
    return pieces
