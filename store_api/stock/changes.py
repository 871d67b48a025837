"""Guarded changes of a stock: what is written, what became of it, what it makes of the stock; pure."""

from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    NotApplied,
    StoreApiError,
    StoreHeld,
    UnfitDocument,
)
from store_api.stock.operations import Stock


class Stamp(msgspec.Struct, frozen=True):
    """What lets a write be sent as often as one likes, and be applied once.

    Args:
        writer: who writes.
        number: the writer's number of the write, even, and higher than all before; 0 where it has none, and
            may be sent once only.
        follows: the writer's number that the store is known to have; 0 where none is.
    """

    writer: str = ""
    number: int = 0
    follows: int = 0


UNSTAMPED = Stamp()
"""What others write, who know nothing of numbers."""


class Change(msgspec.Struct, frozen=True):
    """One guarded write to one store, applied whole or not at all.

    Args:
        store_id: the store it is about.
        increments: what is added to each item, in pieces; negative for a demand.
        least: the pieces of each item that must be there for the change to happen.
        creates: whether a missing store is created.
        empties: whether everything in the store goes, before the increments.
        found: the stock that must be there, exactly, for the change to happen; None where `least` is enough.
        leaves: the stock that the change makes of what must be found.
        stamp: who writes it, and which of their writes it is.
        said: what it was made of, for the ledger (`said.py`); empty where nobody keeps one.
    """

    store_id: str
    increments: Mapping[str, int]
    least: Mapping[str, int]
    creates: bool = False
    empties: bool = False
    found: Stock | None = None
    leaves: Stock | None = None
    stamp: Stamp = UNSTAMPED
    said: bytes = b""


def differences(before: Stock, after: Stock) -> Stock:
    """List the lines in which a report of `after` differs from one of `before`; a quantity of 0 is gone."""
    changed = {item_id: quantity for item_id, quantity in after.items() if quantity != before.get(item_id, 0)}
    changed.update((item_id, 0) for item_id, quantity in before.items() if quantity and item_id not in after)
    return changed


def added(stock: Stock, increments: Mapping[str, int]) -> Stock:
    """Add increments to items that are in a stock, which keep their order."""
    left = dict(stock)
    for item_id, increment in increments.items():
        left[item_id] += increment
    return left


MOST_LINES = 30_000
"""Lines of changes that go out in one command: with the longest ids they stay below MongoDB's 48 MB."""


class Written(Enum):
    """What became of one guarded change."""

    APPLIED = "applied"
    NOT_MATCHED = "its guard did not hold"
    UNFIT = "the document could not take it"
    HELD = "a transaction of another program holds the document, and nothing was written"
    UNAVAILABLE = "it was never sent, or refused for a reason that is not the store's"
    UNKNOWN = "the database did not say"
    FENCED = "it was not applied, and no copy of it that is on its way ever will be"
    LOST = "somebody replaced or deleted the document, and the proof with it"


def written_by_number(stamp: Stamp, found: int) -> Written:
    """Tell what became of a write whose answer nobody had, once its store is fenced against late copies.

    Args:
        stamp: the write's.
        found: the writer's number in the store, as the fence found it; 0 where there was none.
    """
    if found == stamp.number:
        return Written.APPLIED
    # A number that was seen there and is gone has taken along what it could say of this write, too.
    return Written.LOST if found < stamp.follows or found > stamp.number + 1 else Written.FENCED


def written_despite(error: StoreApiError) -> Written:
    """Tell what became of changes whose writing ended in an error."""
    match error:
        case UnfitDocument():
            return Written.UNFIT
        case StoreHeld():
            return Written.HELD
        case BrokenDocument() | AppliedUnreported():
            return Written.APPLIED
        case NotApplied():
            return Written.UNAVAILABLE
        case _:
            return Written.UNKNOWN


def parts_of(changes: Sequence[Change]) -> list[Sequence[Change]]:
    """Part changes so that each part fits into one command; nearly always it is one."""
    lines = [
        len(change.increments) + len(change.least) + (0 if change.found is None else len(change.found))
        for change in changes
    ]
    if sum(lines) <= MOST_LINES:
        return [changes]
    parts: list[list[Change]] = [[]]
    room = MOST_LINES
    for change, count in zip(changes, lines, strict=True):
        if parts[-1] and count > room:
            parts.append([])
            room = MOST_LINES
        parts[-1].append(change)
        room -= count
    return list(parts)
