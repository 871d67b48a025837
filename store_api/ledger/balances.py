"""What the keeper knows a store to hold, and the rows that a change of it makes; pure.

The ledger never disagrees with the stock: whatever a change says of itself, its rows are the difference
between what was there and what is there now.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from store_api.ledger.rows import NOBODY, Kind, Names, Row, checkpoint_of, is_too_large, row_of
from store_api.stock import LARGEST_QUANTITY, OperationKind, Stock
from store_api.stock.ids import UNPRINTABLE
from store_api.stock.said import KINDS, Said, SaidLine, read_said
from store_api.storage.documents import ITEMS, LAST, REVISION, WRITERS, quantities_in
from watchers.changes import StoreChange

BY: Final = "by"
"""The field in which other programs may say who they are: `{"actor", "reference", "reason", "nonce"}`."""

FRESH_SECONDS: Final = 300
"""How old the number of a write may be when its store begins; else it is an old copy.

It may be newer by hours: who writes more than 500 times a second is ahead of the clock with his numbers.
"""

_TEXT: Final = re.compile(f"[^{UNPRINTABLE}]{{1,128}}")
_REASON: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_RULES: Final = {"actor": _TEXT, "reference": _TEXT, "reason": _REASON}
_KIND_OF: Final = {kind: Kind(kind.value) for kind in OperationKind}


class Balance(msgspec.Struct):
    """A store as the ledger has it.

    Args:
        items: its quantities; what is not in it is 0.
        exists: whether there is such a store.
        units: all quantities together.
        rows: how many rows it has had since its last checkpoint; None where it has none yet.
        by: what another program last said of itself in the document.
    """

    items: Stock
    exists: bool = False
    units: int = 0
    rows: int | None = None
    by: dict[str, str] | None = None

    def move(self, item_id: str, delta: int) -> int:
        """Add to an item; gives how many there are after that."""
        quantity = self.items.get(item_id, 0) + delta
        if quantity:
            self.items[item_id] = quantity
        else:
            self.items.pop(item_id, None)
        self.units += delta
        return quantity


class Moved(msgspec.Struct):
    """What a change made of a store.

    Args:
        rows: its rows, which carry no time and no number yet.
        unexplained: how many of them contradict what the change said of itself.
    """

    rows: list[Row]
    unexplained: int = 0


def carry(balance: Balance, change: StoreChange) -> Moved:
    """Carry a change over into a balance, and write its rows."""
    deltas = _differences(balance, change)
    said = _said_by(change)
    moved = Moved([])
    if said is not None and not _explain(balance, said, deltas, moved):
        moved.unexplained = max(1, len(deltas))
        said = None
    names = NOBODY if said is not None else _names_of(balance, change)
    for item_id, delta in deltas.items():
        if delta:
            moved.unexplained += said is not None
            moved.rows.append(row_of(item_id, delta, balance.move(item_id, delta), Kind.DIRECT, names))
    balance.exists = not change.deleted
    return moved


def most_rows_of(balance: Balance, change: StoreChange) -> int:
    """Tell how many rows a change can make at most."""
    fields = change.updated if change.document is None else change.document
    items = fields.get(ITEMS, ())
    is_whole = change.deleted or change.document is not None or ITEMS in fields or ITEMS in change.removed
    told = len(fields) + len(change.removed) + (len(items) if isinstance(items, Mapping) else 0)
    return told + (len(balance.items) if is_whole else 0)


def correct(balance: Balance, items: Stock | None, kind: Kind) -> list[Row]:
    """Let a balance be what a store was found to hold; gives the rows of the differences.

    Args:
        balance: what the ledger had.
        items: what there is; None where there is no store.
        kind: of the rows.
    """
    found = items or {}
    ids = [*(item_id for item_id in balance.items if item_id not in found), *found]
    deltas = {item_id: found.get(item_id, 0) - balance.items.get(item_id, 0) for item_id in ids}
    rows = [
        row_of(item_id, delta, balance.move(item_id, delta), kind)
        for item_id, delta in deltas.items()
        if delta
    ]
    balance.exists = items is not None
    return rows


def _differences(balance: Balance, change: StoreChange) -> Stock:
    """Tell by how much each item that a change touched is another now."""
    updated = change.updated if change.document is None else change.document
    is_whole, quantities = quantities_in(updated, change.removed)
    before = balance.items
    deltas = {item_id: quantity - before.get(item_id, 0) for item_id, quantity in quantities.items()}
    if is_whole or change.deleted or change.document is not None:
        for item_id, quantity in before.items():
            if item_id not in quantities:
                deltas[item_id] = -quantity
    return deltas


def _said_by(change: StoreChange) -> Said | None:
    """Read what a write of ours says of itself; None where it is no write of ours, or says nothing.

    A document that others restore or copy still has what its last write said, and that is not said again.
    """
    fields = change.updated if change.document is None else change.document
    written = fields.get(LAST)
    if not isinstance(written, bytes) or (said := read_said(written)) is None:
        return None
    if change.document is not None:
        is_new = fields.get(REVISION) == 1 and fields.get(WRITERS) == {said.writer: said.number}
        return said if is_new and change.at.time - said.number / 1000 < FRESH_SECONDS else None
    number = fields.get(f"{WRITERS}.{said.writer}")
    if number is None and isinstance(first := fields.get(WRITERS), Mapping):
        number = first.get(said.writer)
    return said if number == said.number else None


def _explain(balance: Balance, said: Said, deltas: Stock, moved: Moved) -> bool:
    """Write the rows of what was said, and take them off the differences; False where it cannot be so."""
    if len(said.lines) == 1 and said.lines[0].items is None:
        _explain_alone(balance, said.lines[0], deltas, moved)
        return True
    planned = list(_lines_of(said, deltas))
    running: Stock = {}
    for item_id, delta, _, _ in planned:
        quantity = running[item_id] = running.get(item_id, balance.items.get(item_id, 0)) + delta
        if not 0 <= quantity <= LARGEST_QUANTITY:
            return False
    for item_id, delta, kind, names in planned:
        moved.rows.append(row_of(item_id, delta, balance.move(item_id, delta), kind, names))
        deltas[item_id] = deltas.get(item_id, 0) - delta
    return True


def _explain_alone(balance: Balance, line: SaidLine, deltas: Stock, moved: Moved) -> None:
    """Let a line explain every difference that its kind can make."""
    kind = KINDS[line.place]
    is_more = kind is OperationKind.SUPPLY
    names = Names(line.actor, line.reference, line.reason)
    for item_id, delta in deltas.items():
        if delta and (delta > 0) is is_more:
            quantity = balance.move(item_id, delta)
            moved.rows.append(row_of(item_id, delta, quantity, _KIND_OF[kind], names))
            deltas[item_id] = 0


def _lines_of(said: Said, deltas: Stock) -> Iterator[tuple[str, int, Kind, Names]]:
    for line in said.lines:
        kind = KINDS[line.place]
        sign = 1 if kind is OperationKind.SUPPLY else -1
        names = Names(line.actor, line.reference, line.reason)
        items = deltas if line.items is None else line.items
        for item_id, quantity in items.items():
            yield item_id, sign * abs(quantity), _KIND_OF[kind], names


def _names_of(balance: Balance, change: StoreChange) -> Names:
    """Read who another program says that it is; what an earlier write said is not said again."""
    fields = change.updated if change.document is None else change.document
    before, parts = balance.by, {}
    if change.document is None:
        begin = len(BY) + 1
        parts = {path[begin:]: value for path, value in fields.items() if path.startswith(f"{BY}.")}
        gone = {path[begin:] for path in change.removed if path.startswith(f"{BY}.")} | parts.keys()
        if gone:
            # MongoDB tells only what is another part of it than before.
            rest = {name: value for name, value in (before or {}).items() if name not in gone}
            balance.by = {**rest, **_kept_of(parts)}
    if isinstance(said := fields.get(BY), Mapping):
        balance.by = _kept_of(said)
    elif not parts:
        return NOBODY
    if balance.by is None or (change.document is not None and balance.by == before):
        return NOBODY
    return Names(*(balance.by.get(name) for name in ("actor", "reference", "reason")))


def _kept_of(by: Mapping[str, Any]) -> dict[str, str]:
    """Keep what is fit to be told, and enough of the nonce to tell it from another."""
    kept = {"nonce": repr(by["nonce"])[:64]} if "nonce" in by else {}
    for name, rule in _RULES.items():
        value = by.get(name)
        if isinstance(value, str) and rule.fullmatch(value):
            kept[name] = value
    return kept


def checkpoint_after(number: int, store_id: str, balance: Balance, seconds: int) -> Row | None:
    """Write the checkpoint of a store after a batch; None where none fits, and it can do without.

    A store's first rows are told from its first checkpoint: where that does not fit, it says what the store
    held before its first batch, which is nothing.

    Args:
        number: of the batch.
        store_id: the store.
        balance: what it has then.
        seconds: of its last change.
    """
    is_first, balance.rows = balance.rows is None, 0
    checkpoint = checkpoint_of(store_id, number, seconds, balance.items, exists=balance.exists)
    if is_too_large(checkpoint):
        return checkpoint_of(store_id, number - 1, seconds, {}, exists=False) if is_first else None
    return checkpoint if balance.by is None else {**checkpoint, BY: balance.by}
