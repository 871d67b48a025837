"""Composes a whole report: reads the stock, writes the message, has the picture and the workbook made."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from bot.compose.looking_back import look_back
from bot.compose.stocktaking import take_stock
from bot.report.changes import LookBack, Outlook
from bot.report.chart import MOST_DAYS, Picture, picture
from bot.report.message import Heading, caption, picture_heading, report_text
from bot.report.stocktake import EarlierReport, Stocktake
from bot.report.timetable import DueReport
from store_api.movements.turnover import Turnover
from store_api.processes import run_job
from store_api.reports.sheets import Sheet
from store_api.reports.workbook_job import WorkbookBuilder
from store_api.storage.writer import StoreWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ComposedReport:
    """A report as it is sent.

    Args:
        stocktake: what it tells.
        message: its text.
        caption: what goes under picture and workbook.
        name: of the files, without an ending.
        picture: a PNG; None where it could not be made.
        workbook: an XLSX file; None where it could not be made.
    """

    stocktake: Stocktake
    message: str
    caption: str
    name: str
    picture: bytes | None
    workbook: bytes | None


@dataclass(frozen=True, slots=True)
class Past:
    """What went before: the last report, and the units of the days before this one."""

    earlier: EarlierReport | None = None
    days: Sequence[tuple[date, int]] = ()


async def draw(picture: Picture) -> bytes:
    """Draw a picture in a process of its own; about a second."""
    return await run_job("bot.compose.draw_chart", msgspec.json.encode(picture))


class Composer:
    """Composes reports of stores.

    Args:
        repository: where they are.
        turnover: adds up their ledger.
        store_ids: which; None for all.
        zone: whose clock reports show.
        draw: makes the picture.
        build: makes the workbook; None makes it in a process of its own.
    """

    def __init__(
        self,
        repository: StoreWriter,
        turnover: Turnover,
        store_ids: Sequence[str] | None,
        zone: ZoneInfo,
        *,
        draw: Callable[[Picture], Awaitable[bytes]] = draw,
        build: Callable[[Sequence[Sheet], datetime], Awaitable[bytes]] | None = None,
    ) -> None:
        self._repository = repository
        self._turnover = turnover
        self.store_ids = store_ids
        self._zone = zone
        self._draw = draw
        self._build = WorkbookBuilder().build if build is None else build

    async def take_stock(self, at: datetime, only: str | None = None) -> Stocktake:
        """Read the stores, or one of them.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        return await take_stock(self._repository, self.store_ids if only is None else (only,), at)

    async def compose(
        self, stocktake: Stocktake, past: Past, late: DueReport | None = None, only: str | None = None
    ) -> ComposedReport:
        """Make a report of a stocktake; what cannot be made is left out, and the message says so.

        Args:
            stocktake: what there is.
            past: what went before.
            late: the day's report that it is, where it comes too late.
            only: the one store that it is of.
        """
        today = stocktake.at.astimezone(self._zone).date()
        stores = self.store_ids if only is None else (only,)
        told = await look_back(self._turnover, stocktake, past.earlier, stores)
        heading = Heading(self._zone, late, look_back=told)
        drawing, workbook = await asyncio.gather(
            _or_none("picture", self._picture(stocktake, past, told, today)),
            _or_none("workbook", self._build(_sheets(stocktake), stocktake.at)),
        )
        made = {"picture": drawing, "workbook": workbook}
        heading = replace(heading, without=[name for name, file in made.items() if file is None])
        return ComposedReport(
            stocktake,
            await asyncio.to_thread(report_text, stocktake, past.earlier, heading),
            caption(stocktake, self._zone),
            f"stock-{today}",
            drawing,
            workbook,
        )

    async def _picture(self, stocktake: Stocktake, past: Past, told: LookBack, today: date) -> bytes:
        units = sum(totals.units for totals in stocktake.totals().values())
        days = [(day, then) for day, then in past.days if day < today][-MOST_DAYS:]
        chosen = await asyncio.to_thread(
            picture,
            stocktake,
            past.earlier,
            [*days, (today, units)] if days else [],
            picture_heading(stocktake, self._zone),
            told.outlook if isinstance(told.outlook, Outlook) else None,
        )
        return await self._draw(chosen)


def _sheets(stocktake: Stocktake) -> list[Sheet]:
    return [Sheet(store.store_id, list(store.stock.items())) for store in stocktake.readable]


async def _or_none(what: str, making: Awaitable[bytes]) -> bytes | None:
    try:
        return await making
    except (RuntimeError, OSError) as error:
        log.error(
            "The %s could not be made",
            what,
            extra={"action": "report_part_failed", "part": what, "error": str(error)[-500:]},
        )
        return None
