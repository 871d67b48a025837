"""What was sold and supplied since the last report, and what runs out first; pure.

All of it is from the service's ledger. A report without a ledger says so in one line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from bot.report.shown_names import shown

MOST_LINES, MOST_ACTORS, MOST_RUNNING_OUT = 3, 3, 8
PACE_DAYS = 7
"""The days whose sales tell how long a stock will last."""

YEAR_DAYS = 365


class NotKnown(Enum):
    """Why the ledger does not tell."""

    NONE = "no ledger is kept"
    BEHIND = "the ledger is behind"
    UNREAD = "the ledger could not be read in time"


@dataclass(frozen=True, slots=True)
class Line:
    """An item, where it was moved, how many pieces of it, and by whom most; None where nobody is named."""

    store_id: str
    item_id: str
    pieces: int
    actor: str | None = None
    has_others: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """What was sold, or supplied: pieces, the items of most, and who moved most, with their pieces."""

    pieces: int = 0
    lines: Sequence[Line] = ()
    actors: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What was moved.

    Args:
        since: from when on, as it is read after "since".
        sold: by demands.
        supplied: by supplies.
        otherwise: the pieces that came in any other way, less those that went.
    """

    since: str
    sold: Side
    supplied: Side
    otherwise: int = 0


@dataclass(frozen=True, slots=True)
class Lasting:
    """An item that is sold, what is left of it, and for how many days at its pace."""

    store_id: str
    item_id: str
    left: int
    days: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What runs out first.

    Args:
        items: soonest first.
        days: how many days the pace is of.
    """

    items: Sequence[Lasting]
    days: int

    @property
    def pace(self) -> str:
        """Say what the pace is of."""
        return f"at the pace of the last {self.days} days" if self.days > 1 else "at the pace of the last day"


@dataclass(frozen=True, slots=True)
class LookBack:
    """What the ledger tells, as far as it does.

    Args:
        changes: since the last report; or why they are not known.
        outlook: what runs out first; or why that is not known.
    """

    changes: Changes | NotKnown
    outlook: Outlook | NotKnown


def days_text(days: float) -> str:
    """Write how long a stock lasts, in what it lasts for certain: `under an hour`, `5 hours`, `12 days`."""
    if days >= YEAR_DAYS:
        return "over a year"
    for unit, number in (("day", int(days)), ("hour", int(days * 24))):
        if number:
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return "under an hour"


def looked_back(look_back: LookBack, *, several: bool) -> Iterator[str]:
    """Write the lines of what the ledger tells.

    Args:
        look_back: what that is.
        several: whether the report is of more than one store, so that lines say which.
    """
    changes, outlook = look_back.changes, look_back.outlook
    if isinstance(changes, Changes):
        yield from _changes(changes, several=several)
    if isinstance(outlook, Outlook) and outlook.items:
        told = " · ".join(_lasting(item, several=several) for item in outlook.items[:MOST_LINES])
        yield f"Runs out first: {told}, {outlook.pace}"
    yield from _not_known(changes, outlook)


def _changes(changes: Changes, *, several: bool) -> Iterator[str]:
    if not (changes.sold.pieces or changes.supplied.pieces or changes.otherwise):
        yield f"Nothing was sold or supplied since {changes.since}"
        return
    sides = (("sold", changes.sold), ("supplied", changes.supplied))
    pieces = ", ".join(f"{side.pieces:,} {name}" for name, side in sides)
    otherwise = f", {changes.otherwise:+,} otherwise".replace("-", "−") if changes.otherwise else ""
    yield f"Since {changes.since}: {pieces}{otherwise}"
    for name, side in sides:
        if side.lines:
            told = " · ".join(_line(line, several=several) for line in side.lines[:MOST_LINES])
            yield f"Most {name}: {told}"
        if side.actors:
            told = " · ".join(f"{shown(actor)} {pieces:,}" for actor, pieces in side.actors[:MOST_ACTORS])
            yield f"{name.capitalize()} most: {told}"


def _line(line: Line, *, several: bool) -> str:
    about = [shown(line.store_id)] if several else []
    if line.actor is not None:
        about.append(f"by {shown(line.actor)}{' and others' if line.has_others else ''}")
    return f"{shown(line.item_id)} {line.pieces:,}" + (f" ({', '.join(about)})" if about else "")


def _lasting(item: Lasting, *, several: bool) -> str:
    about = [shown(item.store_id)] if several else []
    about.append(f"{item.left:,} left")
    return f"{shown(item.item_id)} in {days_text(item.days)} ({', '.join(about)})"


def _not_known(changes: Changes | NotKnown, outlook: Outlook | NotKnown) -> Iterator[str]:
    """Say in one line what is missing, and why."""
    missing = {
        "what was sold": changes if isinstance(changes, NotKnown) else None,
        "what runs out first": outlook if isinstance(outlook, NotKnown) else None,
    }
    reasons = {reason for reason in missing.values() if reason is not None}
    if reasons:
        names = " and ".join(name for name, reason in missing.items() if reason is not None)
        reason = min(reasons, key=lambda one: one.value)
        yield f"Without {names}: {reason.value}"
