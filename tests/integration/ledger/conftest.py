"""A ledger of a database that is one test's alone, and who keeps it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.ledger.collection import LedgerCollections
from tests.integration.ledger.keeping import KEEPER, Kept, Mongo


@pytest.fixture(scope="session")
def keeper_client(mongo_url: str) -> Iterator[Mongo]:
    """The client of a keeper, as its program has it."""
    with MongoClient[dict[str, Any]](
        mongo_url,
        tz_aware=True,
        unicode_decode_error_handler="replace",
        heartbeatFrequencyMS=500,
        appname=KEEPER,
    ) as client:
        yield client


@pytest.fixture
def ledger(keeper_client: Mongo, database_name: str) -> LedgerCollections:
    """The ledger's collections, with their indexes."""
    ledger = LedgerCollections(keeper_client, database_name)
    ledger.prepare()
    return ledger


@pytest.fixture
def kept(ledger: LedgerCollections, other_program: Mongo, database_name: str) -> Kept:
    """The ledger, and the stores as any other program has them."""
    return Kept(ledger, other_program, database_name)
