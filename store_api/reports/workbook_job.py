"""Workbooks built in processes of their own, so that a large one delays no other request."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from store_api.processes.job import run_module
from store_api.reports.workbook import Job, Sheet, legible

_TURNS = asyncio.Semaphore(2)


async def build(sheets: Sequence[Sheet], at: datetime, turns: asyncio.Semaphore = _TURNS) -> bytes:
    """Build the XLSX file of `spreadsheet.workbook`, leaving the event loop free.

    Two are built at a time, the others wait; `turns` changes that. Cancelling one ends its process and
    removes what that left on disk. An interpreter's start makes even a small one take about 0.2 seconds.

    A thread would not do: while it builds, the loop gets the interpreter once every 5 ms, so that everybody
    else's requests crawl for the two seconds that 100,000 lines take.

    Raises:
        RuntimeError: the process failed; the message holds the end of what it said.
    """
    async with turns:
        return await run_module("store_api.reports.workbook", _encode(sheets, at))


def _encode(sheets: Sequence[Sheet], at: datetime) -> bytes:
    try:
        return msgspec.json.encode(Job(sheets, at))
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
        return msgspec.json.encode(Job([_legible(sheet) for sheet in sheets], at))


def _legible(sheet: Sheet) -> Sheet:
    return Sheet(legible(sheet.store_id), [(legible(item_id), quantity) for item_id, quantity in sheet.lines])
