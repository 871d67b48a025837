"""The tokens in memory: whatever happens while one is read, what was heard counts more than what was read."""

import asyncio
from datetime import UTC, datetime

import pytest

from store_api.access.callers import Caller
from store_api.access.known_tokens import KnownTokens
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, DatabaseUnavailable
from tests.unit.access.tokens_in_memory import ONE, OTHER, Document, World, document, event, loaded, update


async def test_what_was_loaded_lets_in_without_asking() -> None:
    world = await loaded(document(), document(OTHER, revoked=datetime.now(UTC)))
    caller = world.tokens.caller(ONE)
    assert caller is not None
    assert (caller.name, caller.scopes, caller.token) == ("till-7", frozenset({Scope.READ}), ONE)
    assert await world.tokens.find(ONE) is caller
    assert world.tokens.caller(OTHER) is None
    with pytest.raises(CredentialInvalid):
        await world.tokens.find(OTHER)
    assert (world.asked, len(world.tokens)) == ([], 1)


async def test_one_that_is_not_known_is_asked_for_once_however_many_want_it() -> None:
    world = await loaded()
    world.there[str(ONE)] = document()
    async with world.reading() as first:
        others = [asyncio.create_task(world.tokens.find(ONE)) for _ in range(20)]
        await asyncio.sleep(0)
    callers = await asyncio.gather(first, *others)
    assert all(caller is callers[0] for caller in callers)
    assert world.asked == [ONE]
    await world.tokens.find(ONE)
    assert world.asked == [ONE]


@pytest.mark.parametrize(
    "heard",
    [
        event("replace", fullDocument=document(revoked=datetime.now(UTC))),
        event("delete"),
        update(updated={"revoked": datetime.now(UTC)}),
        event("drop", None),
    ],
    ids=["replaced", "deleted", "updated", "dropped"],
)
async def test_what_is_heard_while_one_is_read_counts_more_than_what_was_read(heard: Document) -> None:
    world = await loaded()
    world.there[str(ONE)] = document()
    async with world.reading() as asking:
        world.tokens.take(heard)
        world.there[str(ONE)] = document(revoked=datetime.now(UTC))
    with pytest.raises(CredentialInvalid):
        await asking
    assert world.tokens.caller(ONE) is None


async def test_one_that_is_made_while_nothing_is_found_lets_in() -> None:
    world = await loaded()
    async with world.reading() as asking:
        world.there[str(ONE)] = document()
        world.tokens.take(event("insert", fullDocument=document()))
    assert (await asking).name == "till-7"


async def test_one_that_was_found_while_all_were_read_stays() -> None:
    world = await loaded()
    world.gate_of_all.clear()
    loading = asyncio.create_task(world.tokens.load())
    await asyncio.sleep(0)
    world.there[str(ONE)] = document()
    caller = await world.tokens.find(ONE)
    world.listen()
    world.gate_of_all.set()
    await loading
    assert world.tokens.caller(ONE) is caller
    assert world.told == []


async def test_what_was_found_while_all_were_read_is_newer() -> None:
    world = World(document())
    world.gate_of_all.clear()
    loading = asyncio.create_task(world.tokens.load())
    await asyncio.sleep(0)
    world.there[str(ONE)] = document(revoked=datetime.now(UTC))
    with pytest.raises(CredentialInvalid):
        await world.tokens.find(ONE)
    world.gate_of_all.set()
    await loading
    assert world.tokens.caller(ONE) is None


async def test_a_reading_from_before_all_were_read_anew_is_done_again() -> None:
    world = await loaded()
    world.there[str(ONE)] = document()
    async with world.reading() as asking:
        world.there[str(ONE)] = document(revoked=datetime.now(UTC))
        loading = asyncio.create_task(world.tokens.load())
        await asyncio.sleep(0)
    await loading
    with pytest.raises(CredentialInvalid):
        await asking
    assert world.tokens.caller(ONE) is None


async def test_what_is_gone_when_all_are_read_anew_has_ended() -> None:
    world = await loaded(document(), document(OTHER))
    world.listen()
    del world.there[str(ONE)]
    await world.tokens.load()
    assert (world.tokens.caller(ONE), world.told) == (None, [True])
    assert world.tokens.caller(OTHER) is not None


