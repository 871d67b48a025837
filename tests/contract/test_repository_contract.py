"""What every repository promises to group commit."""

import pytest

from store_api.batches.numbers import Numbers
from store_api.errors import BrokenDocument, UnfitDocument
from store_api.stock import LARGEST_QUANTITY, Change, Written
from store_api.storage.updates import LARGEST_PROVEN_BY_UPDATE
from tests.contract.subjects import Subject, outcome_of
from tests.simulation.history import Document

APPLIED, NOT_MATCHED, UNFIT = Written.APPLIED, Written.NOT_MATCHED, Written.UNFIT


def supply(store_id: str, **items: int) -> Change:
    return Change(store_id, items, {}, creates=True)


def demand(store_id: str, **items: int) -> Change:
    return Change(store_id, {item_id: -quantity for item_id, quantity in items.items()}, items)


def clean(store_id: str) -> Change:
    return Change(store_id, {}, {}, empties=True)


def store(store_id: str, rev: int = 1, **items: object) -> Document:
    return {"_id": store_id, "items": items, "rev": rev}


async def test_a_change_is_applied_whole_and_the_stock_after_it_comes_back(
    subject: Subject, store_id: str
) -> None:
    subject.put(store(store_id, a=5, b=2, c=0))
    change = Change(store_id, {"a": -3, "c": 4, "d": 1}, {"a": 3, "b": 2})
    assert await subject.repository.apply(change, None) == {"a": 2, "b": 2, "c": 4, "d": 1}
    assert subject.get(store_id) == store(store_id, 2, a=2, b=2, c=4, d=1)


@pytest.mark.parametrize("least", [{"a": 6}, {"a": 1, "b": 3}, {"c": 1}, {"a": 1, "d": 1}], ids=str)
async def test_where_the_guard_does_not_hold_nothing_happens_at_all(
    subject: Subject, store_id: str, least: dict[str, int]
) -> None:
    subject.put(store(store_id, a=5, b=2, c=0))
    change = Change(store_id, {"a": -1, "b": 9}, least)
    assert await subject.repository.apply(change, None) is None
    assert await subject.repository.apply_many([change]) == [NOT_MATCHED]
    assert subject.get(store_id) == store(store_id, a=5, b=2, c=0)


async def test_only_a_change_that_needs_nothing_creates_its_store(subject: Subject, store_id: str) -> None:
    # The last one brings more than it takes.
    for change in (demand(store_id, a=1), clean(store_id), Change(store_id, {"a": 5}, {"a": 5})):
        assert await subject.repository.apply(change, None) is None
        assert await subject.repository.apply_many([change]) == [NOT_MATCHED]
    assert subject.get(store_id) is None
    assert await subject.repository.apply(supply(store_id, a=3, b=1), None) == {"a": 3, "b": 1}
    other_id = f"{store_id}-other"
    assert await subject.repository.apply_many([supply(other_id, a=3)]) == [APPLIED]
    assert (subject.get(store_id), subject.get(other_id)) == (
        store(store_id, a=3, b=1),
        store(other_id, a=3),
    )


async def test_what_nets_to_nothing_is_a_change_and_may_create_a_store_too(
    subject: Subject, store_id: str
) -> None:
    subject.put(store(store_id, a=5))
    assert await subject.repository.apply_many([Change(store_id, {}, {"a": 5})]) == [APPLIED]
    assert subject.get(store_id) == store(store_id, 2, a=5)
    assert await subject.repository.apply(Change(f"{store_id}-new", {}, {}, creates=True), None) == {}


async def test_of_many_changes_each_is_judged_by_itself(subject: Subject, store_id: str) -> None:
    ids = [f"{store_id}-{number}" for number in range(9)]
    subject.put(
        store(ids[0], a=5),
        store(ids[1], a=5),
        store(ids[2], a=5, b=1),
        store(ids[5], a=LARGEST_QUANTITY - 1),
        store(ids[6], a="many"),
        {"_id": ids[7], "items": "gone", "rev": 1},
    )
    changes = [
        demand(ids[0], a=5),
        demand(ids[1], a=6),
        clean(ids[2]),
        supply(ids[3], a=1),
        demand(ids[4], a=1),
        supply(ids[5], a=2),
        supply(ids[6], a=1),
        supply(ids[7], a=1),
        clean(ids[8]),
    ]
    assert await subject.repository.apply_many(changes) == [
        *(APPLIED, NOT_MATCHED, APPLIED, APPLIED, NOT_MATCHED, UNFIT, UNFIT, UNFIT, NOT_MATCHED)
    ]
    assert [subject.get(one_id) for one_id in ids] == [
        store(ids[0], 2, a=0),
        store(ids[1], a=5),
        store(ids[2], 2),
        store(ids[3], a=1),
        None,
        store(ids[5], a=LARGEST_QUANTITY - 1),
        store(ids[6], a="many"),
        {"_id": ids[7], "items": "gone", "rev": 1},
        None,
    ]
    for change in (changes[5], changes[6], changes[7]):
        assert await outcome_of(subject.repository.apply(change, None)) == (UnfitDocument, False)


async def test_a_clean_repairs_what_is_broken(subject: Subject, store_id: str) -> None:
    subject.put({"_id": store_id, "items": "gone", "rev": 1})
    assert await subject.repository.apply(clean(store_id), None) == {}
    assert subject.get(store_id) == store(store_id, 2)


async def test_a_change_that_leaves_a_broken_document_says_that_it_was_applied(
    subject: Subject, store_id: str
) -> None:
    subject.put(store(store_id, a=5, b="many"))
    assert await outcome_of(subject.repository.apply(demand(store_id, a=1), None)) == (BrokenDocument, True)
    assert await subject.repository.apply(demand(store_id, a=1), ("a",)) == {"a": 3}
    assert await subject.repository.apply_many([demand(store_id, a=1)]) == [APPLIED]
    assert subject.get(store_id) == store(store_id, 4, a=2, b="many")


