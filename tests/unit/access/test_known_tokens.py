"""The tokens in memory: whatever happens while one is read, what was heard counts more than what was read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from store_api.access.callers import Caller
from store_api.access.known_tokens import MOST_MISSES, KnownTokens, caller_of
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, DatabaseUnavailable, Overloaded

ONE, OTHER = b"1" * 32, b"2" * 32
Document = dict[str, Any]


def document(token: bytes = ONE, **others: Any) -> Document:
    """Write a token's document as the command line does."""
    fields = {"name": "till-7", "hint": "sapi_Ab3d", "scopes": ["read"], "stores": None}
    return {"_id": token, **fields, "made": datetime.now(UTC), "expires": None, "revoked": None, **others}


def event(kind: str, token: Any = ONE, **more: Any) -> Document:
    """Write a change as the change stream tells it."""
    return {"operationType": kind, "documentKey": {"_id": token}, **more}


def update(
    token: bytes = ONE,
    *,
    updated: Mapping[str, Any] | None = None,
    removed: tuple[str, ...] = (),
    **more: Any,
) -> Document:
    description = {"updatedFields": dict(updated or {}), "removedFields": list(removed), **more}
    return event("update", token, updateDescription=description)


class World:
    """Tokens in MongoDB, whose answers come when the test lets them."""

    def __init__(self, *documents: Document) -> None:
        self.there = {str(each["_id"]): each for each in documents}
        self.now = 1_800_000_000.0
        self.asked: list[bytes] = []
        self.error: Exception | None = None
        self.gate, self.gate_of_all = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.gate_of_all.set()
        self.tokens = KnownTokens(self._all, self._one, lambda: self.now)
        self.told: list[bool] = []

    async def _all(self) -> list[Document]:
        found = list(self.there.values())
        await self.gate_of_all.wait()
        return found

    async def _one(self, token: bytes) -> Document | None:
        self.asked.append(token)
        found = self.there.get(str(token))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return found

    @asynccontextmanager
    async def reading(self, token: bytes = ONE) -> AsyncIterator["asyncio.Task[Caller]"]:
        """Ask for a token; MongoDB's answer comes when the block ends."""
        self.gate.clear()
        asking = asyncio.create_task(self.tokens.find(token))
        before = len(self.asked)
        while len(self.asked) == before:  # noqa: ASYNC110
            await asyncio.sleep(0)
        yield asking
        self.gate.set()

    def listen(self, token: bytes = ONE) -> None:
        """Have it told when a token ends."""
        self.tokens.when_it_ends(Caller("x", frozenset(), token=token), self.told.append)


async def loaded(*documents: Document) -> World:
    world = World(*documents)
    await world.tokens.load()
    return world


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
