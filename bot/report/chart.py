"""What the picture shows: few enough numbers to be read on a phone; pure."""

from collections.abc import Iterator, Sequence
from datetime import date
from heapq import nsmallest

import msgspec

from bot.report.message import day_text
from bot.report.shown_names import shown
from bot.report.stocktake import EarlierReport, Stocktake, StoreStock

MOST_BARS, MOST_LOW_BARS = 10, 8
MOST_DAYS = 30
LONGEST_LABEL = 20


class Bar(msgspec.Struct, frozen=True):
    """One bar: what it is of, its pieces, those at the last report (None: not compared), and where it is."""

    label: str
    units: float
    before: float | None = None
    place: str = ""


class Panel(msgspec.Struct, frozen=True):
    """Bars that belong together, from top to bottom.

    Args:
        title: what they are.
        bars: at least one.
        note: what the changes beside them count from.
        is_low: whether they are what there is least of.
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
) -> Picture:
    """Choose what is worth a bar: the stores or, of a single one, its largest lines; and its least.

    Args:
        stocktake: what there is.
        earlier: the report to compare with.
        days: the last days' units, the oldest first, today the last.
        heading: title and subtitle.
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
    if lowest := list(_lowest(stores)):
        panels.append(Panel("Least in stock", lowest, is_low=True))
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


def _lowest(stores: Sequence[StoreStock]) -> Iterator[Bar]:
    """The lowest lines of all stores; of a single store, those that are not among its largest."""
    several = len(stores) > 1
    shown_already = {item_id for _, item_id in _largest(stores[0])} if len(stores) == 1 else set()
    lines = (
        (quantity, item_id, store.store_id)
        for store in stores
        for item_id, quantity in store.stock.items()
        if item_id not in shown_already
    )
    for quantity, item_id, store_id in nsmallest(MOST_LOW_BARS, lines):
        yield _line(quantity, item_id, store_id if several else None)


def _line(quantity: int, item_id: str, store_id: str | None = None) -> Bar:
    place = "" if store_id is None else shown(store_id, LONGEST_LABEL)
    return Bar(shown(item_id, LONGEST_LABEL), float(quantity), place=place)
