"""Workbooks built in processes of their own, so that a large one delays no other request."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from store_api.processes import run_job
from store_api.reports.sheets import Job, MovementsJob, Sheet, legible

AT_ONCE = 2
"""Workbooks that are built at the same time, each on a core of its own while it lasts."""

_WITHOUT = ("numpy", "PIL")
"""What openpyxl imports where it is there, for numbers and pictures that no workbook of ours holds. That
takes longer than building a small one."""


class WorkbookBuilder:
    """Builds workbooks, a few at a time; the others wait for their turn.

    Args:
        at_once: how many.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._turns = asyncio.Semaphore(at_once)

    @property
    def is_full(self) -> bool:
        """Whether the next one has to wait for its turn."""
        return self._turns.locked()

    async def build(self, sheets: Sequence[Sheet], at: datetime, *, exact: bool = False) -> bytes:
        """Build the XLSX file of `workbook`, leaving the event loop free.

        Cancelling it ends its process and removes what that left on disk. An interpreter's start makes even a
        small one take about 0.2 seconds.

        A thread would not do: while it builds, the loop gets the interpreter once every 5 ms, so that
        everybody else's requests crawl for the two seconds that 100,000 lines take.

        Raises:
            RuntimeError: the process failed; the message holds the end of what it said.
        """
        async with self._turns:
            return await run_job("store_api.reports.workbook", _encode(sheets, at, exact), _WITHOUT)

    async def build_movements(self, job: MovementsJob) -> bytes:
        """Build the XLSX file of `movements_workbook`, as `build` does.

        Raises:
            RuntimeError: the process failed; the message holds the end of what it said.
        """
        async with self._turns:
            return await run_job("store_api.reports.movements_workbook", msgspec.json.encode(job), _WITHOUT)


def _encode(sheets: Sequence[Sheet], at: datetime, exact: bool) -> bytes:
    try:
        return msgspec.json.encode(Job(sheets, at, exact))
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
        return msgspec.json.encode(Job([_legible(sheet) for sheet in sheets], at, exact))


def _legible(sheet: Sheet) -> Sheet:
    return Sheet(legible(sheet.store_id), [(legible(item_id), quantity) for item_id, quantity in sheet.lines])
