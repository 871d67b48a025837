"""Whatever changes a store, and whatever it says of itself, the rows are the difference, and add up."""

import re
from typing import Any

from bson import Int64, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from store_api.ledger.balances import Balance, carry, checkpoint_after, correct
from store_api.ledger.rows import MANY_ITEMS, Kind, Row, items_in
from store_api.stock import LARGEST_QUANTITY, Operation, OperationKind, Stock
from store_api.stock.ids import UNPRINTABLE
from store_api.stock.said import said_of
from store_api.storage.documents import field_of, quantities_in
from watchers.changes import StoreChange

AT = Timestamp(1_795_000_000, 1)
FRESH = AT.time * 1000
ITEMS = ("a", "b", "c.d", "100%", "€")

UNFIT = re.compile(f"[{UNPRINTABLE}]")

quantities = st.integers(0, 6) | st.integers(LARGEST_QUANTITY - 3, LARGEST_QUANTITY)
stocks = st.dictionaries(st.sampled_from(ITEMS), st.integers(1, 6) | st.just(LARGEST_QUANTITY))
broken: st.SearchStrategy[Any] = st.sampled_from(
    (-1, 1.5, "7", None, True, 2**63, [], {"x": 1}, float("nan"))
)
values = quantities | broken | quantities.map(Int64)
fields = st.sampled_from(tuple(map(field_of, ITEMS))) | st.sampled_from(
    ("", "%", "a.b", "$x", "x\x00", "%2e")
)
documents = st.fixed_dictionaries(
    {},
    optional={"items": st.dictionaries(fields, values) | broken, "by": st.none() | st.just({"actor": "x"})},
)
lines = st.lists(
    st.builds(
        Operation,
        st.just("s"),
        st.sampled_from((OperationKind.SUPPLY, OperationKind.DEMAND)),
        st.dictionaries(st.sampled_from(ITEMS), st.integers(1, 6) | st.just(LARGEST_QUANTITY), min_size=1),
        actor=st.sampled_from((None, "till-1", "till-2")),
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def changes(draw: st.DrawFn) -> StoreChange:
    """Draw any change, of ours, of others, or of others in our name."""
    kind = draw(st.sampled_from(("document", "update", "delete")))
    if kind == "delete":
        return StoreChange("s", AT, deleted=True)
    last: dict[str, Any] = {}
    if draw(st.booleans()):
        last = {"last": said_of("w", FRESH, draw(lines))}
    if kind == "document":
        proof = {"rev": 1, "writers": {"w": FRESH}} if draw(st.booleans()) else {}
        return StoreChange("s", AT, document={"_id": "s", **draw(documents), **proof, **last})
    paths: dict[str, Any] = draw(st.dictionaries(fields.map("items.{}".format), values, max_size=3))
    if draw(st.integers(0, 5)) == 0:
        paths["items"] = draw(st.dictionaries(fields, values, max_size=3) | broken)
    if draw(st.booleans()):
        paths["writers.w"] = FRESH
    removed = draw(st.lists(st.just("items") | fields.map("items.{}".format), max_size=2))
    return StoreChange(
        "s", AT, updated={**paths, **last}, removed=[each for each in removed if each not in paths]
    )


def after(stock: Stock, change: StoreChange) -> Stock:
    """What a store holds after a change, read from it alone: the plain truth."""
    if change.deleted:
        return {}
    is_whole, found = quantities_in(
        change.updated if change.document is None else change.document, change.removed
    )
    left = {} if is_whole or change.document is not None else dict(stock)
    left.update(found)
    return {item_id: quantity for item_id, quantity in left.items() if quantity}


def replayed(stock: Stock, rows: list[Row]) -> Stock:
    """Carry rows over into a stock, and prove each of them."""
    left = dict(stock)
    for row in rows:
        assert row["d"] != 0
        assert left.get(row["i"], 0) + row["d"] == row["q"]
        assert 0 <= row["q"] <= LARGEST_QUANTITY
        left[row["i"]] = row["q"]
    return {item_id: quantity for item_id, quantity in left.items() if quantity}


@given(stocks, st.lists(changes(), min_size=1, max_size=4))
def test_the_rows_of_any_changes_add_up_to_the_stock(stock: Stock, some: list[StoreChange]) -> None:
    balance = Balance(dict(stock), exists=True, units=sum(stock.values()))
    for change in some:
        held = dict(balance.items)
        rows = carry(balance, change).rows
        assert replayed(held, rows) == balance.items == after(held, change)
        assert balance.units == sum(balance.items.values())
        assert balance.exists is not change.deleted


@given(stocks, st.none() | stocks)
def test_a_correction_is_the_difference(stock: Stock, found: Stock | None) -> None:
    balance = Balance(dict(stock), exists=True, units=sum(stock.values()))
    rows = correct(balance, found, Kind.GAP)
    assert replayed(stock, rows) == balance.items == (found or {})
    assert balance.exists is (found is not None)
    assert {row["o"] for row in rows} <= {"gap"}
    assert correct(balance, found, Kind.GAP) == []


def update_of(last: bytes, number: int = FRESH, **paths: int) -> StoreChange:
    updated = {f"items.{item_id}": quantity for item_id, quantity in paths.items()}
    return StoreChange("s", AT, updated={**updated, "writers.w": number, "last": last})


def sold(*, actor: str = "till-7", **items: int) -> Operation:
    return Operation("s", OperationKind.DEMAND, items, actor=actor, reference="R-1", reason="sale")


def bought(**items: int) -> Operation:
    return Operation("s", OperationKind.SUPPLY, items, actor="depot")


def kinds_of(rows: list[Row]) -> list[tuple[str, int, str, str | None]]:
    return [(row["i"], row["d"], row["o"], row.get("a")) for row in rows]


def test_what_was_merged_is_told_apart() -> None:
    balance = Balance({"a": 1}, exists=True, units=1)
    last = said_of("w", FRESH, [sold(a=3), bought(a=5), sold(a=1, actor="till-8")])
    rows = carry(balance, update_of(last, a=2)).rows
    assert kinds_of(rows) == [
        ("a", 5, "supply", "depot"),
        ("a", -3, "demand", "till-7"),
        ("a", -1, "demand", "till-8"),
    ]


def test_a_lie_is_found_out_and_told_without_a_name() -> None:
    balance = Balance({"a": 1}, exists=True, units=1)
    moved = carry(balance, update_of(said_of("w", FRESH, [sold(a=3), bought(b=1)]), a=7))
    assert kinds_of(moved.rows) == [("a", 6, "direct", None)]
    assert moved.unexplained > 0


def test_what_is_not_explained_is_direct_beside_what_is() -> None:
    balance = Balance({"a": 9}, exists=True, units=9)
    moved = carry(balance, update_of(said_of("w", FRESH, [sold(a=3)]), a=6, b=4))
    assert kinds_of(moved.rows) == [("a", -3, "demand", "till-7"), ("b", 4, "direct", None)]
    assert moved.unexplained == 1


def test_what_is_said_is_believed_only_beside_its_own_number() -> None:
    last = said_of("w", FRESH, [sold(a=3)])
    for change in (
        update_of(last, FRESH + 2, a=6),
        StoreChange("s", AT, updated={"items.a": 6, "last": last}),
        StoreChange(
            "s", AT, document={"_id": "s", "items": {"a": 6}, "rev": 9, "writers": {"w": FRESH}, "last": last}
        ),
    ):
        balance = Balance({"a": 9}, exists=True, units=9)
        assert kinds_of(carry(balance, change).rows) == [("a", -3, "direct", None)]


def begun(number: int) -> StoreChange:
    last = said_of("w", number, [bought(a=3)])
    document = {"_id": "s", "items": {"a": 3}, "rev": 1, "writers": {"w": number}, "last": last}
    return StoreChange("s", AT, document=document)


def test_a_new_store_is_believed_even_of_one_whose_numbers_ran_ahead_but_not_out_of_a_backup() -> None:
    for number in (FRESH, FRESH - 60_000, FRESH + 90_000_000):
        assert kinds_of(carry(Balance({}), begun(number)).rows) == [("a", 3, "supply", "depot")]
    assert kinds_of(carry(Balance({}), begun(FRESH - 600_000)).rows) == [("a", 3, "direct", None)]


def by(**said: Any) -> dict[str, Any]:
    return {"by": said}


def test_others_may_say_who_they_are_and_are_believed_once() -> None:
    balance = Balance({}, exists=True)

    def actors(change: StoreChange) -> list[str | None]:
        return [row.get("a") for row in carry(balance, change).rows]

    def changed(quantity: int, *removed: str, **fields: Any) -> StoreChange:
        return StoreChange("s", AT, updated={"items.a": quantity, **fields}, removed=removed)

    assert actors(changed(1, **by(actor="scales", nonce=1))) == ["scales"]
    assert actors(changed(2)) == [None]
    # As MongoDB tells of an update by a pipeline: only what is another part of it than before.
    assert actors(changed(3, **{"by.nonce": 2})) == ["scales"]
    assert actors(changed(4, "by.actor", **{"by.nonce": 3})) == [None]
    assert actors(changed(5, **{"by.actor": "robot", "by.nonce": 4})) == ["robot"]
    whole = {"_id": "s", "items": {"a": 6}, **by(actor="robot", nonce=4)}
    assert actors(StoreChange("s", AT, document=whole)) == [None]
    again = {"_id": "s", "items": {"a": 7}, **by(actor="robot", nonce=5)}
    assert actors(StoreChange("s", AT, document=again)) == ["robot"]


@given(st.dictionaries(st.sampled_from(("actor", "reference", "reason", "nonce", "x")), st.text() | broken))
def test_whatever_others_say_only_what_is_fit_is_told(said: dict[str, Any]) -> None:
    change = StoreChange("s", AT, updated={"items.a": 1, "by": said})
    (row,) = carry(Balance({}, exists=True), change).rows
    for letter, name in (("a", "actor"), ("r", "reference"), ("w", "reason")):
        assert letter not in row or (row[letter] == said[name] and not UNFIT.search(row[letter]))


def test_a_store_that_fills_a_document_goes_without_a_checkpoint() -> None:
    items = {
        f"{number:0128}".replace("0", "\U0001f4a1", 120): 1
        for number in range(MANY_ITEMS, MANY_ITEMS * 2 + 9000)
    }
    balance = Balance(dict(items), exists=True)
    first = checkpoint_after(17, "s", balance, 5)
    assert first is not None
    assert (first["_id"]["b"], items_in(first), first["exists"]) == (16, {}, False)
    assert checkpoint_after(18, "s", balance, 6) is None
