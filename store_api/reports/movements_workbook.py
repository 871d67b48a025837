"""Movements as a workbook: a row each, in their order.

Run as a program it builds one: a `MovementsJob` as JSON comes in on stdin, the bytes go out on stdout.
"""

import io
import os
import sys
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from store_api.reports.sheets import MovementLine, MovementsJob
from store_api.reports.workbook import DIGITS, set_text, sheet_titles
from store_api.stock.ids import spelled

HEADER_ROW: Final = 4

COLUMNS: Final = {
    "Time (UTC)": 21,
    "Item": 28,
    "Change": 12,
    "Quantity": 12,
    "Operation": 12,
    "Actor": 20,
    "Reference": 24,
    "Reason": 16,
    "Id": 14,
}
"""What the columns are called, and how wide each is, in characters."""

_NUMBERS: Final = ("Change", "Quantity")
_BOLD = Font(name="Calibri", size=11, bold=True)
_RIGHT = Alignment(horizontal="right")


def movements_workbook(job: MovementsJob) -> bytes:
    """Build the XLSX file, with one sheet. Blocks.

    What people have written is always text, and a number of more than 15 digits as well.

    Args:
        job: what goes into it.
    """
    book = Workbook(write_only=True)
    book.properties.creator = "store_api"
    sheet = book.create_sheet(sheet_titles([job.store_id])[0])
    sheet.freeze_panes = f"A{HEADER_ROW + 1}"
    sheet.auto_filter.ref = f"A{HEADER_ROW}:I{HEADER_ROW + len(job.lines)}"
    for letter, width in zip("ABCDEFGHI", COLUMNS.values(), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.append(["Store", set_text(WriteOnlyCell(sheet), spelled(job.store_id))])
    sheet.append(["Time (UTC)", _written(job.at)])
    sheet.append([])
    sheet.append(_header(sheet))
    cells = [WriteOnlyCell(sheet) for _ in COLUMNS]
    for line in job.lines:
        # A write-only row is on disk once appended: its cells can be used again.
        for cell, value in zip(cells, _values(line), strict=True):
            _set(cell, value)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _values(line: MovementLine) -> tuple[str | int | None, ...]:
    return (
        *(_written(line.at), spelled(line.item_id), line.delta, line.quantity, line.op),
        *(line.actor, line.reference, line.reason, line.id),
    )


def _set(cell: Any, value: str | int | None) -> None:
    if isinstance(value, int) and abs(value) < 10**DIGITS:
        cell.value = value
        cell.number_format = "#,##0"
        return
    # Text to the program too, or `007` becomes 7 once somebody edits the cell.
    cell.number_format = "@"
    if value is None:
        cell.value = None
    else:
        set_text(cell, str(value))


def _header(sheet: Worksheet) -> list[Any]:
    cells = [WriteOnlyCell(sheet, title) for title in COLUMNS]
    for cell in cells:
        cell.font = _BOLD
        if cell.value in _NUMBERS:
            cell.alignment = _RIGHT
    return cells


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def main() -> None:
    """Build the workbook of the `MovementsJob` on stdin, giving way to the processes that serve."""
    os.nice(5)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=MovementsJob)
    sys.stdout.buffer.write(movements_workbook(job))


if __name__ == "__main__":
    main()
