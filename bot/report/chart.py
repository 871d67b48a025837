"""What the picture shows: few enough numbers to be read on a phone; pure."""

from collections.abc import Iterator, Sequence
from datetime import date
from heapq import nsmallest

import msgspec

from bot.report.changes import MOST_RUNNING_OUT, YEAR_DAYS, Outlook, days_text
from bot.report.message import day_text
from bot.report.shown_names import shown
from bot.report.stocktake import EarlierReport, Stocktake, StoreStock

MOST_BARS = 10
MOST_DAYS = 30
LONGEST_LABEL = 20


class Bar(msgspec.Struct, frozen=True):
    """One bar.

    Args:
        label: what it is of.
        units: how long it is: pieces, or days.
        before: its pieces at the last report; None where they are not compared.
        place: where it is.
        text: what is written at its end in place of its number.
    """

    label: str
    units: float
    before: float | None = None
    place: str = ""
    text: str = ""


class Panel(msgspec.Struct, frozen=True):
    """Bars that belong together, from top to bottom.

    Args:
        title: what they are.
        bars: at least one.
        note: what the changes beside them count from, or what their days do.
        is_low: whether they are what runs out.
    """

    title: str
    bars: Sequence[Bar]
    note: str = ""
    is_low: bool = False


class Picture(msgspec.Struct, frozen=True):
    """All that is drawn, from top to bottom.

    Args:
        title: what stands over it.
        subtitle: under that.
        days: days that were reported and the units of all stores then, today the last.
        panels: bars; none where there is nothing in stock.
    """

    title: str
    subtitle: str
    days: Sequence[tuple[date, float]]
    panels: Sequence[Panel]


def picture(
    stocktake: Stocktake,
    earlier: EarlierReport | None,
    days: Sequence[tuple[date, int]],
    heading: tuple[str, str],
    outlook: Outlook | None = None,
) -> Picture:
    """Choose what is worth a bar: the stores or, of a single one, its largest lines; and what runs out first.

    Args:
        stocktake: what there is.
        earlier: the report to compare with.
        days: the last days' units, the oldest first, today the last.
        heading: title and subtitle.
        outlook: what runs out first; None where nobody knows.
    """
    stores = [store for store in stocktake.readable if store.stock]
    panels = []
    if len(stores) > 1:
        since = "" if earlier is None else f"since {day_text(earlier.day)}"
        some = f"Largest {MOST_BARS} of {len(stores):,} stores"
        title = "Units by store" if len(stores) <= MOST_BARS else some
        panels.append(Panel(title, list(_stores(stores, earlier)), since))
    elif stores:
        panels.append(
            Panel("Largest", [_line(quantity, item_id) for quantity, item_id in _largest(stores[0])])
        )
    if outlook is not None and (lasting := list(_lasting(outlook, several=len(stocktake.stores) > 1))):
        panels.append(Panel("Runs out first", lasting, outlook.pace, is_low=True))
    trend = [(day, float(units)) for day, units in days[-MOST_DAYS:]]
    return Picture(*heading, trend, panels)


def _stores(stores: Sequence[StoreStock], earlier: EarlierReport | None) -> Iterator[Bar]:
    before = {} if earlier is None else earlier.stores
    for store in nsmallest(MOST_BARS, stores, key=lambda store: (-store.totals.units, store.store_id)):
        then = before.get(store.store_id)
        label = shown(store.store_id, LONGEST_LABEL)
        yield Bar(label, float(store.totals.units), None if then is None else float(then.units))


def _largest(store: StoreStock) -> list[tuple[int, str]]:
    lines = ((quantity, item_id) for item_id, quantity in store.stock.items())
    return nsmallest(MOST_BARS, lines, key=lambda line: (-line[0], line[1]))


def _lasting(outlook: Outlook, *, several: bool) -> Iterator[Bar]:
    for item in outlook.items[:MOST_RUNNING_OUT]:
        place = shown(item.store_id, LONGEST_LABEL) if several else ""
        # Longer than a year is not told apart, and would make the others' bars look like nothing.
        days = min(item.days, float(YEAR_DAYS))
        yield Bar(shown(item.item_id, LONGEST_LABEL), days, place=place, text=days_text(item.days))


def _line(quantity: int, item_id: str) -> Bar:
    return Bar(shown(item_id, LONGEST_LABEL), float(quantity))
