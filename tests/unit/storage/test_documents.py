"""Store documents: field names for every item id, what is no stock, and updates carried over."""

import re
from typing import Any

import pytest
from bson import Decimal128, Int64, decode, encode
from hypothesis import assume, example, given
from hypothesis import strategies as st

from store_api.errors import BrokenDocument
from store_api.stock import Change, Stock, differences
from store_api.storage.documents import apply_update, field_of, item_id_of, path_of, read_stock
from store_api.storage.reader import overview_pipeline
from store_api.storage.updates import (
    guard_of,
    lone_guard_of,
    projection_of,
    sweepable,
    update_of,
)

item_ids = st.text(
    st.sampled_from("%.$25E24ea") | st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=128
)
quantities = st.integers(0, 2**63 - 1)
stocks = st.dictionaries(item_ids, quantities, max_size=6)


@given(item_ids)
@example("a.b")
@example("$x")
@example("%2E")
@example("=1+1")
@example("a/b")
@example("арт-1")
@example("__proto__")
def test_every_item_id_comes_back_from_its_field_name(item_id: str) -> None:
    assert item_id_of(field_of(item_id)) == item_id


@given(item_ids)
def test_a_field_name_never_reads_as_a_path_or_an_operator(item_id: str) -> None:
    assert not set(field_of(item_id)) & {".", "$", "\0"}


@given(item_ids, item_ids)
@example("a.b", "a%2Eb")
def test_two_item_ids_never_share_a_field(one: str, other: str) -> None:
    assume(one != other)
    assert field_of(one) != field_of(other)


@given(st.text(st.sampled_from("%.$25E24eabF\n"), max_size=12))
def test_a_field_name_is_the_one_way_to_write_its_item_id_or_refused(field: str) -> None:
    try:
        item_id = item_id_of(field)
    except ValueError:
        return
    assert field_of(item_id) == field


def test_plain_item_ids_are_their_own_field_names() -> None:
    assert field_of("item-1") == "item-1"
    assert [field_of(one) for one in ("a.b", "$x", "5%")] == ["a%2Eb", "%24x", "5%25"]


@pytest.mark.parametrize("field", ["", "a.b", "$x", "%", "%2", "%2e", "%41", "100%", "a%2Eb.c"])
def test_a_field_name_that_no_item_id_becomes_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(field))):
        item_id_of(field)


@given(stocks)
def test_a_stock_is_read_as_it_was_written_in_order_zeros_included(stock: Stock) -> None:
    document = decode(encode(document_of(stock)))
    assert list(read_stock(document).items()) == list(stock.items())


def test_a_store_without_items_is_empty() -> None:
    assert read_stock({"_id": "s"}) == {}


def test_a_long_becomes_a_plain_number() -> None:
    (quantity,) = read_stock({"_id": "s", "items": {"a": Int64(5)}}).values()
    assert type(quantity) is int


NO_QUANTITIES: list[Any] = [
    -1,
    Int64(-1),
    1.0,
    1.5,
    float("nan"),
    True,
    False,
    None,
    "1",
    [],
    {},
    {"b": 1},
    Decimal128("1"),
    b"1",
]
NO_ITEMS: list[Any] = [None, [], [1], "nonsense", 7, True]


@pytest.mark.parametrize("value", NO_QUANTITIES, ids=repr)
def test_a_quantity_that_is_no_whole_number_from_zero_breaks_its_document(value: Any) -> None:
    with pytest.raises(BrokenDocument) as broken:
        read_stock({"_id": "s", "items": {"fine": 1, "a": value}})
    assert broken.value.store_id == "s"
    assert broken.value.reason == "the quantity of 'a' is not a whole number from 0"
    assert not broken.value.applied


@pytest.mark.parametrize("items", NO_ITEMS, ids=repr)
def test_items_that_are_no_object_break_their_document(items: Any) -> None:
    with pytest.raises(BrokenDocument, match="'items' is not an object"):
        read_stock({"_id": "s", "items": items})


@pytest.mark.parametrize("field", ["", "a.b", "$x", "%2e"])
def test_an_item_whose_field_is_not_encoded_breaks_its_document(field: str) -> None:
    with pytest.raises(BrokenDocument, match="not percent-encoded"):
        read_stock({"_id": "s", "items": {field: 1}})


def document_of(stock: Stock) -> dict[str, Any]:
    items = {field_of(item_id): quantity for item_id, quantity in stock.items()}
    return {"_id": "s", "items": items, "rev": 1}


def update_between(before: Stock, after: Stock) -> tuple[dict[str, Any], list[str]]:
    """What a change stream says of an update that made one stock of the other."""
    updated: dict[str, Any] = {"rev": 2}
    updated.update(
        (path_of(item_id), quantity) for item_id, quantity in after.items() if before.get(item_id) != quantity
    )
    return updated, [path_of(item_id) for item_id in before if item_id not in after]


