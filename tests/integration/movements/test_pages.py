"""Pages of movements: with every filter, in both orders, while rows come; against a plain list of rows."""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace
from pymongo import MongoClient

from store_api.movements import pages
from store_api.movements.arguments import address_of, wish_of
from store_api.movements.pages import Page
from store_api.movements.reader import MovementReader
from store_api.movements.wishes import Position, Wish
from store_api.stock import StorePatterns
from store_api.storage.clients import Client
from tests.support.ledger_world import BEGINS, Known, LedgerWorld

BATCHES = 40


@pytest.fixture(scope="module")
def world(other_program: MongoClient[dict[str, Any]], shared_database: str) -> LedgerWorld:
    """A ledger of some hundred rows, in batches of all sizes, that span seconds and share them."""
    world = LedgerWorld(other_program, shared_database)
    for number in range(BATCHES):
        world.add(world.some(world.random.choice((1, 3, 12))), checkpoints=number % 7 == 0)
    return world


@pytest.fixture(scope="module")
def reader(client: Client, shared_database: str) -> MovementReader:
    return MovementReader(client, shared_database)


def fits(known: Known, wish: Wish) -> bool:
    """Tell whether a row is wanted, in the plainest way."""
    row = known.row
    return (
        wish.store_id in (None, known.store_id)
        and wish.item_id in (None, row["i"])
        and wish.op in (None, row["o"])
        and wish.actor in (None, row.get("a"))
        and wish.reference in (None, row.get("r"))
        and (wish.since is None or row["t"] >= wish.since)
        and (wish.until is None or row["t"] <= wish.until)
        and (wish.only is None or known.store_id in wish.only)
    )


def expected(world: LedgerWorld, wish: Wish) -> list[str]:
    rows = [known.id for known in sorted(world.rows) if fits(known, wish)]
    return rows[::-1] if wish.descending else rows


async def turned(reader: MovementReader, wish: Wish) -> AsyncIterator[Page]:
    """Turn page after page, by the addresses that clients get."""
    while True:
        page = await reader.page(wish)
        yield page
        if page.next is None:
            return
        address = address_of("/movements", wish, page.next, names_store=True)
        arguments = parse_qs(urlsplit(address).query, keep_blank_values=True, strict_parsing=True)
        following = wish_of(arguments, None, 1, 10_000)
        wish = replace(following, only=wish.only)


def is_after(row: str, place: tuple[int, int], *, descending: bool) -> bool:
    batch, number = map(int, row.split("."))
    return (batch, number) < place if descending else (batch, number) > place


async def ids(reader: MovementReader, wish: Wish) -> list[str]:
    return [str(movement.place) async for page in turned(reader, wish) for movement in page.movements]


Some = dict[str, Any]
"""A part of a wish."""

SOME: tuple[Some, ...] = ({}, {"store_id": "store-1"}, {"actor": "till-1"})
ONE: tuple[Some, ...] = (
    {},
    {"store_id": "store-1"},
    {"store_id": "store-1", "item_id": "item-2"},
    {"store_id": "none"},
)
TWO: tuple[Some, ...] = (
    {},
    {"reference": "$ref"},
    {"actor": "$actor"},
    {"reference": "R-1", "actor": "till-1"},
    {"op": "gap"},
)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [7, 1000])
async def test_every_filter_finds_what_a_list_of_all_rows_has(
    world: LedgerWorld, reader: MovementReader, limit: int, descending: bool
) -> None:
    middle = (BEGINS + world.second) // 2
    times: list[Some] = [
        {},
        {"since": middle},
        {"until": middle},
        {"since": middle - 2, "until": middle + 2},
    ]
    times += [{"until": BEGINS - 1}, {"since": world.second + 1}, {"since": middle, "until": middle}]
    found = 0
    for one, two, time in product(ONE, TWO, times):
        wish = Wish(limit=limit, descending=descending, **{**one, **two, **time})
        wanted = expected(world, wish)
        assert await ids(reader, wish) == wanted, wish
        found += len(wanted)
    assert found > 1_000


@pytest.mark.parametrize("descending", [False, True])
async def test_every_second_is_a_bound_that_leaves_out_no_row_and_adds_none(
    world: LedgerWorld, reader: MovementReader, descending: bool
) -> None:
    for second in range(BEGINS - 1, world.second + 2, 2):
        times: list[Some] = [{"since": second}, {"until": second}]
        for one, time in product(SOME, times):
            wish = Wish(limit=20, descending=descending, **one, **time)
            page = await reader.page(wish)
            assert [str(each.place) for each in page.movements] == expected(world, wish)[:20], wish


@pytest.mark.parametrize("descending", [False, True])
async def test_the_id_of_any_row_is_a_place_to_go_on_from(
    world: LedgerWorld, reader: MovementReader, descending: bool
) -> None:
    middle = (BEGINS + world.second) // 2
    parts: list[Some] = [
        {},
        {"store_id": "store-2"},
        {"reference": "R-1"},
        {"since": middle},
        {"until": middle},
    ]
    for one in parts:
        wish = Wish(limit=5, descending=descending, **one)
        wanted = expected(world, wish)
        for known in world.rows[::11]:
            mine = (known.batch, known.number)
            later = [each for each in wanted if is_after(each, mine, descending=descending)]
            page = await reader.page(replace(wish, after=Position(*mine)))
            assert [str(each.place) for each in page.movements] == later[:5], (wish, mine)


async def test_rows_that_come_meanwhile_are_neither_seen_twice_nor_left_out(
    other_program: MongoClient[dict[str, Any]], client: Client, database_name: str
) -> None:
    """Oldest first, the new ones are there at the end; newest first, they are not among those that follow."""
    growing, reader = LedgerWorld(other_program, database_name, 2), MovementReader(client, database_name)
    for _ in range(10):
        growing.add(growing.some(8))
    for one in SOME:
        for descending in (False, True):
            wish = Wish(limit=7, descending=descending, **one)
            before, found = expected(growing, wish), []
            async for page in turned(reader, wish):
                found += [str(each.place) for each in page.movements]
                if len(found) < 70:
                    growing.add(growing.some(4))
            assert found == (before if descending else expected(growing, wish))


async def test_a_caller_sees_the_movements_of_their_own_stores_alone(
    world: LedgerWorld, reader: MovementReader
) -> None:
    for patterns in (["store-1"], ["store-1", "store-3"], ["store-*"], ["no-*"]):
        wish = Wish(limit=9, only=StorePatterns.of(patterns))
        assert await ids(reader, wish) == expected(world, wish)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_rare_filter_reads_no_more_than_it_may_and_goes_on_from_there(
    world: LedgerWorld, reader: MovementReader, monkeypatch: pytest.MonkeyPatch, descending: bool
) -> None:
    monkeypatch.setattr(pages, "MOST_ROWS", 40)
    rare: tuple[Some, ...] = (
        {"op": "gap"},
        {"store_id": "store-1", "reference": "R-1", "op": "supply"},
        {"store_id": "store-1"},
    )
    for one in rare:
        wish = Wish(limit=30, descending=descending, **one)
        turns = [page async for page in turned(reader, wish)]
        assert [str(each.place) for page in turns for each in page.movements] == expected(world, wish)
    nothing = [page async for page in turned(reader, Wish(op="clean", descending=descending))]
    assert len(nothing) > 5
    assert not any(page.movements for page in nothing)
