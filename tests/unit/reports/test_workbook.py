"""The XLSX report, read back."""

import io
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import Cell
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from store_api.reports import workbook as spreadsheet
from store_api.reports.sheets import Sheet
from store_api.reports.workbook import workbook
from tests.support.odd_ids import SPELLED

AT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
LOOKS_LIKE_SOMETHING_ELSE = [
    "=1+1",
    "#N/A",
    "+1",
    "-1",
    "@SUM(A1)",
    "2026-01-01",
    "007",
    "1e5",
    "TRUE",
    "12:30",
]
ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=40)


def opened(sheets: list[Sheet], at: datetime = AT) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(workbook(sheets, at)))


def only_sheet(*lines: tuple[str, int], store_id: str = "abc111") -> Worksheet:
    return the_sheet(opened([Sheet(store_id, lines)]))


def the_sheet(book: Workbook) -> Worksheet:
    (sheet,) = book.worksheets
    return sheet


def table(sheet: Worksheet) -> list[tuple[Cell, Cell]]:
    """The rows below the header."""
    rows = sheet.iter_rows(min_row=5, max_col=2)
    return [
        (item, quantity) for item, quantity in rows if isinstance(item, Cell) and isinstance(quantity, Cell)
    ]


def values(sheet: Worksheet) -> list[tuple[object, object]]:
    return [(item.value, quantity.value) for item, quantity in table(sheet)]


