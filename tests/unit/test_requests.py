"""What clients may send and what they may not, and which words of theirs are at fault."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import InvalidInput, NotJson, WrongMediaType
from store_api.requests import (
    MOST_LINES,
    MOST_PIECES,
    clean_operation,
    group_operation,
    item_operation,
    page_of,
    prefers_minimal,
    require_json,
    store_id_of,
    switch_of,
)
from store_api.stock import Operation, OperationKind

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


def item_body(**changed: Any) -> bytes:
    body = {"operation": "supply", "item_id": "a", "quantity": 1} | changed
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def group_body(items: Any, **changed: Any) -> bytes:
    return json.dumps({"operation": "supply", "items": items} | changed).encode()


def line(item_id: Any = "a", quantity: Any = 1) -> dict[str, Any]:
    return {"item_id": item_id, "quantity": quantity}


def read_item(body: bytes) -> Operation:
    return item_operation("s", body, minimal=False)


def read_group(body: bytes) -> Operation:
    return group_operation("s", body, minimal=False)


# Ids


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
    assert read_item(item_body(item_id=item_id)).items == {item_id: 1}


@pytest.mark.parametrize("place", ["{}", "{}abc", "abc{}", "a{}c"])
@pytest.mark.parametrize("character", UNPRINTABLE, ids=ascii)
def test_an_item_id_with_a_character_that_nobody_can_see_is_refused(character: str, place: str) -> None:
    with pytest.raises(InvalidInput, match="printable characters") as refused:
        read_item(item_body(item_id=place.format(character)))
    assert refused.value.path == "$.item_id"


@pytest.mark.parametrize("item_id", ["", "x" * 129, "😀" * 129])
def test_an_item_id_that_is_empty_or_too_long_is_refused(item_id: str) -> None:
    with pytest.raises(InvalidInput, match="of length") as refused:
        read_item(item_body(item_id=item_id))
    assert refused.value.path == "$.item_id"


# Bodies of one item


@pytest.mark.parametrize("kind", ["demand", "supply"])
@pytest.mark.parametrize("quantity", [1, 7, MOST_PIECES])
@pytest.mark.parametrize("minimal", [True, False])
def test_an_item_operation_is_read_as_it_is_written(kind: str, quantity: int, minimal: bool) -> None:
    body = item_body(operation=kind, quantity=quantity)
    operation = item_operation("s", body, minimal=minimal)
    assert operation == Operation("s", OperationKind(kind), {"a": quantity}, minimal)


BAD_QUANTITIES = {
    "1e400": "out of range",
    "-1e400": "out of range",
    str(2**63): "<= 1000000000",
    str(2**64): "<= 1000000000",
    str(10**30): "<= 1000000000",
    str(-(10**30)): ">= 1",
    str(MOST_PIECES + 1): "<= 1000000000",
    "0": ">= 1",
    "-0": ">= 1",
    "-1": ">= 1",
    "true": "got `bool`",
    "false": "got `bool`",
    '"1"': "got `str`",
    "1.0": "got `float`",
    "1e3": "got `float`",
    "0.5": "got `float`",
    "null": "got `null`",
    '{"$ne": null}': "got `object`",
    '{"$gt": 0}': "got `object`",
    "[1]": "got `array`",
}


@pytest.mark.parametrize(("written", "why"), BAD_QUANTITIES.items())
def test_a_quantity_that_is_none_is_refused_where_it_stands(written: str, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_item(b'{"operation": "supply", "item_id": "a", "quantity": %s}' % written.encode())
    assert why in str(refused.value)
    assert refused.value.path == "$.quantity"
    with pytest.raises(InvalidInput) as refused:
        read_group(
            b'{"operation": "supply", "items": [{"item_id": "a", "quantity": 1}, '
            b'{"item_id": "b", "quantity": %s}]}' % written.encode()
        )
    assert why in str(refused.value)
    assert refused.value.path == "$.items[1].quantity"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"item_id": 1}, "$.item_id"),
        ({"item_id": None}, "$.item_id"),
        ({"item_id": {"$ne": None}}, "$.item_id"),
        ({"item_id": ["a"]}, "$.item_id"),
        ({"operation": "clean"}, "$.operation"),
        ({"operation": "Supply"}, "$.operation"),
        ({"operation": ""}, "$.operation"),
        ({"operation": None}, "$.operation"),
        ({"operation": {"$ne": None}}, "$.operation"),
        ({"operation": ...}, "$"),
        ({"item_id": ...}, "$"),
        ({"quantity": ...}, "$"),
        ({"price": 3}, "$"),
        ({"items": [line()]}, "$"),
    ],
)
def test_a_field_that_is_wrong_missing_or_too_many_is_named(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_item(item_body(**changed))
    assert refused.value.path == path
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("read", [read_item, read_group])
@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true", b"{}", b'{"$where": "1"}'])
def test_json_of_another_shape_is_refused_as_a_whole(read: Any, body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(body)
    assert refused.value.path == "$"


DEEP = 100_000
NO_JSON = {
    "empty": b"",
    "blank": b" \n",
    "no JSON": b"operation=supply",
    "cut off": b'{"operation": "supply"',
    "trailing": item_body() + b" x",
    "two": item_body() * 2,
    "single quotes": b"{'operation': 'supply'}",
    "leading zero": b'{"operation": "supply", "item_id": "a", "quantity": 01}',
    "NaN": b'{"operation": "supply", "item_id": "a", "quantity": NaN}',
    "Infinity": b'{"operation": "supply", "item_id": "a", "quantity": Infinity}',
    "-Infinity": b'{"operation": "supply", "item_id": "a", "quantity": -Infinity}',
    "wrong first, no JSON later": b'{"operation": "supply", "item_id": "a", "quantity": "x", nonsense}',
    "no UTF-8": b'{"operation": "supply", "item_id": "\xff", "quantity": 1}',
    "no UTF-8 further on": b'{"operation": 1, "item_id": "\xff", "quantity": 1}',
    "UTF-16": item_body().decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + item_body(),
    "a lone high surrogate": b'{"operation": "supply", "item_id": "\\ud800", "quantity": 1}',
    "a lone low surrogate": b'{"operation": "supply", "item_id": "\\udc00a", "quantity": 1}',
    "a surrogate in UTF-8": b'{"operation": "supply", "item_id": "\xed\xa0\x80", "quantity": 1}',
    "a surrogate for a name": b'{"\\ud800": 1}',
    "a raw control character": b'{"operation": "supply", "item_id": "a\x01", "quantity": 1}',
    "nested": b"[" * DEEP + b"]" * DEEP,
    "nested and open": b"[" * DEEP,
    "nested objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "nested further in": b'{"operation": ' + b"[" * DEEP + b"]" * DEEP + b"}",
}


@pytest.mark.parametrize("read", [read_item, read_group])
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_says_so_and_nothing_worse(read: Any, body: bytes) -> None:
    with pytest.raises(NotJson):
        read(body)


@given(st.binary(max_size=40) | st.text(st.sampled_from('{}[]":,a1e-\\ud8.'), max_size=40).map(str.encode))
def test_whatever_comes_is_read_or_refused_by_name(body: bytes) -> None:
    for read in (read_item, read_group):
        with pytest.raises((NotJson, InvalidInput)):
            read(body)


# Bodies of many items


def test_a_group_keeps_its_order_and_sums_what_is_named_again() -> None:
    operation = read_group(group_body([line("b", 1), line("a", 2), line("b", 3)], operation="demand"))
    assert operation == Operation("s", OperationKind.DEMAND, {"b": 4, "a": 2})
    assert list(operation.items) == ["b", "a"]


def test_a_group_holds_10_000_lines_whose_sum_is_no_quantitys_limit() -> None:
    operation = read_group(group_body([line("a", MOST_PIECES)] * MOST_LINES))
    assert operation.items == {"a": MOST_LINES * MOST_PIECES}


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([], "$.items"),
        ([line()] * (MOST_LINES + 1), "$.items"),
        ({}, "$.items"),
        ({"a": 1}, "$.items"),
        (None, "$.items"),
        ("a", "$.items"),
        ([None], "$.items[0]"),
        ([line(), 1], "$.items[1]"),
        ([line(), []], "$.items[1]"),
        ([line(), {}], "$.items[1]"),
        ([{**line(), "operation": "demand"}], "$.items[0]"),
        ([line(), line(), line("a\n")], "$.items[2].item_id"),
        ([line(""), line()], "$.items[0].item_id"),
        ([line({"$ne": None})], "$.items[0].item_id"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_group_that_is_wrong_anywhere_is_refused_where_it_is(items: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_group(group_body(items))
    assert refused.value.path == path


def test_a_group_without_items_or_with_more_than_that_is_refused() -> None:
    for body in (b'{"operation": "supply"}', group_body([line()], item_id="a")):
        with pytest.raises(InvalidInput) as refused:
            read_group(body)
        assert refused.value.path == "$"


def test_a_clean_needs_no_body() -> None:
    assert clean_operation("s", minimal=True) == Operation("s", OperationKind.CLEAN, {}, minimal=True)


# Headers and queries


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", " application/json ;x=y"],
)
def test_a_body_that_says_that_it_is_json_is_let_in(content_type: str) -> None:
    require_json(content_type)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/jsonp", "application/json-patch+json", "text/json", "json", ";"],
)
def test_a_body_that_says_anything_else_is_refused(content_type: str | None) -> None:
    with pytest.raises(WrongMediaType):
        require_json(content_type)


@pytest.mark.parametrize(
    ("prefer", "minimal"),
    [
        (None, False),
        ("", False),
        ("return=minimal", True),
        ("Return = minimal", True),
        ('return="minimal"', True),
        ("return=minimal; foo=bar", True),
        ("respond-async, wait=10, return=minimal", True),
        ("return=representation", False),
        ("return=representation, return=minimal", False),
        ("return=minimal, return=representation", True),
        ("return", False),
        ("minimal", False),
        ("x-return=minimal", False),
        ("wait=10; return=minimal", False),
    ],
)
def test_only_the_first_return_preference_counts(prefer: str | None, minimal: bool) -> None:
    assert prefers_minimal(prefer) is minimal


@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        ({}, ("", 1000)),
        ({"limit": ["1"]}, ("", 1)),
        ({"limit": ["10000"], "after": ["арт/1"]}, ("арт/1", 10000)),
        ({"after": [""]}, ("", 1000)),
        ({"limit": ["5", "x"], "after": ["a", "b"]}, ("a", 5)),
        ({"other": ["x"]}, ("", 1000)),
    ],
)
def test_a_page_begins_after_an_id_and_holds_a_thousand_unless_asked(
    arguments: dict[str, list[str]], page: tuple[str, int]
) -> None:
    assert page_of(arguments) == page


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "10001", "1.0", "1e3", " 5", "x", "٥", "²", "+5", "9" * 5000]
)
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 10000") as refused:
        page_of({"limit": [limit]})
    assert refused.value.path == "limit"


def test_a_switch_is_off_unless_it_is_on() -> None:
    assert not switch_of({}, "snapshot")
    assert not switch_of({"snapshot": ["false"]}, "snapshot")
    assert switch_of({"snapshot": ["true"]}, "snapshot")


@pytest.mark.parametrize("text", ["", "1", "True", "yes", "on"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="snapshot is true or false") as refused:
        switch_of({"snapshot": [text]}, "snapshot")
    assert refused.value.path == "snapshot"
