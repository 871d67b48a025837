"""What whoever keeps claims promises: in memory, and in MongoDB."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs
from pymongo import MongoClient

from store_api.claims import Claim, Claims, State
from store_api.claims.claim import Refusal
from store_api.errors import DatabaseUnavailable
from store_api.sending.primary import Primary
from store_api.stock import Key
from store_api.storage.claims import TTL_INDEX, ClaimCollection
from store_api.storage.clients import Client
from tests.simulation.fake_claims import FakeClaims
from tests.simulation.nature import Nature
from tests.support.fail_points import failing

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
async def database(client: Client, other_program: Mongo) -> AsyncIterator[str]:
    """A database of claims alone."""
    name = f"test_{uuid4().hex}"
    await ClaimCollection(client, name, Primary(client.delegate), hours=24).prepare()
    yield name
    other_program.drop_database(name)


@pytest.fixture(params=["fake", "real"])
def claims(request: pytest.FixtureRequest, client: Client, database: str) -> Claims:
    """Each of them."""
    real = ClaimCollection(client, database, Primary(client.delegate), hours=24)
    return FakeClaims(Nature()) if request.param == "fake" else real


def claim_of(number: int, *, writer: str = "w", fingerprint: bytes = b"what", value: str = "") -> Claim:
    key = Key("somebody", value or uuid4().hex, fingerprint)
    return Claim(key, "north", writer, number)


async def put(claims: Claims, *wanted: tuple[Claim | None, Claim]) -> Sequence[Claim | None]:
    return await claims.put(wanted)


async def test_a_key_is_claimed_once_and_whoever_comes_second_is_told_by_whom(claims: Claims) -> None:
    first = claim_of(2)
    second = structs.replace(first, writer="v", number=8)
    other = claim_of(2)
    assert await claims.find(first.key) is None
    assert await put(claims, (None, first)) == [None]
    assert await put(claims, (None, other), (None, second)) == [None, first]
    assert await claims.find(first.key) == first
    assert await claims.find(other.key) == other


async def test_who_asks_again_for_the_very_same_has_it(claims: Claims) -> None:
    mine = claim_of(2)
    for _ in range(2):
        assert await put(claims, (None, mine)) == [None]


async def test_a_key_is_that_of_one_client(claims: Claims) -> None:
    mine = claim_of(2)
    theirs = structs.replace(mine, key=structs.replace(mine.key, client="another"))
    assert await put(claims, (None, mine), (None, theirs)) == [None, None]


async def test_a_claim_takes_the_place_of_just_the_one_that_is_expected(claims: Claims) -> None:
    old = claim_of(2)
    new, late = structs.replace(old, number=4), structs.replace(old, writer="v", number=6)
    assert await put(claims, (None, old)) == [None]
    assert await put(claims, (old, new)) == [None]
    assert await put(claims, (old, late)) == [new]
    assert await claims.find(old.key) == new


async def test_a_claim_takes_the_place_of_one_that_was_undone_with_its_write(claims: Claims) -> None:
    undone, another = claim_of(2), claim_of(2)
    assert await put(claims, (undone, undone), (another, structs.replace(another, number=4))) == [None, None]
    assert await claims.find(undone.key) == undone
    assert await claims.find(another.key) == structs.replace(another, number=4)
    taken = structs.replace(undone, writer="v", number=6)
    assert await put(claims, (taken, taken)) == [undone]


async def test_what_is_there_is_made_sure_beside_what_is_not(claims: Claims) -> None:
    mine, theirs = claim_of(2), claim_of(2, writer="v")
    assert await put(claims, (None, mine), (None, theirs)) == [None, None]
    taken = structs.replace(theirs, writer="w")
    assert await put(claims, (mine, mine), (taken, taken)) == [None, theirs]


async def test_a_refusal_is_kept_as_it_was_told(claims: Claims) -> None:
    refusal = Refusal("out-of-stock", (("a.b", 5, 2), ("$", 2**62, 0)))
    refused = structs.replace(claim_of(0, writer=""), state=State.REFUSED, refusal=refusal)
    was_open = claim_of(2)
    ended = structs.replace(was_open, writer="", number=0, state=State.REFUSED, refusal=refusal)
    assert await put(claims, (None, refused), (None, was_open)) == [None, None]
    assert await put(claims, (was_open, ended)) == [None]
    assert await claims.find(refused.key) == refused
    assert await claims.find(was_open.key) == ended
    # Nobody can claim it any more.
    assert await put(claims, (was_open, structs.replace(was_open, number=4))) == [ended]


async def test_what_came_true_is_noted_up_to_a_number_of_one_writer(claims: Claims) -> None:
    writer = uuid4().hex[:10]
    made = [claim_of(number, writer=writer) for number in (2, 4, 6)]
    theirs = claim_of(2)
    assert await put(claims, *((None, claim) for claim in (*made, theirs))) == [None] * 4
    await claims.note(writer, 4)
    # An older note that comes late takes nothing back.
    await claims.note(writer, 3)
    states = [found and found.state for found in [await claims.find(claim.key) for claim in (*made, theirs)]]
    assert states == [State.APPLIED, State.APPLIED, State.OPEN, State.OPEN]


async def test_one_claim_is_noted_where_its_writer_is_dead(claims: Claims) -> None:
    orphan = claim_of(2)
    true = structs.replace(orphan, state=State.APPLIED)
    assert await put(claims, (None, orphan)) == [None]
    assert await put(claims, (orphan, true)) == [None]
    assert await claims.find(orphan.key) == true


@pytest.mark.parametrize("failure", [{"errorCode": 8}, {"errorCode": 13}], ids=str)
async def test_what_nobody_says_is_unavailable_and_can_be_asked_again(
    client: Client, database: str, other_program: Mongo, failure: dict[str, Any]
) -> None:
    real = ClaimCollection(client, database, Primary(client.delegate), hours=24)
    mine = claim_of(2)
    with failing(other_program, "insert", times=1, **failure), pytest.raises(DatabaseUnavailable):
        await put(real, (None, mine))
    assert await put(real, (None, mine)) == [None]


async def test_a_claim_that_no_majority_has_confirmed_is_looked_at_again(
    client: Client, database: str, other_program: Mongo
) -> None:
    real = ClaimCollection(client, database, Primary(client.delegate), hours=24)
    mine = claim_of(2)
    unsure = {"code": 64, "errmsg": "not yet"}
    with failing(other_program, "insert", times=1, writeConcernError=unsure):
        assert await put(real, (None, mine)) == [None]


async def test_how_long_claims_are_kept_can_be_said_anew(
    client: Client, database: str, other_program: Mongo
) -> None:
    for hours in (24, 24, 1, 48):
        await ClaimCollection(client, database, Primary(client.delegate), hours=hours).prepare()
        index = other_program[database]["claims"].index_information()[TTL_INDEX]
        assert index["expireAfterSeconds"] == hours * 3600
