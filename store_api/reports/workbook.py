"""The XLSX report: what stores hold, as a workbook that a spreadsheet program opens.

Run as a program it builds one workbook: a `Job` as JSON comes in on stdin, the bytes go out on stdout.
`workbook_job.py` runs it so.
"""

import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from unicodedata import east_asian_width

import msgspec
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from store_api.reports.sheets import Job, Sheet, legible
from store_api.stock.ids import spelled

# Excel's limits; support.microsoft.com, "Excel specifications and limits". It counts text in UTF-16 units.
ROWS = 1_048_576
DIGITS = 15
TITLE_UNITS = 31
RESERVED_TITLE = "history"
# 32,767 units a cell: a character is up to two, and escaping doubles a text at worst.
TEXT_CHARACTERS = 16_000

HEADER_ROW = 4
NARROWEST, WIDEST = 12, 60  # the item column, in characters

_BOLD = Font(name="Calibri", size=11, bold=True)
_RIGHT = Alignment(horizontal="right")
# Excel reads `_x0041_` as `A`; ECMA-376 part 1, 22.9.2.19 (ST_Xstring) and MS-OI29500 2.1.1747.
_READ_AS_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_UNFIT_FOR_TITLE = re.compile(rf"[\[\]:*?/\\]|{_READ_AS_ESCAPE.pattern}")


def workbook(sheets: Sequence[Sheet], at: datetime, *, exact: bool = False) -> bytes:
    """Build the XLSX file: a sheet a store, sorted by item. Blocks, for about 20 us a line.

    Ids are always text, never a formula, a date or a number; what XML cannot hold in them becomes U+FFFD.
    Where people could take one for another, or would see nothing, it is spelled out beside the quantity.
    A quantity of more than 15 digits is text as well: as a spreadsheet's number it would lose digits.
    A store of more lines than a sheet has rows goes on in another sheet.

    Args:
        sheets: the stores; none gives one empty sheet.
        at: the time of the report, with its time zone.
        exact: whether it is the report as of that very second.

    Raises:
        ValueError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a report needs its time zone")
    book = Workbook(write_only=True)
    book.properties.creator = "store_api"
    pages = [page for sheet in sheets for page in _pages(sheet)]
    titles = sheet_titles(page.store_id for page in pages)
    for page, title in zip(pages, titles, strict=True):
        sheet = book.create_sheet(title)
        _write(sheet, page, f"{at.astimezone(UTC):%Y-%m-%dT%H:%M{':%S' if exact else ''}Z}")
        # Or each sheet keeps a file open until all are written, and a process may have 1,024 of them.
        sheet.close()
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def sheet_titles(store_ids: Iterable[str]) -> list[str]:
    """Give each store a sheet title that Excel takes: legal, and not given twice whatever the case."""
    given = {RESERVED_TITLE: 1}
    titles = []
    for store_id in store_ids:
        title = _title(store_id)
        key = title.casefold()
        while title.casefold() in given:
            given[key] += 1
            title = _title(store_id, f" ({given[key]})")
        given[title.casefold()] = 1
        titles.append(title)
    return titles


def _pages(sheet: Sheet) -> Iterator[Sheet]:
    lines, rows = sorted(sheet.lines), ROWS - HEADER_ROW
    for start in range(0, max(1, len(lines)), rows):
        yield Sheet(sheet.store_id, lines[start : start + rows])


def _write(sheet: Worksheet, page: Sheet, at: str) -> None:
    _lay_out(sheet, page)
    item, number, long_number = (WriteOnlyCell(sheet) for _ in range(3))
    # Text to the program too, or `007` becomes 7 once somebody edits the cell.
    item.number_format = long_number.number_format = "@"
    long_number.alignment = _RIGHT
    number.number_format = "#,##0"
    sheet.append(["Store", set_text(item, page.store_id), *_spelling(sheet, page.store_id)])
    sheet.append(["Time (UTC)", at])
    sheet.append([])
    sheet.append(_header(sheet, page))
    for item_id, quantity in page.lines:
        # A write-only row is on disk once appended: its cells can be used again.
        if quantity < 10**DIGITS:
            number.value = quantity
            sheet.append((set_text(item, item_id), number, *_spelling(sheet, item_id)))
        else:
            pieces = set_text(long_number, str(quantity))
            sheet.append((set_text(item, item_id), pieces, *_spelling(sheet, item_id)))


def _spelling(sheet: Worksheet, name: str) -> Iterator[Cell]:
    """Give the cell that spells an id out, where that says more than the id does."""
    spelling = spelled(legible(name[:TEXT_CHARACTERS]))
    if spelling != name:
        yield set_text(WriteOnlyCell(sheet), spelling)


def _lay_out(sheet: Worksheet, page: Sheet) -> None:
    sheet.freeze_panes = f"A{HEADER_ROW + 1}"
    sheet.auto_filter.ref = f"A{HEADER_ROW}:B{HEADER_ROW + len(page.lines)}"
    longest = max((_columns(item_id) for item_id, _ in page.lines), default=0)
    sheet.column_dimensions["A"].width = min(max(longest + 2, NARROWEST), WIDEST)
    sheet.column_dimensions["B"].width = sheet.column_dimensions["C"].width = 22
    sheet.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToHeight = 0  # as many pages as it takes, one wide


def _header(sheet: Worksheet, page: Sheet) -> list[Cell]:
    titles = ["Item", "Quantity"]
    if any(spelled(item_id) != item_id for item_id, _ in page.lines):
        titles.append("Spelled out")
    cells = [WriteOnlyCell(sheet, title) for title in titles]
    for cell in cells:
        cell.font = _BOLD
    cells[1].alignment = _RIGHT
    return cells


def set_text(cell: Cell, text: str) -> Cell:
    """Put a text into a cell as such, whatever it looks like; gives the cell."""
    cell.value = _READ_AS_ESCAPE.sub("_x005F_", legible(text[:TEXT_CHARACTERS]))
    cell.data_type = "s"  # openpyxl has just taken `=1+1` for a formula and `#N/A` for an error
    return cell


def _columns(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _title(store_id: str, suffix: str = "") -> str:
    plain = _UNFIT_FOR_TITLE.sub("-", spelled(legible(store_id[:TEXT_CHARACTERS]).strip("' ")))
    units = plain.encode("utf-16-le")[: 2 * (TITLE_UNITS - len(suffix))]
    return (units.decode("utf-16-le", "ignore").strip("' ") or "Store") + suffix


def main() -> None:
    """Build the workbook of the `Job` on stdin, giving way to the processes that serve."""
    os.nice(5)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(workbook(job.sheets, job.at, exact=job.exact))


if __name__ == "__main__":
    main()