def as_excel_reads(text: object) -> str:
    """Undo ST_Xstring's escapes, ECMA-376 part 1, 22.9.2.19; openpyxl leaves them as they are."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), str(text))


def elements(file: bytes) -> Iterable[ElementTree.Element]:
    with ZipFile(io.BytesIO(file)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/"):
                yield from ElementTree.fromstring(archive.read(name)).iter()  # noqa: S314  (our own file)


def test_store_time_and_lines_sorted_by_item_are_in_it() -> None:
    sheet = only_sheet(("pear", 3), ("apple", 10), ("fig", 1))
    assert [sheet["A1"].value, sheet["B1"].value] == ["Store", "abc111"]
    assert [sheet["A2"].value, sheet["B2"].value] == ["Time (UTC)", "2026-01-31T23:59Z"]
    assert values(sheet) == [("apple", 10), ("fig", 1), ("pear", 3)]
    assert sheet.title == "abc111"


def test_time_is_told_in_utc_whatever_zone_it_came_in() -> None:
    tashkent = AT.astimezone(timezone(timedelta(hours=5)))
    assert the_sheet(opened([Sheet("abc111", [])], tashkent))["B2"].value == "2026-01-31T23:59Z"


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        workbook([Sheet("abc111", [])], AT.replace(tzinfo=None))


def test_header_is_bold_frozen_and_filtered() -> None:
    sheet = only_sheet(("apple", 10), ("fig", 1))
    assert [(cell.value, cell.font.b) for cell in sheet[4]] == [("Item", True), ("Quantity", True)]
    assert sheet.freeze_panes == "A5"
    assert sheet.auto_filter.ref == "A4:B6"
    assert not sheet["A5"].font.b


def test_an_empty_store_gives_just_the_header() -> None:
    sheet = only_sheet()
    assert [cell.value for cell in sheet[4]] == ["Item", "Quantity"]
    assert (sheet.max_row, sheet.auto_filter.ref) == (4, "A4:B4")


def test_no_stores_give_a_workbook_that_opens() -> None:
    assert len(opened([]).worksheets) == 1


@pytest.mark.parametrize(
    ("item_id", "width"), [("a", 12), ("a" * 30, 32), ("a" * 128, 60), ("本" * 10, 22), ("арт" * 10, 32)]
)
def test_item_column_is_as_wide_as_its_longest_id_within_bounds(item_id: str, width: int) -> None:
    assert only_sheet(("b", 1), (item_id, 1)).column_dimensions["A"].width == width


@pytest.mark.parametrize("text", LOOKS_LIKE_SOMETHING_ELSE)
def test_ids_are_text_whatever_they_look_like(text: str) -> None:
    sheet = only_sheet((text, 5), store_id=text)
    ((item, _),) = table(sheet)
    for cell in (item, sheet["B1"]):
        assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")


def test_the_file_holds_no_formula_error_or_date() -> None:
    lines = [(text, 5) for text in LOOKS_LIKE_SOMETHING_ELSE]
    file = workbook([Sheet(text, lines) for text in LOOKS_LIKE_SOMETHING_ELSE], AT)
    found = list(elements(file))
    assert not [element for element in found if element.tag.endswith("}f")]
    types = {element.get("t") for element in found if element.tag.endswith("}c")}
    assert types == {"inlineStr", "n"}


@pytest.mark.parametrize(
    "text", ["_x0041_", "_x0041_x0042_", "__x000D__", "_x005F_", "_x004g_", "_x41_", "a_b"]
)
def test_an_id_that_looks_like_an_escape_is_still_itself(text: str) -> None:
    ((item, _),) = values(only_sheet((text, 1)))
    assert as_excel_reads(item) == text


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\t", "\r", "\x85", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_hold_is_replaced(bad: str) -> None:
    sheet = only_sheet((f"a{bad}b", 1), store_id=f"c{bad}d")
    assert values(sheet) == [("a\ufffdb", 1)]
    assert (sheet["B1"].value, sheet.title) == ("c\ufffdd", "c\ufffdd")


@pytest.mark.parametrize(("name", "seen"), SPELLED.items(), ids=ascii)
def test_an_id_that_can_be_mistaken_is_itself_and_spelled_out_beside_it(name: str, seen: str) -> None:
    sheet = only_sheet((name, 1), ("plain", 2), ("odd\u200b", 10**15), store_id=name)
    assert dict(values(sheet)) == {name: 1, "plain": 2, "odd\u200b": str(10**15)}
    spelled = {row[0].value: row[2].value for row in sheet.iter_rows(min_row=5, max_col=3)}
    beside = None if seen == name else seen
    assert spelled == {name: beside, "plain": None, "odd\u200b": "odd‹U+200B›"}
    assert (sheet["B1"].value, sheet["C1"].value) == (name, beside)
    assert (sheet["C4"].value, only_sheet(("plain", 2))["C4"].value) == ("Spelled out", None)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(ANY_TEXT, st.integers(1, 2**63 - 1), max_size=5),
    st.lists(ANY_TEXT, min_size=1, max_size=3),
)
def test_any_ids_and_quantities_can_be_read_back(items: dict[str, int], store_ids: list[str]) -> None:
    def legible(text: str) -> str:
        unfit = {c for c in text if unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff"}
        return "".join("\ufffd" if c in unfit else c for c in text)

    book = opened([Sheet(store_id, list(items.items())) for store_id in store_ids])
    for sheet, store_id in zip(book.worksheets, store_ids, strict=True):
        assert as_excel_reads(sheet["B1"].value) == legible(store_id)
        read = [(as_excel_reads(item), int(str(quantity))) for item, quantity in values(sheet)]
        assert read == [(legible(item), quantity) for item, quantity in sorted(items.items())]


@pytest.mark.parametrize("text", ["long" * 100_000, "🍏" * 100_000, "_x0041" * 100_000 + "_"])
def test_over_long_ids_are_cut_to_what_a_cell_takes(text: str) -> None:
    ((item, _),) = values(only_sheet((text, 1), store_id=text))
    assert isinstance(item, str)
    assert len(item.encode("utf-16-le")) // 2 <= 32_767
    assert text.startswith(as_excel_reads(item))
    assert len(as_excel_reads(item)) == 16_000


@pytest.mark.parametrize("quantity", [1, 10**9, 2**31, 10**15 - 1])
def test_quantities_are_numbers(quantity: int) -> None:
    ((_, cell),) = table(only_sheet(("apple", quantity)))
    assert (cell.value, cell.data_type, cell.number_format) == (quantity, "n", "#,##0")


@pytest.mark.parametrize("quantity", [10**15, 2**53 + 1, 2**63 - 1])
def test_quantities_that_a_number_would_round_are_text(quantity: int) -> None:
    ((_, cell),) = table(only_sheet(("apple", quantity)))
    assert (cell.value, cell.data_type) == (str(quantity), "s")


def test_every_store_has_its_sheet() -> None:
    book = opened([Sheet("b", [("x", 1)]), Sheet("a", []), Sheet("B", [("y", 2)])])
    assert book.sheetnames == ["b", "a", "B (2)"]
    assert [values(sheet) for sheet in book.worksheets] == [[("x", 1)], [], [("y", 2)]]


def test_a_store_with_more_lines_than_rows_goes_on_in_another_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "ROWS", 7)
    book = opened([Sheet("b", [(f"item-{number}", number) for number in range(1, 8)])])
    assert book.sheetnames == ["b", "b (2)", "b (3)"]
    assert [len(values(sheet)) for sheet in book.worksheets] == [3, 3, 1]
    assert [line for sheet in book.worksheets for line in values(sheet)] == [
        (f"item-{n}", n) for n in range(1, 8)
    ]
