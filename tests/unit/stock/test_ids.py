"""How people are shown ids: no two that are not the same look it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.stock.ids import spelled
from tests.support.odd_ids import FOREIGN_SPELLED, SPELLED

ids = st.text(
    st.sampled_from("ae .\u0301\u0323\u200b\u200d\u212bÅé가ᄀ\u1161😀\u00a0") | st.characters(), max_size=8
)


@pytest.mark.parametrize(
    ("name", "seen"), {**SPELLED, **FOREIGN_SPELLED, "\ud800": "‹U+D800›"}.items(), ids=ascii
)
def test_ids_as_people_are_shown_them(name: str, seen: str) -> None:
    assert spelled(name) == seen


@given(ids.filter(lambda text: "‹" not in text and "␣" not in text))
def test_what_is_shown_says_which_id_it_is(name: str) -> None:
    code_points = re.sub(r"‹U\+([0-9A-F]+)›", lambda found: chr(int(found[1], 16)), spelled(name))
    assert code_points.replace("␣", " ") == name


@given(ids.filter(bool))
def test_something_is_always_seen(name: str) -> None:
    assert spelled(name).strip()
    assert spelled(name).isprintable() or re.search("[\u200c\u200d]", spelled(name))
