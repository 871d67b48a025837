"""A session is one in every process, and after a restart: its key is the database's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.support.certificates import certified
from tests.support.service import Service, needs_proc
from tests.support.tokens import bearer, let_in, tokens_in


@pytest.fixture
def service(mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path) -> Iterator[Service]:
    """Two processes that let in whoever has a token."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "AUTH": "tokens", "WORKERS": "2"}
    with Service(tmp_path, settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)


@needs_proc
async def test_who_signed_in_with_one_process_is_known_by_all_and_after_a_restart(
    service: Service, mongo: MongoClient[dict[str, Any]]
) -> None:
    token = let_in(tokens_in(mongo[service.database]), ["read"], name="ann")
    first, second = service.worker_pids()
    with service.only(first):
        async with service.client() as client:
            signed_in = await client.post("/session", headers=bearer(token))
    cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    with service.only(second):
        assert await name_of(service, cookie) == "ann"
    # Nothing of it is in a process, either, nor told by one.
    service.stop()
    said = service.output + service.complaints
    service.start()
    service.wait_until_ready()
    assert await name_of(service, cookie) == "ann"
    value = cookie["Cookie"].partition("=")[2]
    assert value.rpartition(".")[2] not in said + service.output + service.complaints


async def name_of(service: Service, headers: dict[str, str]) -> str:
    """Ask who one is."""
    async with service.client() as client:
        answer = await client.get("/session", headers=headers)
    assert answer.status_code == 200
    return str(answer.json()["name"])


async def test_over_our_own_tls_the_cookie_is_for_tls_alone(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "AUTH": "tokens"}
    with Service(tmp_path, {**settings, **certified(tmp_path)}) as service:
        service.wait_until_ready()
        token = let_in(tokens_in(mongo[service.database]), ["read"], name="ann")
        async with service.client() as client:
            signed_in = await client.post("/session", headers=bearer(token))
            assert signed_in.headers["set-cookie"].startswith("__Host-store_api_session=")
            assert signed_in.headers["set-cookie"].endswith("; HttpOnly; SameSite=Strict; Secure")
            assert (await client.get("/session")).json()["name"] == "ann"
    mongo.drop_database(service.database)
