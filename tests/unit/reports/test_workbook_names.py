"""Sheet titles and file names, made of whatever a store is called."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.reports.workbook import sheet_titles
from store_api.web.routes import content_disposition
from tests.support.odd_ids import SAME_EVERYWHERE

AT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("store_ids", "titles"),
    [
        (["a[b]:*?/\\c"], ["a-b------c"]),
        (["'quoted'"], ["quoted"]),
        (["''", " "], ["Store", "Store (2)"]),
        (["History"], ["History (2)"]),
        (["straße", "STRASSE"], ["straße", "STRASSE (2)"]),
        (["Σ", "σ", "ς"], ["Σ", "σ (2)", "ς (3)"]),
        (["a", "a (2)", "A", "a"], ["a", "a (2)", "A (3)", "a (4)"]),
        (["x" * 128, "x" * 127], ["x" * 31, "x" * 27 + " (2)"]),
        (["x" * 30 + "'y"], ["x" * 30]),
        (["🍏" * 40], ["🍏" * 15]),
        (["_x0041_"], ["-x0041_"]),
        (["é", "e\u0301", "\u200b"], ["é", "e‹U+0301›", "‹U+200B›"]),
    ],
)
def test_sheet_titles_are_legal(store_ids: list[str], titles: list[str]) -> None:
    assert sheet_titles(store_ids) == titles


@given(st.lists(ANY_TEXT | st.text("aA'[ (2)", max_size=5), max_size=20))
def test_sheet_titles_are_legal_and_unique_for_any_ids(store_ids: list[str]) -> None:
    titles = sheet_titles(store_ids)
    assert len({title.casefold() for title in titles} - {"history"}) == len(store_ids)
    for title in titles:
        assert 1 <= len(title.encode("utf-16-le")) // 2 <= 31
        assert not set(title) & set("[]:*?/\\")
        assert title == title.strip("' ")


def test_the_download_is_named_after_store_and_day() -> None:
    late_in_tashkent = datetime(2026, 2, 1, 3, tzinfo=timezone(timedelta(hours=5)))
    name = "stock-abc111-2026-01-31.xlsx"
    assert (
        content_disposition("abc111", late_in_tashkent)
        == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    )


@given(ANY_TEXT | st.text('абв"\\/\r\n;%%41..', min_size=1, max_size=128))
def test_any_store_id_makes_a_safe_header_with_the_true_name(store_id: str) -> None:
    header = content_disposition(store_id, AT)
    # attr-char and pct-encoded of RFC 8187.
    assert re.fullmatch(
        r'attachment; filename="stock-[A-Za-z0-9._-]*-2026-01-31\.xlsx"; '
        r"filename\*=UTF-8''(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+",
        header,
    )
    name = unquote(header.partition("UTF-8''")[2], errors="strict")
    assert not set(name) & set("/\\\r\n")
    assert len(name.encode()) <= 255
    if store_id.isprintable() and not set(store_id) & set("/\\"):
        if len(store_id.encode()) <= 233:
            assert name == f"stock-{store_id}-2026-01-31.xlsx"
        else:
            kept = name.removeprefix("stock-").removesuffix("-2026-01-31.xlsx")
            assert store_id.startswith(kept)
            assert len(kept.encode()) > 233 - 4


@pytest.mark.parametrize("store_id", SAME_EVERYWHERE, ids=ascii)
def test_every_store_can_be_saved_under_the_name_that_is_given(store_id: str, tmp_path: Path) -> None:
    name = unquote(content_disposition(store_id, AT).partition("UTF-8''")[2])
    (tmp_path / name).write_bytes(b"")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_store_id_of_any_length_makes_a_short_header() -> None:
    assert len(content_disposition("🍏" * 100_000, AT)) < 2_000
