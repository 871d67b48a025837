"""Workbooks built in processes of their own, so that a large one delays no other request."""

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

import msgspec

from store_api.spreadsheet import Job, Sheet, legible

_ROOT = Path(__file__).parents[1]
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
        with TemporaryDirectory(prefix="store_api-") as folder:
            return await _run(_encode(sheets, at), folder)


async def _run(job: bytes, folder: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "store_api.spreadsheet"),
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": folder},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    exchange = asyncio.ensure_future(process.communicate(job))
    try:
        file, complaint = await asyncio.shield(exchange)
    finally:
        if process.returncode is None:
            process.kill()
            # To its end, because a process whose pipes nobody reads is never seen to end.
            await exchange
    if process.returncode != 0:
        raise RuntimeError(f"building a spreadsheet ended with {process.returncode}: {complaint[-500:]!r}")
    return file


def _encode(sheets: Sequence[Sheet], at: datetime) -> bytes:
    try:
        return msgspec.json.encode(Job(sheets, at))
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
        return msgspec.json.encode(Job([_legible(sheet) for sheet in sheets], at))


def _legible(sheet: Sheet) -> Sheet:
    return Sheet(legible(sheet.store_id), [(legible(item_id), quantity) for item_id, quantity in sheet.lines])
