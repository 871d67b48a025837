"""The report's message: a stocktake as a short plain text for a phone; pure.

It is sent without a parse mode, so that nothing in an id is markup, whatever it is called.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from heapq import nlargest, nsmallest
from zoneinfo import ZoneInfo

from bot.report.changes import LookBack, looked_back
from bot.report.shown_names import shown, utf16_units
from bot.report.stocktake import EarlierReport, Stocktake, StoreStock
from bot.report.timetable import DueReport

LONGEST_MESSAGE = 4096
"""Telegram's limit for a message, in UTF-16 units (core.telegram.org/bots/api#sendmessage)."""

MOST_NAMED = 5
"""Of the stores that are gone."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_BLOCKS = 200
_ROOM_FOR_THE_REST = 120


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a report.

    Args:
        zone: whose clock it shows.
        late: the day's report that it is, where it comes too late.
        without: what could not be built to go with it, as `picture`.
        look_back: what the ledger tells; None where it was not asked.
    """

    zone: ZoneInfo
    late: DueReport | None = None
    without: Sequence[str] = ()
    look_back: LookBack | None = None


def report_text(stocktake: Stocktake, earlier: EarlierReport | None, heading: Heading) -> str:
    """Write the message: as much of each store as 4,096 characters hold for all of them.

    Args:
        stocktake: what there is.
        earlier: the last report before, where there was one.
        heading: what stands over it.
    """
    told = (
        [] if heading.look_back is None else looked_back(heading.look_back, several=len(stocktake.stores) > 1)
    )
    head = "\n".join([*_head(stocktake, earlier, heading), *_gone(stocktake, earlier), *told])
    room = LONGEST_MESSAGE - utf16_units(head)
    if len(stocktake.stores) <= _MOST_BLOCKS:
        for lines in (3, 2, 1):
            body = "".join(f"\n\n{_block(store, earlier, lines)}" for store in stocktake.stores)
            if utf16_units(body) <= room:
                return head + body
    return head + "\n" + _as_many_as_fit(stocktake.stores, earlier, room - 1)


def overview(stocktake: Stocktake) -> str:
    """Write the list of stores, one a line, as many as a message holds."""
    if not stocktake.stores:
        return "There are no stores yet."
    title = f"{_count(len(stocktake.stores), 'store')}"
    return title + "\n" + _as_many_as_fit(stocktake.stores, None, LONGEST_MESSAGE - utf16_units(title) - 1)


def caption(stocktake: Stocktake, zone: ZoneInfo) -> str:
    """Say what a picture or a spreadsheet shows, should it be passed on alone."""
    return f"Stock, {_moment(stocktake.at, zone)}"


def picture_heading(stocktake: Stocktake, zone: ZoneInfo) -> tuple[str, str]:
    """Give the title and the subtitle of a report's picture."""
    local = stocktake.at.astimezone(zone)
    return (
        f"Stock · {day_text(local.date())} {local.year}",
        f"{local:%H:%M} {zone.key} · {_summary(stocktake)}",
    )


def day_text(day: date) -> str:
    """Write a day without its year, the same on every machine: `Tue 24 Nov`."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"


def change_text(before: int, now: int) -> str:
    """Write a difference with its sign: `+1,200`, `−3`, `±0`."""
    difference = now - before
    return f"{'+' if difference > 0 else '−' if difference else '±'}{abs(difference):,}"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{day_text(local.date())} {local.year}, {local:%H:%M} {zone.key}"


def _head(stocktake: Stocktake, earlier: EarlierReport | None, heading: Heading) -> Iterator[str]:
    yield f"Stock · {_moment(stocktake.at, heading.zone)}"
    if heading.late is not None:
        local = heading.late.at.astimezone(heading.zone)
        yield f"Late: this is the report of {day_text(heading.late.day)}, {local:%H:%M}."
    if heading.without:
        yield f"Without its {' and '.join(heading.without)}, which could not be made this time."
    yield _summary(stocktake)
    if earlier is not None:
        units = sum(totals.units for totals in stocktake.totals().values())
        yield f"{change_text(earlier.units, units)} units since the report of {day_text(earlier.day)}"


def _summary(stocktake: Stocktake) -> str:
    if not stocktake.stores:
        return "There are no stores yet"
    totals = stocktake.totals().values()
    items, units = sum(one.items for one in totals), sum(one.units for one in totals)
    return f"{_count(len(stocktake.stores), 'store')}, {_count(items, 'item')}, {_count(units, 'unit')}"


def _gone(stocktake: Stocktake, earlier: EarlierReport | None) -> Iterator[str]:
    present = {store.store_id for store in stocktake.stores}
    gone = [] if earlier is None else sorted(earlier.stores.keys() - present)
    if gone:
        names = ", ".join(shown(store_id) for store_id in gone[:MOST_NAMED])
        rest = f" and {len(gone) - MOST_NAMED:,} more" if len(gone) > MOST_NAMED else ""
        yield f"No longer there: {names}{rest}"


def _block(store: StoreStock, earlier: EarlierReport | None, lines: int) -> str:
    """Write a store with so many of its largest and lowest lines."""
    text = [_store_line(store, earlier)]
    if 0 < len(store.stock) <= 2 * lines:
        ordered = sorted(store.stock.items(), key=_largest_first)
        text.append(f"Holds {_listed(ordered)}")
    elif store.stock:
        text.append(f"Most: {_listed(nsmallest(lines, store.stock.items(), key=_largest_first))}")
        text.append(f"Least: {_listed(nlargest(lines, store.stock.items(), key=_largest_first)[::-1])}")
    return "\n".join(text)


def _largest_first(line: tuple[str, int]) -> tuple[int, str]:
    item_id, quantity = line
    return -quantity, item_id


def _store_line(store: StoreStock, earlier: EarlierReport | None) -> str:
    return f"▪ {shown(store.store_id)}: {_held(store, earlier)}"


def _held(store: StoreStock, earlier: EarlierReport | None) -> str:
    if store.trouble is not None:
        return store.trouble.value
    now, before = store.totals, None if earlier is None else earlier.stores.get(store.store_id)
    if before is None:
        text = f"{_count(now.items, 'item')}, {_count(now.units, 'unit')}" if now.items else "empty"
        return text if earlier is None else f"{text} (new)"
    items, units = change_text(before.items, now.items), change_text(before.units, now.units)
    return f"{_count(now.items, 'item')} ({items}), {_count(now.units, 'unit')} ({units})"


def _as_many_as_fit(stores: Sequence[StoreStock], earlier: EarlierReport | None, room: int) -> str:
    text, left = "", room - _ROOM_FOR_THE_REST
    for index, store in enumerate(stores):
        line = f"\n{_store_line(store, earlier)}"
        left -= utf16_units(line)
        if left < 0:
            return f"{text}\n… and {_count(len(stores) - index, 'more store')}"
        text += line
    return text


def _listed(lines: Sequence[tuple[str, int]]) -> str:
    return " · ".join(f"{shown(item_id)} {quantity:,}" for item_id, quantity in lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
