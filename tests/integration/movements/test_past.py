"""What a store held at each second, and its pieces over time, against what was noted as it happened."""

from typing import Any

import pytest
from bson import Timestamp
from pymongo import MongoClient

from store_api.errors import HistoryExpired, InvalidInput, LedgerBehind, StoreNotFound
from store_api.ledger.retention import DAY_SECONDS, RETENTION, Retention
from store_api.movements.past import MOST_POINTS
from store_api.movements.reader import MovementReader
from store_api.stock import Stock
from store_api.storage.clients import Client
from tests.support.ledger_world import BEGINS, LedgerWorld

STORES = [f"store-{number}" for number in range(5)]


@pytest.fixture(scope="module")
def world(other_program: MongoClient[dict[str, Any]], shared_database: str) -> LedgerWorld:
    """Stores that come, go and come anew, in batches that span seconds and share them."""
    world = LedgerWorld(other_program, shared_database, 3)
    for number in range(60):
        world.add(world.some(world.random.choice((1, 3, 12))), checkpoints=number % 9 == 5)
    return world


@pytest.fixture(scope="module")
def reader(client: Client, shared_database: str) -> MovementReader:
    return MovementReader(client, shared_database)


def units_of(world: LedgerWorld, store_id: str) -> set[tuple[int, int]]:
    """Every number of pieces that a store ever held, with its second."""
    return {(second, sum((stock or {}).values())) for second, name, stock in world.past if name == store_id}


async def held(reader: MovementReader, store_id: str, second: int) -> Stock | None:
    """What the ledger says that a store held; None where there was none."""
    try:
        stock, _ = await reader.stock_at(store_id, second, second)
    except StoreNotFound:
        return None
    return stock


async def test_at_every_second_each_store_is_as_it_was(world: LedgerWorld, reader: MovementReader) -> None:
    missing = 0
    for second in range(BEGINS, world.second + 1):
        for store_id in STORES:
            expected = world.held_at(store_id, second)
            assert await held(reader, store_id, second) == expected, (store_id, second)
            missing += expected is None
    # Some were not there yet, or not any more.
    assert missing > 5
    assert await held(reader, "never", world.second) is None


