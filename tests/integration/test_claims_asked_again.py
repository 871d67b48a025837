"""Claims that nobody answered are sent again, and are written once."""

from typing import Any

import pytest
from pymongo import MongoClient

from store_api.claims import Claim, State
from store_api.sending.primary import Primary
from store_api.stock import Key
from store_api.storage.claims import ClaimCollection
from store_api.storage.clients import Client
from tests.support.fail_points import failing

Mongo = MongoClient[dict[str, Any]]

CLOSED, STEPPED_DOWN = {"closeConnection": True}, {"errorCode": 189}
FIRST = Claim(Key("anonymous", "order-7", b"same"), "abc111", "writer", 2)
SECOND = Claim(FIRST.key, "abc111", "another", 4)


@pytest.fixture
def claims(client: Client, database_name: str) -> ClaimCollection:
    return ClaimCollection(client, database_name, Primary(client.delegate), hours=1)


@pytest.mark.parametrize("failure", [CLOSED, STEPPED_DOWN], ids=str)
async def test_a_claim_is_made_although_the_connection_breaks(
    claims: ClaimCollection, other_program: Mongo, failure: dict[str, Any]
) -> None:
    with failing(other_program, "insert", times=3, **failure):
        assert await claims.put([(None, FIRST)]) == [None]
    assert await claims.find(FIRST.key) == FIRST


@pytest.mark.parametrize("failure", [CLOSED, STEPPED_DOWN], ids=str)
async def test_a_claim_takes_the_place_of_another_although_the_connection_breaks(
    claims: ClaimCollection, other_program: Mongo, failure: dict[str, Any]
) -> None:
    assert await claims.put([(None, FIRST)]) == [None]
    with failing(other_program, "update", times=3, **failure):
        assert await claims.put([(FIRST, SECOND)]) == [None]
    assert await claims.find(FIRST.key) == SECOND


async def test_what_was_written_before_counts_as_written(claims: ClaimCollection) -> None:
    # As the second try finds it, where only the answer to the first was lost.
    assert await claims.put([(None, FIRST)]) == [None]
    assert await claims.put([(None, FIRST)]) == [None]
    assert await claims.put([(FIRST, SECOND)]) == [None]
    assert await claims.put([(FIRST, SECOND)]) == [None]
    assert await claims.put([(None, FIRST)]) == [SECOND]
    assert SECOND.state is State.OPEN
