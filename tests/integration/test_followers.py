"""Who asks for the same, under the same key, while it is being done: one process, one write, many answers."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from store_api.claims.naming import named
from store_api.commit import Committer
from store_api.errors import KeyReused
from store_api.stock import Operation, Replayed, Report
from store_api.storage.claims import ClaimCollection
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.integration.operations import demand, supply


@pytest.fixture
async def committer(
    client: Client, shared_database: str, repository: StoreWriter
) -> AsyncIterator[Committer]:
    claims = ClaimCollection(client, shared_database, repository.primary, hours=1)
    committer = Committer(repository, claims=claims)
    yield committer
    await committer.close()


def keyed(operation: Operation) -> Operation:
    return named(operation, f"key of {operation.store_id}".replace(" ", "-"), "group")


@pytest.mark.parametrize("first_is_minimal", [False, True])
async def test_each_gets_the_report_that_it_prefers(
    committer: Committer, stores: Documents, store_id: str, first_is_minimal: bool
) -> None:
    stores.insert_one({"_id": store_id, "items": {"lamp": 1, "chair": 3}})
    whole, short = Report(store_id, {"lamp": 1, "chair": 2}), Report(store_id, {"chair": 2})
    one = keyed(demand(store_id, {"chair": 1}, minimal=first_is_minimal))
    other = msgspec.structs.replace(one, minimal=not first_is_minimal)
    first, *rest = await asyncio.gather(*map(committer.answer, (one, other, one, other)))
    own, others = (short, whole) if first_is_minimal else (whole, short)
    assert first == own
    assert rest == [Replayed(others), Replayed(own), Replayed(others)]
    document = stores.find_one({"_id": store_id})
    assert document is not None
    assert document["items"] == {"lamp": 1, "chair": 2}


async def test_who_asks_for_something_else_is_told_when_the_first_is_done(
    committer: Committer, store_id: str
) -> None:
    one = keyed(supply(store_id, {"chair": 1}))
    first, other = await asyncio.gather(
        committer.answer(one), committer.answer(keyed(supply(store_id, {"chair": 2})))
    )
    assert first == Report(store_id, {"chair": 1})
    assert isinstance(other, KeyReused)


async def test_the_owner_of_a_key_is_known_though_another_asks_at_the_same_time(
    committer: Committer, store_id: str
) -> None:
    one = keyed(supply(store_id, {"chair": 1}))
    impostor = keyed(supply(store_id, {"chair": 2}))
    assert await committer.answer(one) == Report(store_id, {"chair": 1})
    replies = await asyncio.gather(*map(committer.answer, (impostor, one, impostor, one)))
    assert [type(reply) for reply in replies] == [KeyReused, Replayed, KeyReused, Replayed]
    assert replies[1] == Replayed(Report(store_id, {"chair": 1}))