async def test_where_all_cannot_be_read_what_is_known_stays() -> None:
    world = await loaded(document())

    async def fail() -> list[Document]:
        raise DatabaseUnavailable

    tokens = KnownTokens(fail, world._one, lambda: world.now)
    tokens.take(event("insert", fullDocument=document()))
    with pytest.raises(DatabaseUnavailable):
        await tokens.load()
    assert tokens.caller(ONE) is not None


# What is heard


@pytest.mark.parametrize(
    ("heard", "scopes", "told"),
    [
        (update(updated={"scopes": ["read", "supply"]}), {Scope.READ, Scope.SUPPLY}, [False]),
        (update(updated={"stores": ["a"]}), {Scope.READ}, [False]),
        (update(updated={"hint": "sapi_new"}), {Scope.READ}, []),
        (update(removed=("hint",)), {Scope.READ}, []),
        (event("replace", fullDocument=document(scopes=["clean"])), {Scope.CLEAN}, [False]),
        (update(updated={"revoked": datetime.now(UTC)}), None, [True]),
        (update(removed=("scopes",)), None, [True]),
        (event("delete"), None, [True]),
        (event("drop", None), None, [True]),
        (event("rename", None), None, [True]),
        (event("delete", OTHER), {Scope.READ}, []),
        (event("delete", "no bytes"), {Scope.READ}, []),
        ({"operationType": "insert"}, {Scope.READ}, []),
    ],
)
async def test_a_change_is_taken_and_told(
    heard: Document, scopes: set[Scope] | None, told: list[bool]
) -> None:
    world = await loaded(document())
    world.listen()
    world.tokens.take(heard)
    caller = world.tokens.caller(ONE)
    assert (None if caller is None else caller.scopes) == scopes
    assert world.told == told


@pytest.mark.parametrize(
    "heard",
    [
        update(updated={"scopes.1": "supply"}),
        update(removed=("scopes.0",)),
        update(truncatedArrays=[{"field": "scopes", "newSize": 1}]),
        event("something new"),
    ],
    ids=["a part is set", "a part is removed", "cut off", "unknown"],
)
async def test_of_a_change_that_cannot_be_carried_over_the_token_is_asked_for_anew(heard: Document) -> None:
    world = await loaded(document(scopes=["read", "clean"]))
    world.listen()
    world.there[str(ONE)] = document(scopes=["read"])
    world.tokens.take(heard)
    assert world.tokens.caller(ONE) is None
    assert (await world.tokens.find(ONE)).scopes == {Scope.READ}
    assert (world.asked, world.told) == ([ONE], [True, False])


async def test_a_change_of_one_that_is_not_known_makes_nothing_known() -> None:
    world = await loaded()
    world.tokens.take(update(updated={"scopes": ["admin"]}))
    assert world.tokens.caller(ONE) is None


async def test_who_wants_to_be_told_no_more_is_not() -> None:
    world = await loaded(document())
    caller = await world.tokens.find(ONE)
    told: list[str] = []
    first = world.tokens.when_it_ends(caller, lambda _: told.append("first"))
    second = world.tokens.when_it_ends(caller, lambda _: told.append("second"))
    first()
    world.tokens.take(event("delete"))
    assert told == ["second"]
    second()
    world.tokens.take(event("insert", fullDocument=document()))
    assert told == ["second"]
    world.tokens.when_it_ends(Caller("a JWT's", frozenset()), lambda _: told.append("never"))()


async def test_who_is_told_may_stop_listening_there_and_then() -> None:
    world = await loaded(document())
    caller = await world.tokens.find(ONE)
    told: list[bool] = []

    def stop(has_ended: bool) -> None:
        told.append(has_ended)
        for forget in forgets:
            forget()

    forgets = [world.tokens.when_it_ends(caller, stop)]
    world.tokens.take(event("delete"))
    world.tokens.take(event("insert", fullDocument=document()))
    assert told == [True]


async def test_one_that_expires_lets_in_until_that_very_moment() -> None:
    world = await loaded(document(expires=datetime.fromtimestamp(1_800_000_010, UTC)))
    world.now = 1_800_000_009.999
    assert world.tokens.caller(ONE) is not None
    world.now = 1_800_000_010.0
    assert world.tokens.caller(ONE) is None
    with pytest.raises(CredentialInvalid):
        await world.tokens.find(ONE)
    assert world.asked == []
    world.tokens.take(update(updated={"expires": None}))
    assert world.tokens.caller(ONE) is not None
