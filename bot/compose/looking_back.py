"""Asks the ledger what changed since the last report, and what runs out first; a report never fails by it."""

import logging
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from heapq import nsmallest
from typing import TypeVar

from bot.report.changes import (
    MOST_ACTORS,
    MOST_LINES,
    MOST_RUNNING_OUT,
    PACE_DAYS,
    Changes,
    Lasting,
    Line,
    LookBack,
    NotKnown,
    Outlook,
    Side,
)
from bot.report.message import day_text
from bot.report.stocktake import EarlierReport, Stocktake
from store_api.movements.turnover import Flow, Known, Span, Turnover

log = logging.getLogger(__name__)

Result = TypeVar("Result")

DAY_SECONDS = 86_400

BEHIND_SECONDS = 60
"""A ledger that lags by more than this does not tell of today."""

LONGEST = timedelta(days=PACE_DAYS)
"""A report before that is too long ago to tell what changed since."""


async def look_back(
    turnover: Turnover, stocktake: Stocktake, earlier: EarlierReport | None, stores: Sequence[str] | None
) -> LookBack:
    """Ask the ledger, each question for a bearable time, and no question again.

    Args:
        turnover: adds it up.
        stocktake: what the report tells.
        earlier: the last report before, where there was one.
        stores: which the report is of; None for all.
    """
    at = int(stocktake.at.timestamp())
    known = await _or_not(turnover.known())
    if known is None:
        known = NotKnown.NONE
    elif isinstance(known, Known) and known.until < at - BEHIND_SECONDS:
        log.warning("The ledger is behind", extra={"action": "ledger_behind", "until": known.until})
        known = NotKnown.BEHIND
    if isinstance(known, NotKnown):
        return LookBack(known, known)
    return LookBack(
        await _changes(turnover, known, stocktake, earlier, stores),
        await _outlook(turnover, known, stocktake, stores),
    )


async def _changes(
    turnover: Turnover,
    known: Known,
    stocktake: Stocktake,
    earlier: EarlierReport | None,
    stores: Sequence[str] | None,
) -> Changes | NotKnown:
    at = int(stocktake.at.timestamp())
    since, after = "yesterday, this time", at - DAY_SECONDS
    if earlier is not None and earlier.at is not None and timedelta() < stocktake.at - earlier.at <= LONGEST:
        since, after = f"the report of {day_text(earlier.day)}", int(earlier.at.timestamp())
    if after < known.begins:
        since, after = "the ledger began", known.begins - 1
    flows = await _or_not(turnover.flows(Span(after, at, stores), max(MOST_LINES, MOST_ACTORS)))
    if isinstance(flows, NotKnown):
        return flows
    return Changes(since, _side(flows.sold), _side(flows.supplied), flows.otherwise)


async def _outlook(
    turnover: Turnover, known: Known, stocktake: Stocktake, stores: Sequence[str] | None
) -> Outlook | NotKnown:
    at = int(stocktake.at.timestamp())
    # What began two hours ago does not tell how a day goes.
    seconds = min(PACE_DAYS * DAY_SECONDS, max(DAY_SECONDS, at - known.begins))
    days = seconds / DAY_SECONDS
    found = await _or_not(_lasting(turnover, Span(at - seconds, at, stores), stocktake, days))
    return found if isinstance(found, NotKnown) else Outlook(found, round(days))


async def _lasting(turnover: Turnover, span: Span, stocktake: Stocktake, days: float) -> list[Lasting]:
    """Tell how long what the report has of each item lasts; what is used up has run out already."""
    stocks = {store.store_id: store.stock for store in stocktake.readable}
    soonest: list[Lasting] = []
    async for some in turnover.demanded(span):
        soonest += (
            Lasting(one.store_id, one.item_id, left, left / one.pieces * days)
            for one in some
            if (left := stocks.get(one.store_id, {}).get(one.item_id, 0))
        )
        soonest = nsmallest(MOST_RUNNING_OUT, soonest, key=lambda one: (one.days, one.store_id, one.item_id))
    return soonest


def _side(flow: Flow) -> Side:
    lines = [
        Line(line.store_id, line.item_id, line.pieces, line.actor, has_others=line.actors > 1)
        for line in flow.lines
    ]
    return Side(flow.pieces, lines, flow.actors)


async def _or_not(answer: Awaitable[Result]) -> Result | NotKnown:
    try:
        return await answer
    except Exception as error:  # noqa: BLE001  (whatever is wrong with the ledger, the report is sent)
        log.warning(
            "The ledger could not be read", extra={"action": "ledger_unread", "error": type(error).__name__}
        )
        return NotKnown.UNREAD
