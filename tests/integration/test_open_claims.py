"""Claims that are open when somebody else comes between: what is counted of them, and still proven."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from store_api.batches.numbers import Numbers
from store_api.claims import Claim, State
from store_api.claims.naming import named
from store_api.commit import Committer
from store_api.stock import Key, Operation, Report
from store_api.storage.claims import ClaimCollection
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.integration.operations import supply

DAY_MILLISECONDS = 24 * 3600 * 1000


@pytest.fixture
def claims(client: Client, shared_database: str, repository: StoreWriter) -> ClaimCollection:
    return ClaimCollection(client, shared_database, repository.primary, hours=1)


@pytest.fixture
async def committer(repository: StoreWriter, claims: ClaimCollection) -> AsyncIterator[Committer]:
    committer = Committer(repository, claims=claims)
    yield committer
    await committer.close()


def keyed(operation: Operation) -> Operation:
    return named(operation, f"key-of-{operation.store_id}", "group")


async def test_who_takes_the_proof_along_at_once_makes_no_fault_of_it(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    """The promise ends there, and the repeat is applied; but it is answered, and nobody else is hurt."""
    one = keyed(supply(store_id, {"chair": 1}))
    assert await committer.submit(one) == Report(store_id, {"chair": 1})
    stores.replace_one({"_id": store_id}, {"items": {"chair": 7}})
    assert await committer.submit(one) == Report(store_id, {"chair": 8})


async def test_a_claim_whose_place_another_process_took_holds_up_no_note(
    committer: Committer, claims: ClaimCollection, store_id: str
) -> None:
    keys = committer.keyed
    first = Claim(Key("c", store_id, b"same"), store_id, committer._numbers.writer, 10)
    again = msgspec.structs.replace(first, number=12)
    other = msgspec.structs.replace(first, writer="another", number=5)
    assert await keys._put([(None, first)]) == [None]
    assert await claims.put([(first, other)]) == [None]
    assert await keys._put([(first, again)]) == [other]
    assert keys._noting.open.to_note() == {first.writer: again.number}
    assert other.state is State.OPEN


async def test_a_writer_stays_in_a_document_for_as_long_as_its_claims_are_kept(
    client: Client, shared_database: str, repository: StoreWriter, stores: Documents, store_id: str
) -> None:
    number = Numbers().next()
    numbers = {"dead": number - 4 * DAY_MILLISECONDS}
    stores.insert_one({"_id": store_id, "items": {"lamp": 0}, "writers": numbers})
    await StoreWriter(client, shared_database, hours=5 * 24).sweep(store_id, number, items=True)
    document = stores.find_one({"_id": store_id})
    assert document is not None
    assert document["items"] == {}
    assert document["writers"] == {**numbers, "sweep": number}