@given(stocks, stocks)
def test_a_change_carried_over_makes_the_stock_that_the_document_holds(before: Stock, after: Stock) -> None:
    stock = read_stock(document_of(before))
    assert apply_update(stock, *update_between(before, after))
    assert stock == read_stock(document_of(after))


@given(stocks, st.dictionaries(item_ids, quantities, max_size=3))
def test_items_keep_their_places_and_new_ones_come_last(before: Stock, changed: Stock) -> None:
    stock = dict(before)
    assert apply_update(stock, {path_of(item_id): quantity for item_id, quantity in changed.items()}, [])
    assert list(stock) == list({**before, **changed})


@given(stocks, stocks)
def test_items_that_are_set_as_a_whole_replace_all(before: Stock, after: Stock) -> None:
    stock = dict(before)
    assert apply_update(stock, {"items": document_of(after)["items"], "rev": 3}, [])
    assert list(stock.items()) == list(after.items())


def test_items_that_are_removed_as_a_whole_leave_nothing() -> None:
    stock = {"a": 1}
    assert apply_update(stock, {}, ["items"])
    assert stock == {}


@pytest.mark.parametrize("path", ["rev", "itemsx", "itemsx.a", "note", "note.items", "note.items.a"])
def test_other_fields_of_a_document_are_no_concern(path: str) -> None:
    stock = {"a": 1}
    assert apply_update(stock, {path: "anything"}, [path])
    assert stock == {"a": 1}


@pytest.mark.parametrize(
    ("updated", "removed"),
    [
        *[({"items.a": value}, []) for value in NO_QUANTITIES],
        *[({"items": value}, []) for value in NO_ITEMS],
        ({"items": {"a": -1}}, []),
        ({"items.a.b": 1}, []),
        ({"items.": 1}, []),
        ({"items.%2e": 1}, []),
        ({}, ["items.a.b"]),
    ],
    ids=repr,
)
def test_an_update_that_does_not_say_it_all_asks_for_a_reading(
    updated: dict[str, Any], removed: list[str]
) -> None:
    stock, changed = {"a": 1, "b": 2}, dict[str, int]()
    assert not apply_update(stock, {"items.b": 9, **updated}, ["items.b", *removed], changed)
    assert (stock, changed) == ({"a": 1, "b": 2}, {})


@given(stocks, stocks, st.booleans())
def test_the_lines_that_an_update_changes_are_those_in_which_the_reports_differ(
    before: Stock, after: Stock, as_a_whole: bool
) -> None:
    changed: Stock = {}
    update = ({"items": document_of(after)["items"]}, []) if as_a_whole else update_between(before, after)
    assert apply_update(dict(before), *update, changed)
    assert changed == differences(before, after)


def test_a_guard_names_the_store_and_the_least_that_must_be_there() -> None:
    change = Change("s", {"a.b": -3, "c": 1}, {"a.b": 3})
    assert guard_of(change) == {"_id": {"$eq": "s"}, "items.a%2Eb": {"$gte": 3}}


def test_a_guard_among_many_can_match_or_fail_but_never_insert() -> None:
    guard = lone_guard_of(Change("s", {"a": -3}, {"a": 3}))
    assert guard == {"$and": [{"_id": "s"}, {"_id": {"$eq": "s"}}], "items.a": {"$gte": 3}}


@given(st.dictionaries(item_ids, st.integers(-9, 9), max_size=4))
def test_an_update_adds_to_each_item_and_is_always_an_event(increments: dict[str, int]) -> None:
    update = update_of(Change("s", increments, {}))
    assert update == {
        "$inc": {"rev": 1, **{path_of(item): increment for item, increment in increments.items()}}
    }


def test_an_emptying_empties_and_is_an_event() -> None:
    assert update_of(Change("s", {}, {}, empties=True)) == {"$inc": {"rev": 1}, "$set": {"items": {}}}


def test_no_more_of_a_document_is_asked_for_than_is_needed() -> None:
    assert projection_of(None) == {"items": 1}
    assert projection_of(["a.b", "c"]) == {"items.a%2Eb": 1, "items.c": 1}
    # An empty projection would ask for everything.
    assert projection_of([]) == {"_id": 1}


def test_a_sweep_passes_by_what_is_no_stock() -> None:
    passed_by = sweepable("s", 8)
    assert passed_by["_id"] == {"$eq": "s"}
    assert passed_by["items"] == {"$type": "object"}
    assert passed_by["writers.sweep"] == {"$not": {"$gte": 8}}


def test_the_overview_begins_after_an_id_and_is_bounded() -> None:
    assert overview_pipeline("s", 5)[:3] == [
        {"$match": {"_id": {"$gt": "s"}}},
        {"$sort": {"_id": 1}},
        {"$limit": 5},
    ]
    # Text only, from the first: a document whose id is no text is no store.
    assert overview_pipeline("", 5)[0] == {"$match": {"_id": {"$gt": ""}}}
