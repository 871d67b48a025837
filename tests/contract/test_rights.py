"""What changes when the database grants the service less than it asks for."""

import asyncio
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.stock import Change
from store_api.storage.clients import Client
from tests.contract.subjects import RealSubject
from tests.support.fail_points import failing
from tests.support.stamping import StampingWriter


async def test_of_many_writes_at_once_that_may_not_bypass_the_validator_one_warns_and_all_are_done(
    client: Client,
    other_program: MongoClient[dict[str, Any]],
    real: RealSubject,
    store_id: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    repository = StampingWriter(client, real.stores.database.name)
    changes = [Change(f"{store_id}-{number}", {"a": 1}, {}, creates=True) for number in range(6)]
    # All six are refused before the first is tried again.
    refusal: dict[str, Any] = {"errorCode": 13, "blockConnection": True, "blockTimeMS": 500}
    with failing(other_program, "update", times=len(changes), **refusal):
        written = await asyncio.gather(*(repository.apply(change, None) for change in changes))
    assert written == [{"a": 1}] * len(changes)
    assert [vars(record).get("action") for record in caplog.records] == ["validated_writes"]
    repository.close()
