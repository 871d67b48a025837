"""Wrong tokens, however many, cost the right ones nothing, and a right one may no more than it says now."""

import asyncio
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from store_api.access.known_tokens import MOST_MISSES
from store_api.access.token_text import new_token
from tests.end_to_end.raw import raw_connection
from tests.support.service import Service
from tests.support.tokens import Documents, bearer, let_in, tokens_in
from tests.support.unwatched import WATCHED


@pytest.fixture(scope="module")
def guarded(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve to those who have a token."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "AUTH": "tokens", **WATCHED}
    with Service(tmp_path_factory.mktemp("guarded"), settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


@pytest.fixture
def service(guarded: Service) -> Service:
    return guarded


@pytest.fixture
def tokens(service: Service, mongo: MongoClient[dict[str, Any]]) -> Documents:
    return tokens_in(mongo[service.database])


def asked(credential: str, path: str = "/stores", more: str = "") -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {credential}\r\n{more}\r\n"
    ).encode()


async def test_a_thousand_wrong_tokens_cost_a_right_one_nothing(
    service: Service, mongo: MongoClient[dict[str, Any]], tokens: Documents
) -> None:
    right, database = bearer(let_in(tokens, ["read"])), mongo[service.database]
    # Each is as it should be, so that only MongoDB could tell that there is none.
    wrong = [new_token(secrets.token_bytes) for _ in range(1000)]
    async with service.client() as http:
        assert (await http.get("/stores", headers=right)).status_code == 200
        database.command("profile", 2)
        began = time.time()
        floods = [asyncio.create_task(flood(service, wrong[part::4])) for part in range(4)]
        answers = 0
        while not all(each.done() for each in floods) or answers < 20:
            assert (await http.get("/stores", headers=right)).status_code == 200
            answers += 1
        seconds = int(time.time()) - int(began) + 1
        database.command("profile", 0)
    statuses = [status for each in floods for status in each.result()]
    assert (len(statuses), set(statuses) - {401, 503}) == (1000, set())
    lookups = database["system.profile"].count_documents({"ns": tokens.full_name, "command.find": "tokens"})
    assert 0 < lookups <= MOST_MISSES * seconds
    assert statuses.count(401) == lookups


async def flood(service: Service, credentials: list[str]) -> list[int]:
    """Ask with each of these, without waiting for answers, and give their statuses."""
    *first, last = (asked(each) for each in credentials)
    said = b"".join(first) + last.replace(b"Host", b"Connection: close\r\nHost")
    async with raw_connection(service, said) as (reader, _), asyncio.timeout(30):
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", await reader.read())]


async def test_what_cannot_be_a_token_is_not_asked_for_at_all(
    service: Service, mongo: MongoClient[dict[str, Any]], tokens: Documents
) -> None:
    right, database = let_in(tokens, ["read"]), mongo[service.database]
    database["system.profile"].drop()
    database.command("profile", 2)
    wrong = [right[:-1], right + "0", right.swapcase(), "sapi_", "x", "sapi_" + "0" * 10_000]
    assert set(await flood(service, [*wrong] * 20)) == {401}
    database.command("profile", 0)
    assert database["system.profile"].count_documents({"ns": tokens.full_name}) == 0


@pytest.mark.parametrize(
    "change",
    [
        [{"$set": {"scopes": ["read"]}}],
        [{"$set": {"scopes": {"$slice": ["$scopes", 1]}}}],
        {"$pop": {"scopes": 1}},
        {"$pull": {"scopes": "clean"}},
        {"$set": {"scopes": ["read"]}},
        {"$unset": {"scopes.1": 1}},
    ],
    ids=["a pipeline", "cut off", "popped", "pulled", "set", "a hole"],
)
async def test_a_scope_that_is_taken_away_is_gone_however_it_was(
    service: Service, tokens: Documents, change: Any
) -> None:
    token = let_in(tokens, ["read", "clean"])
    async with service.client() as http:
        cleaned = await http.post("/stores/x/clean", headers=bearer(token))
        assert cleaned.status_code in (200, 404)
        tokens.update_one({"hint": token[:9]}, change)
        async with asyncio.timeout(10):
            while cleaned.status_code not in (401, 403):
                cleaned = await http.post("/stores/x/clean", headers=bearer(token))
        # It stays so: whatever was known of it was forgotten, or is what it says now.
        assert (await http.post("/stores/x/clean", headers=bearer(token))).status_code in (401, 403)


# Heads without measure, with and without a token


@pytest.mark.parametrize("has_token", [True, False], ids=["with a token", "without"])
async def test_a_head_without_measure_is_refused_and_hung_up_on(
    service: Service, tokens: Documents, *, has_token: bool
) -> None:
    credential = let_in(tokens, ["admin"]) if has_token else "x"
    for more, status in (
        ("".join(f"X-{number}: x\r\n" for number in range(100_000)), 431),
        ("X: x\r\n" * 100_000, 431),
        (f"X: {'x' * 100_000}\r\n", 431),
        (f"Cookie: {'a=b; ' * 20_000}\r\n", 431),
    ):
        assert await first_status(service, asked(credential, more=more)) == status
    assert await first_status(service, asked("x" * 60_000)) == 431
    assert await first_status(service, asked("x", path="/" + "x" * 60_000)) == 414
    # An end that never comes changes nothing.
    assert await first_status(service, asked(credential)[:-2] + b"X: x\r\n" * 20_000) == 431
    if has_token:
        assert await first_status(service, asked(credential)) == 200


async def first_status(service: Service, said: bytes) -> int:
    """Say this, and give the status of what comes, even while it is still being said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        writer.write(said)
        async with asyncio.timeout(15):
            return int((await reader.readline()).split()[1])
    finally:
        writer.transport.abort()


async def test_thousands_who_say_nothing_or_not_all_hold_up_nobody(
    service: Service, tokens: Documents
) -> None:
    right, half = bearer(let_in(tokens, ["read"])), asked(let_in(tokens, ["read"]))[:-2]
    opened = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(2_000)]
    try:
        for number, (_, writer) in enumerate(opened):
            writer.write(half if number % 2 else b"")
        async with service.client() as http, asyncio.timeout(10):
            for _ in range(20):
                assert (await http.get("/stores", headers=right)).status_code == 200
            # What comes byte by byte is waited for meanwhile.
            _, slow = opened[1]
            slow.write(b"\r\n")
            reader, _ = opened[1]
            assert b" 200 " in await reader.readline()
    finally:
        for _, writer in opened:
            writer.transport.abort()
            writer.close()
