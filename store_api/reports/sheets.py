"""What a workbook is made of, for those who ask for one: building it takes a large package, this does not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

_UNFIT_FOR_XML = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one store holds: its items and their quantities, in pieces, in any order."""

    store_id: str
    lines: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Job:
    """All that a workbook is made of; `exact`: it is of what there was after that very second."""

    sheets: Sequence[Sheet]
    at: datetime
    exact: bool = False


@dataclass(frozen=True, slots=True)
class MovementLine:
    """One movement: by how much an item changed, and to how many pieces; None is what nobody knows."""

    at: datetime
    item_id: str
    delta: int
    quantity: int
    op: str
    actor: str | None
    reference: str | None
    reason: str | None
    id: str


@dataclass(frozen=True, slots=True)
class MovementsJob:
    """All that a workbook of movements is made of: those of one store, and its own time."""

    store_id: str
    lines: Sequence[MovementLine]
    at: datetime


def legible(text: str) -> str:
    """Replace what XML cannot hold, and every other control character, with U+FFFD."""
    return _UNFIT_FOR_XML.sub("\ufffd", text)
