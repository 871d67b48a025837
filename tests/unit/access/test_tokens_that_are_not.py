"""Documents that are no tokens, and tokens that there are not: they let nobody in and cost little."""

import asyncio
from typing import Any

import pytest

from store_api.access.known_tokens import MOST_MISSES, caller_of
from store_api.errors import CredentialInvalid, DatabaseUnavailable, Overloaded
from tests.unit.access.tokens_in_memory import ONE, Document, World, document, loaded

# Documents that are not as they should be


@pytest.mark.parametrize(
    "wrong",
    [
        *({"scopes": value} for value in ("read", None, 7, ["everything"], [None], [["read"]], {"read": 1})),
        *({"stores": value} for value in ("berlin-*", "*", 7, {"*": 1}, [None], [7])),
        *({"expires": value} for value in ("never", 7, True)),
        {"name": None},
        {"name": 7},
    ],
    ids=repr,
)
async def test_a_document_that_is_not_as_we_write_them_lets_nobody_in(wrong: Document) -> None:
    world = await loaded(document(**wrong))
    assert (world.tokens.caller(ONE), len(world.tokens)) == (None, 0)
    with pytest.raises(CredentialInvalid):
        await world.tokens.find(ONE)


@pytest.mark.parametrize("missing", ["name", "scopes", "stores", "expires"])
def test_a_document_without_one_of_its_fields_lets_nobody_in(missing: str) -> None:
    assert caller_of({name: value for name, value in document().items() if name != missing}) is None
    assert caller_of({name: value for name, value in document().items() if name != "revoked"}) is not None


@pytest.mark.parametrize("strange", ["text", 7, None, {"a": 1}])
async def test_a_document_of_no_token_is_left_alone(strange: Any) -> None:
    world = await loaded(document(), {"_id": strange, "name": "no token"})
    assert len(world.tokens) == 1


# Tokens that there are not


async def test_in_one_second_mongodb_is_asked_for_no_more_than_so_many_that_there_are_not() -> None:
    world = await loaded(document())
    outcomes = [await outcome(world, number) for number in range(1000)]
    assert outcomes == ["CredentialInvalid"] * MOST_MISSES + ["Overloaded"] * (1000 - MOST_MISSES)
    assert len(world.asked) == MOST_MISSES
    assert await world.tokens.find(ONE) is world.tokens.caller(ONE)
    world.now += 1
    assert await outcome(world, 2000) == "CredentialInvalid"


async def test_no_more_than_so_many_are_asked_for_at_once_however_long_it_takes() -> None:
    world = await loaded(document())
    world.gate.clear()
    asking = [asyncio.create_task(outcome(world, number)) for number in range(500)]
    done, waiting = await asyncio.wait(asking, timeout=0)
    while len(done) < 500 - MOST_MISSES:
        done, waiting = await asyncio.wait(asking, timeout=0)
    world.now += 1
    assert await outcome(world, 1000) == "Overloaded"
    assert await world.tokens.find(ONE) is world.tokens.caller(ONE)
    world.gate.set()
    assert {await each for each in waiting} == {"CredentialInvalid"}
    assert len(world.asked) == MOST_MISSES


async def test_those_that_there_are_do_not_use_it_up() -> None:
    world = await loaded()
    for number in range(3 * MOST_MISSES):
        token = number.to_bytes(32)
        world.there[str(token)] = document(token)
        await world.tokens.find(token)
    assert len(world.tokens) == 3 * MOST_MISSES


async def test_a_reading_that_fails_is_told_to_all_and_done_again_for_the_next() -> None:
    world = await loaded()
    world.there[str(ONE)] = document()
    world.error = DatabaseUnavailable()
    async with world.reading() as first:
        second = asyncio.create_task(world.tokens.find(ONE))
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(each) for each in outcomes] == [DatabaseUnavailable] * 2
    world.error = None
    assert (await world.tokens.find(ONE)).name == "till-7"


async def test_who_gives_up_waiting_does_not_stop_the_others() -> None:
    world = await loaded()
    world.there[str(ONE)] = document()
    async with world.reading() as first:
        second = asyncio.create_task(world.tokens.find(ONE))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
    assert (await second).name == "till-7"
    assert world.asked == [ONE]


async def outcome(world: World, number: int) -> str:
    """Ask for a token that there is not, and name what comes of it."""
    try:
        await world.tokens.find(number.to_bytes(32))
    except (CredentialInvalid, Overloaded) as refused:
        return type(refused).__name__
    return "let in"