async def test_stores_are_read_together_and_a_broken_one_breaks_no_other(
    subject: Subject, store_id: str
) -> None:
    sound, broken, gone = f"{store_id}-sound", f"{store_id}-broken", f"{store_id}-gone"
    subject.put(store(sound, b=2, a=0), store(broken, a=1, b="many"), {"_id": gone, "items": "gone"})
    found = await subject.repository.read_many([sound, broken, gone, f"{store_id}-missing"])
    assert found.pop(sound) == {"b": 2, "a": 0}
    assert {name: type(reading) for name, reading in found.items()} == {
        broken: BrokenDocument,
        gone: BrokenDocument,
    }
    assert not any(getattr(reading, "applied", False) for reading in found.values())


async def test_a_reading_in_part_holds_what_is_wanted_and_there(subject: Subject, store_id: str) -> None:
    sound, broken, gone = f"{store_id}-sound", f"{store_id}-broken", f"{store_id}-gone"
    subject.put(store(sound, a=0, b=2), store(broken, a=1, b="many"), {"_id": gone, "items": "gone"})
    store_ids = [sound, broken, gone, f"{store_id}-missing"]
    assert await subject.repository.read_many(store_ids, ("a", "z")) == {
        sound: {"a": 0},
        broken: {"a": 1},
        gone: {},
    }
    assert await subject.repository.read_many([sound, f"{store_id}-missing"], ()) == {sound: {}}
    assert await subject.repository.apply(supply(sound, a=1), ("a", "z")) == {"a": 1}


async def test_a_sweep_removes_what_is_used_up_and_touches_nothing_else(
    subject: Subject, store_id: str
) -> None:
    gone = f"{store_id}-gone"
    subject.put(store(store_id, a=0, b=2, c=0), {"_id": gone, "items": "gone"})
    for swept_id in (store_id, gone, f"{store_id}-missing"):
        await subject.repository.sweep(swept_id, Numbers().next(), items=True)
    assert subject.get(store_id) == store(store_id, 2, b=2)
    assert subject.get(gone) == {"_id": gone, "items": "gone"}
    assert subject.get(f"{store_id}-missing") is None


FOUND = {"b": 5, "a": 2, "c": 0}


@pytest.mark.parametrize(
    ("items", "holds"),
    [
        (FOUND, True),
        ({"b": 5, "a": 2}, False),
        ({"b": 5, "a": 3, "c": 0}, False),
        ({"b": 5, "a": 2, "c": 0, "d": 1}, False),
        ({"a": 2, "b": 5, "c": 0}, False),
        ({}, False),
        (None, False),
    ],
    ids=str,
)
async def test_a_change_that_must_find_a_stock_holds_just_on_that_stock(
    subject: Subject, store_id: str, items: dict[str, int] | None, holds: bool
) -> None:
    leaves = {"b": 0, "a": 2, "c": 7}
    for one_id in (store_id, other_id := f"{store_id}-other"):
        change = Change(one_id, {"b": -5, "c": 7}, {"b": 5}, found=FOUND, leaves=leaves)
        if items is not None:
            subject.put(store(one_id, **items))
        if one_id == other_id:
            assert await subject.repository.apply_many([change]) == [APPLIED if holds else NOT_MATCHED]
        else:
            assert await subject.repository.apply(change, None) == (leaves if holds else None)
        before = None if items is None else store(one_id, **items)
        assert subject.get(one_id) == (store(one_id, 2, **leaves) if holds else before)


async def test_a_stock_of_nothing_is_no_missing_stock(subject: Subject, store_id: str) -> None:
    subject.put({"_id": store_id, "rev": 1})
    change = Change(store_id, {}, {}, found={}, leaves={})
    assert await subject.repository.apply(change, None) is None
    assert await subject.repository.apply_many([change]) == [NOT_MATCHED]


LARGE = {f"item-{number}": 9 for number in range(LARGEST_PROVEN_BY_UPDATE + 1)}
SMALL = {"a": 1, "0": 2**40, "_id": 4}


@pytest.mark.parametrize("items", [SMALL, LARGE], ids=["small", "large"])
async def test_of_many_foretold_changes_each_is_its_own(
    subject: Subject, store_id: str, items: dict[str, int]
) -> None:
    stock = {item_id: quantity + 5 for item_id, quantity in items.items()}
    known, changed, gone = (f"{store_id}-{number}" for number in range(3))
    subject.put(*({"_id": one_id, "items": dict(stock)} for one_id in (known, changed)))
    least = dict.fromkeys(items, 5)
    changes = [
        Change(one_id, dict.fromkeys(items, -5), least, found=found, leaves=items)
        for one_id, found in ((known, stock), (changed, stock | {next(iter(stock)): 99}), (gone, stock))
    ]
    assert await subject.repository.apply_many(changes) == [APPLIED, NOT_MATCHED, NOT_MATCHED]
    assert subject.get(known) == {"_id": known, "items": items, "rev": 1}
    assert subject.get(changed) == {"_id": changed, "items": stock}
    assert subject.get(gone) is None


async def test_a_revision_that_is_no_number_makes_a_foretold_change_unfit(
    subject: Subject, store_id: str
) -> None:
    document = {"_id": store_id, "items": {"a": 2}, "rev": "many"}
    subject.put(document)
    change = Change(store_id, {"a": -1}, {"a": 1}, found={"a": 2}, leaves={"a": 1})
    assert await subject.repository.apply_many([change]) == [UNFIT]
    assert subject.get(store_id) == document
