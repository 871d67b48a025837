"""What the body of an operation may be, and which words of the client are at fault when it is not."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.contract.bodies import MOST_GROUP_LINES, MOST_PIECES
from store_api.errors import InvalidInput, NotJson
from store_api.stock import Operation, OperationKind
from store_api.web.requests import clean_operation, group_operation, item_operation, wants_only_changes
from tests.unit.web.bodies import group_body, item_body, line


def read_item(body: bytes) -> Operation:
    return item_operation("s", body, minimal=False)


def read_group(body: bytes) -> Operation:
    return group_operation("s", body, minimal=False)


# One item


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


# Many items


def test_a_group_keeps_its_order_and_sums_what_is_named_again() -> None:
    operation = read_group(group_body([line("b", 1), line("a", 2), line("b", 3)], operation="demand"))
    assert operation == Operation("s", OperationKind.DEMAND, {"b": 4, "a": 2})
    assert list(operation.items) == ["b", "a"]


def test_a_group_holds_10_000_lines_whose_sum_is_no_quantitys_limit() -> None:
    operation = read_group(group_body([line("a", MOST_PIECES)] * MOST_GROUP_LINES))
    assert operation.items == {"a": MOST_GROUP_LINES * MOST_PIECES}


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([], "$.items"),
        ([line()] * (MOST_GROUP_LINES + 1), "$.items"),
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


# What an operation belongs to, and why

NOTES: tuple[dict[str, str], ...] = (
    {},
    {"reference": "R-1009"},
    {"reason": "sale"},
    {"reference": 'a "b" \\ ü', "reason": "a.b_c-9"},
    {"reference": "x" * 128, "reason": "y" * 64},
)


def read_clean(body: bytes) -> Operation:
    return clean_operation("s", body, minimal=False)


def with_notes(notes: Mapping[str, Any]) -> dict[Callable[[bytes], Operation], bytes]:
    """Bodies of each kind that say this, by who reads them."""
    return {
        read_item: item_body(**notes),
        read_group: group_body([line(), line("b")], **notes),
        read_clean: json.dumps(notes).encode(),
    }


@pytest.mark.parametrize("notes", NOTES)
def test_a_reference_and_a_reason_are_read_as_they_are_written(notes: dict[str, str]) -> None:
    for read, body in with_notes(notes).items():
        operation = read(body)
        assert (operation.reference, operation.reason) == (notes.get("reference"), notes.get("reason"))


@pytest.mark.parametrize(
    ("notes", "path"),
    [
        ({"reference": ""}, "$.reference"),
        ({"reference": "x" * 129}, "$.reference"),
        ({"reference": "a\nb"}, "$.reference"),
        ({"reference": None}, "$.reference"),
        ({"reference": 7}, "$.reference"),
        ({"reason": ""}, "$.reason"),
        ({"reason": "Sale"}, "$.reason"),
        ({"reason": "y" * 65}, "$.reason"),
        ({"reason": "a b"}, "$.reason"),
        ({"actor": "till-7"}, "$"),
    ],
)
def test_a_reference_or_a_reason_that_is_none_is_refused_where_it_stands(
    notes: dict[str, Any], path: str
) -> None:
    for read, body in with_notes(notes).items():
        with pytest.raises(InvalidInput) as refused:
            read(body)
        assert refused.value.path == path
        assert "regex" not in str(refused.value)


def test_a_reference_that_is_named_twice_is_refused() -> None:
    for read, body in with_notes({"reference": "a"}).items():
        twice = body[:-1] + b', "reference": "b"}'
        with pytest.raises(InvalidInput) as refused:
            read(twice)
        assert refused.value.path == "$"
        assert read(body).reference == "a"


def test_who_asks_is_no_part_of_a_body() -> None:
    for read in (item_operation, group_operation, clean_operation):
        body = {item_operation: item_body(), group_operation: group_body([line()]), clean_operation: b""}[
            read
        ]
        assert read("s", body, minimal=False, actor="till-7").actor == "till-7"


@pytest.mark.parametrize(("arguments", "only"), [({}, False), ({"only": ["changes"]}, True)])
def test_changes_alone_are_for_those_who_ask_for_them(arguments: dict[str, list[str]], only: bool) -> None:
    assert wants_only_changes(arguments) is only


@pytest.mark.parametrize("text", ["", "Changes", "change", "true", "changes,", "all"])
def test_only_is_changes_and_nothing_else(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wants_only_changes({"only": [text]})
    assert refused.value.path == "only"
