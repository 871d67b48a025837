"""Idempotency-Key while nobody can say yet: a store that is held, and a demo whose service is killed."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pymongo import MongoClient

from tests.support.mongod import wait_until
from tests.support.persistent import demand_of, new_key, send_once, send_until_known
from tests.support.programs import begun
from tests.support.service import ROOT, Service, environment

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def both(
    mongo_url: str, mongo: Mongo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    """Two services on one database."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "LEDGER": "on"}
    with (
        Service(tmp_path_factory.mktemp("one"), settings) as one,
        Service(tmp_path_factory.mktemp("other"), settings) as other,
    ):
        one.wait_until_ready()
        other.wait_until_ready()
        yield one, other
    mongo.drop_database(one.database)


async def test_while_a_store_is_held_another_service_says_that_it_is_in_flight(
    both: tuple[Service, Service], mongo: Mongo, store_id: str
) -> None:
    one, other = both
    stores, claims = mongo[one.database]["stores"], mongo[one.database]["claims"]
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    path, key = f"/stores/{store_id}", new_key()
    with mongo.start_session() as session:
        session.start_transaction()
        stores.update_one({"_id": store_id}, {"$inc": {"items.chair": 1}}, session=session)
        first = asyncio.create_task(send_once(one.url, path, demand_of("chair"), key))
        is_claimed = {"_id": {"client": "anonymous", "key": key}}
        await asyncio.to_thread(wait_until, lambda: claims.find_one(is_claimed) is not None, "a claim")
        answer = await send_once(other.url, path, demand_of("chair"), key)
        problem = msgspec.json.decode(answer.body)
        assert (answer.status, problem["type"]) == (409, "/problems/idempotency-in-flight")
        assert (problem["outcome"], answer.headers["retry-after"]) == ("unknown", "1")
        assert answer.headers["idempotency-key"] == key
        assert "idempotent-replayed" not in answer.headers
        session.commit_transaction()
    again = await send_until_known([other.url], path, demand_of("chair"), key)
    assert (again.status, (await first).status) == (200, 200)
    document = stores.find_one({"_id": store_id})
    assert document is not None
    assert document["items"] == {"chair": 5}


async def test_the_demo_ends_on_the_truth_though_the_service_is_killed_under_it(
    both: tuple[Service, Service], mongo: Mongo, tmp_path: Path
) -> None:
    service, _ = both
    claims = mongo[service.database]["claims"]
    options = ("--url", service.url, "--stores", "2", "--baskets", "400", "--connections", "16")
    said = tmp_path / "said"
    with said.open("wb") as output:
        demo = await asyncio.create_subprocess_exec(
            *begun(sys.executable, "-m", "bench.demo", *options),
            *("--prefix", f"demo-{uuid4().hex[:8]}-"),
            cwd=ROOT,
            env=environment({}),
            stdout=output,
            stderr=output,
        )
        before = claims.estimated_document_count()
        more = 100

        def has_gone_on() -> bool:
            return claims.estimated_document_count() > before + more

        await asyncio.to_thread(wait_until, has_gone_on, "baskets are sold", 60.0)
        await asyncio.to_thread(service.kill)
        assert demo.returncode is None, "it has the most of its baskets before it"
        service.start()
        await asyncio.to_thread(service.wait_until_ready)
        assert await demo.wait() == 0, said.read_text()
    assert "0 refused, 0 of unknown outcome" in said.read_text()
    assert "Check passed: all 2 stores" in said.read_text()
    # The keeper ended with its service, maybe in the midst of a batch.
    assert "and 400 receipts, item by item" in said.read_text()