async def test_old_rows_that_go_while_a_report_is_read_do_not_make_it_another(
    other_program: MongoClient[dict[str, Any]],
    client: Client,
    database_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = LedgerWorld(other_program, database_name, 5)
    for _ in range(40):
        world.add(world.some(6, stores=1, items=60))
    reader = MovementReader(client, database_name)
    expected = world.held_at("store-0", world.second)
    is_read_once = False
    replayed = reader._replayed

    async def replayed_late(*given: Any) -> Any:
        nonlocal is_read_once
        if not is_read_once:
            is_read_once = True
            assert Retention(world.ledger, 1).let_go(world.second - 2 + DAY_SECONDS) > 10
        return await replayed(*given)

    monkeypatch.setattr(reader, "_replayed", replayed_late)
    assert await held(reader, "store-0", world.second) == expected
    assert is_read_once


async def test_of_many_checkpoints_of_a_second_the_last_one_is_read(
    other_program: MongoClient[dict[str, Any]],
    client: Client,
    database_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = LedgerWorld(other_program, database_name, 6)
    monkeypatch.setattr(world.random, "choice", lambda choices: choices[0])
    for _ in range(30):
        world.add(world.some(2, stores=1), checkpoints=True)
    assert world.second == BEGINS
    reader, read = MovementReader(client, database_name), list[int]()
    replayed = reader._replayed

    async def noted(store_id: str, checkpoint: Any, second: int) -> Any:
        read.append(checkpoint["_id"]["b"])
        return await replayed(store_id, checkpoint, second)

    monkeypatch.setattr(reader, "_replayed", noted)
    assert await held(reader, "store-0", world.second) == world.held_at("store-0", world.second)
    assert read == [30]


async def test_a_moment_that_the_ledger_cannot_tell_is_refused_with_the_reason(
    world: LedgerWorld, reader: MovementReader
) -> None:
    end = world.second
    with pytest.raises(HistoryExpired) as refused:
        await reader.stock_at("store-0", BEGINS - 1, end)
    assert "2026-11-18T11:06:40Z" in str(refused.value)
    with pytest.raises(LedgerBehind):
        await reader.stock_at("store-0", end + 1, end + 1)
    with pytest.raises(InvalidInput) as future:
        await reader.stock_at("store-0", end + 2, end + 1)
    assert future.value.path == "at"
    # By our clock it is the future, and the ledger has it all the same.
    assert (await reader.stock_at("store-0", end, end - 9))[1] == end


async def test_a_ledger_that_is_put_right_knows_nothing_until_that_is_done(
    other_program: MongoClient[dict[str, Any]], client: Client, database_name: str
) -> None:
    reader = MovementReader(client, database_name)
    with pytest.raises(LedgerBehind):
        await reader.stock_at("a", BEGINS, BEGINS)
    world = LedgerWorld(other_program, database_name)
    states = other_program[database_name]["ledger_state"]
    reconciling = {"at": Timestamp(BEGINS, 1), "kind": "opening", "after": ""}
    states.update_one({"_id": "stream"}, {"$set": {"reconciling": reconciling}})
    with pytest.raises(LedgerBehind):
        await reader.stock_at("a", BEGINS, BEGINS)
    assert await reader.reach() == (None, None)
    assert world.state.batch == 0


async def test_what_is_too_old_is_gone_and_the_rest_is_as_it_was(
    other_program: MongoClient[dict[str, Any]], client: Client, database_name: str
) -> None:
    world, reader = LedgerWorld(other_program, database_name, 5), MovementReader(client, database_name)
    for _ in range(40):
        world.add(world.some(5))
    middle = (BEGINS + world.second) // 2
    assert Retention(world.ledger, 1).let_go(middle + DAY_SECONDS) > 10
    assert other_program[database_name]["ledger_state"].find_one({"_id": RETENTION})
    for second in range(middle, world.second + 1):
        for store_id in STORES:
            assert await held(reader, store_id, second) == world.held_at(store_id, second), second
            points, _ = await reader.units(store_id, second, world.second)
            assert points[0] == (second, sum((world.held_at(store_id, second) or {}).values()))
    with pytest.raises(HistoryExpired):
        await reader.stock_at("store-0", middle - 1, world.second)


async def test_pieces_over_time_are_those_that_there_were(world: LedgerWorld, reader: MovementReader) -> None:
    for store_id in [*STORES, "never"]:
        for since in range(BEGINS - 5, world.second + 1, 3):
            points, end = await reader.units(store_id, since, world.second)
            assert end == world.second
            begin = max(since, BEGINS)
            assert points[0] == (begin, sum((world.held_at(store_id, begin) or {}).values()))
            assert points == sorted(points, key=lambda point: point.second)
            # Within a second it may be another later, of which the next point tells.
            assert set(points[1:]) <= units_of(world, store_id)
            if begin < world.second and points[1:]:
                assert points[-1].units == sum((world.held_at(store_id, world.second) or {}).values())
    assert await reader.units("store-0", world.second + 1, world.second) == ([], world.second)


async def test_of_a_store_that_changes_all_the_time_some_points_are_told(
    other_program: MongoClient[dict[str, Any]], client: Client, database_name: str
) -> None:
    world, reader = LedgerWorld(other_program, database_name, 7), MovementReader(client, database_name)
    for _ in range(2 * MOST_POINTS):
        world.add(world.some(1, stores=1))
    points, _ = await reader.units("store-0", BEGINS, world.second)
    assert 100 < len(points) <= MOST_POINTS
    assert points[0].second == BEGINS
    assert points[-1].second == world.second
    assert set(points[1:]) <= units_of(world, "store-0")
