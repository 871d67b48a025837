"""What may name a store or an item, and what may not."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import InvalidInput
from store_api.web.requests import item_operation, store_id_of
from tests.unit.web.bodies import item_body

UNPRINTABLE = [
    "\0",
    "\t",
    "\n",
    "\r",
    "\x1f",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufffe",
    "\uffff",
    "\ufdd0",
]
HONEST_IDS = [
    "a",
    "a.b",
    "$x",
    "арт-1",
    "=1+1",
    "%41",
    "🪑",
    " ",
    "'\"\\",
    "__proto__",
    "\u202e",
    "x" * 128,
    "😀" * 128,
]

printable_ids = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), min_size=1, max_size=128
)


@pytest.mark.parametrize("store_id", HONEST_IDS)
def test_a_store_id_is_any_printable_text_percent_encoded_or_not(store_id: str) -> None:
    assert store_id_of(quote(store_id, safe="")) == store_id


@given(printable_ids.filter(lambda text: "/" not in text))
def test_every_store_id_survives_its_way_through_a_path(store_id: str) -> None:
    assert store_id_of(quote(store_id, safe="")) == store_id


@pytest.mark.parametrize(
    "segment",
    [
        "",
        "x" * 129,
        "a/b",
        "a%2Fb",
        "a%2fb",
        "%00",
        "%0A",
        "abc%0A",
        "abc\n",
        "%C2%85",
        "%E2%80%A8",
        "\ud800",
    ],
)
def test_a_segment_that_is_no_store_id_is_refused(segment: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 128 printable characters") as refused:
        store_id_of(segment)
    assert refused.value.path == "store_id"


@pytest.mark.parametrize("segment", ["%FF", "%ED%A0%80", "%C3", "a%80"])
def test_a_segment_that_is_no_utf_8_is_refused(segment: str) -> None:
    with pytest.raises(InvalidInput, match="percent-encoded UTF-8"):
        store_id_of(segment)


def test_a_segment_is_decoded_once() -> None:
    assert store_id_of("%2541") == "%41"


@pytest.mark.parametrize("item_id", [*HONEST_IDS, "a/b"])
def test_an_item_id_is_any_printable_text(item_id: str) -> None:
    assert item_operation("s", item_body(item_id=item_id), minimal=False).items == {item_id: 1}


@pytest.mark.parametrize("place", ["{}", "{}abc", "abc{}", "a{}c"])
@pytest.mark.parametrize("character", UNPRINTABLE, ids=ascii)
def test_an_item_id_with_a_character_that_nobody_can_see_is_refused(character: str, place: str) -> None:
    with pytest.raises(InvalidInput, match="printable characters") as refused:
        item_operation("s", item_body(item_id=place.format(character)), minimal=False)
    assert refused.value.path == "$.item_id"


@pytest.mark.parametrize("item_id", ["", "x" * 129, "😀" * 129])
def test_an_item_id_that_is_empty_or_too_long_is_refused(item_id: str) -> None:
    with pytest.raises(InvalidInput, match="of length") as refused:
        item_operation("s", item_body(item_id=item_id), minimal=False)
    assert refused.value.path == "$.item_id"
