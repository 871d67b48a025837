"""Who may open a socket, what it is told then, and when it ends; for one process and for two."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from pymongo import MongoClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.end_to_end.conftest import Stores
from tests.support.fail_points import failing
from tests.support.listening import Report, Socket, never_reading, served_by
from tests.support.service import Service
from tests.support.tokens import Documents, bearer, let_in, tokens_in

V1, BEARER = "store_api.v1", "store_api.bearer."
ALLOWED = "https://shop.example"


@pytest.fixture(scope="module")
def guarded(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Service]]:
    """The served programs with access on."""
    services = {}
    for workers in ("1", "2"):
        settings = {"MONGO_DB": f"test_{uuid4().hex}", "WORKERS": workers, "ALLOWED_ORIGINS": ALLOWED}
        services[workers] = Service(
            tmp_path_factory.mktemp("service"), {"MONGO_URL": mongo_url, "AUTH": "tokens", **settings}
        )
    with services["1"] as one, services["2"] as two:
        one.wait_until_ready()
        two.wait_until_ready()
        yield services
    for service in services.values():
        mongo.drop_database(service.database)
        assert service.log("fault") == []


@pytest.fixture(params=["1", "2"])
def service(request: pytest.FixtureRequest, guarded: dict[str, Service]) -> Service:
    """The service with access on, in one process and then in two."""
    return guarded[request.param]


@pytest.fixture
def tokens(service: Service, mongo: MongoClient[dict[str, Any]]) -> Documents:
    """Its tokens."""
    return tokens_in(mongo[service.database])


def revoke(tokens: Documents, token: str) -> None:
    """Revoke a token as the command does."""
    tokens.update_one({"hint": token[:9]}, {"$set": {"revoked": datetime.now(UTC)}})


def break_store(stores: Stores, store_id: str) -> None:
    """Leave a document that is no stock."""
    nonsense = {"$set": {"items": "nonsense"}}
    stores.update_one({"_id": store_id}, nonsense, bypass_document_validation=True)


async def until_refused(http: httpx.AsyncClient, token: str) -> None:
    """Ask until a token lets nobody in."""
    while (await http.get("/stores", headers=bearer(token))).status_code != 401:
        pass


@asynccontextmanager
async def socket_of(
    service: Service,
    path: str,
    headers: Mapping[str, str],
    offered: Sequence[str] = (),
    origin: str | None = None,
    worker: int | None = None,
) -> AsyncIterator[Socket]:
    """Open a socket with these credentials."""
    connecting = connect(
        f"ws://127.0.0.1:{service.port}/ws/stores{path}",
        additional_headers=dict(headers),
        subprotocols=[Subprotocol(each) for each in offered] or None,
        origin=None if origin is None else Origin(origin),
        proxy=None,
        compression=None,
    )
    async with served_by(service, connecting, worker) as socket:
        yield socket


async def refusal(
    service: Service,
    headers: Mapping[str, str],
    offered: Sequence[str] = (),
    path: str = "/paris",
    origin: str | None = None,
) -> tuple[int, str]:
    """Try to open a socket, and give the status and the problem that come instead."""
    with pytest.raises(InvalidStatus) as refused:
        async with socket_of(service, f"{path}?snapshot=true", headers, offered, origin):
            pass
    answer = refused.value.response
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.body or b""
    secrets = [each.removeprefix(BEARER) for each in offered] + [each[7:] for each in headers.values()]
    assert not [secret for secret in secrets if len(secret) > 12 and secret.encode() in body]
    assert answer.headers.get("sec-websocket-protocol") is None
    return answer.status_code, msgspec.json.decode(body)["type"].removeprefix("/problems/")


async def test_each_way_of_saying_who_one_is_opens_a_socket(
    service: Service, tokens: Documents, stores: Stores, store_id: str
) -> None:
    token = let_in(tokens, ["read"])
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    own = service.url
    ways: list[tuple[Mapping[str, str], Sequence[str], str | None, str | None]] = [
        (bearer(token), (), None, None),
        (bearer(token), (V1,), None, V1),
        (bearer(token), ("another.v1",), None, None),
        ({}, (V1, BEARER + token), None, V1),
        ({}, (BEARER + token, "another.v1", V1), own, V1),
        ({}, (V1, BEARER + token), ALLOWED, V1),
        ({}, (BEARER + token,), None, None),
        ({"Cookie": "theme=dark"}, (V1, BEARER + token), own, V1),
    ]
    for headers, offered, origin, spoken in ways:
        async with socket_of(service, f"/{store_id}?snapshot=true", headers, offered, origin) as socket:
            assert await socket.report() == Report(store_id, {"chair": 1})
            assert socket.connection.subprotocol == spoken


async def test_whatever_lets_nobody_in_is_a_problem_before_the_handshake(
    service: Service, tokens: Documents
) -> None:
    token, another = let_in(tokens, ["read"]), let_in(tokens, ["admin"])
    past = datetime.now(UTC) - timedelta(seconds=1)
    missing, invalid = (401, "credential-missing"), (401, "credential-invalid")
    ways: list[tuple[Mapping[str, str], Sequence[str], tuple[int, str]]] = [
        ({}, (), missing),
        ({}, (V1,), missing),
        ({}, (V1, token), missing),
        ({}, (V1, BEARER.upper() + token), missing),
        ({}, (V1, BEARER), invalid),
        ({}, (V1, BEARER + token[:-1]), invalid),
        ({}, (V1, BEARER + token + "0"), invalid),
        ({}, (V1, BEARER + token.swapcase()), invalid),
        ({}, (V1, BEARER + "sapi_0000000000000000000000000004JLzvP"), invalid),
        ({}, (V1, BEARER + "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."), invalid),
        ({}, (V1, BEARER + let_in(tokens, ["read"], expires=past)), invalid),
        ({}, (V1, BEARER + let_in(tokens, ["read"], revoked=past)), invalid),
        ({}, (V1, BEARER + let_in(tokens, ["demand"])), (403, "scope-missing")),
        ({}, (V1, BEARER + let_in(tokens, ["admin"], stores=["rome"])), (403, "store-forbidden")),
        # Two of them: nobody can tell which one is meant.
        ({}, (V1, BEARER + token, BEARER + another), invalid),
        ({}, (V1, BEARER + token, BEARER + token), invalid),
        (bearer(another), (V1, BEARER + token), invalid),
        (bearer(token), (V1, BEARER + token), invalid),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, (V1, BEARER + token), invalid),
    ]
    for headers, offered, expected in ways:
        assert (offered, await refusal(service, headers, offered)) == (offered, expected)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "https://shop.example.evil.example"]
)
async def test_a_page_of_another_origin_opens_nothing_whatever_it_sends(
    service: Service, tokens: Documents, origin: str
) -> None:
    token = let_in(tokens, ["admin"])
    for headers, offered in (
        ({}, [V1, BEARER + token]),
        (bearer(token), [V1]),
        ({"Cookie": f"store_api_session={token}"}, [V1]),
    ):
        for path in ("", "/paris"):
            found = await refusal(service, headers, offered, path, origin)
            assert found == (403, "foreign-page")


async def test_a_revocation_ends_its_sockets_in_every_process_and_no_others(
    service: Service, tokens: Documents, stores: Stores, store_id: str
) -> None:
    ending, staying = let_in(tokens, ["read"]), let_in(tokens, ["read"])
    workers: list[int | None] = [*service.worker_pids()] or [None]
    async with AsyncExitStack() as stack:

        async def opened(token: str, path: str, worker: int | None) -> Socket:
            return await stack.enter_async_context(
                socket_of(service, path, {}, [V1, BEARER + token], worker=worker)
            )

        paths = (f"/{store_id}", "", f"/{store_id}?only=changes", "?only=changes")
        ends = [await opened(ending, path, worker) for worker in workers for path in paths]
        others = [await opened(staying, f"/{store_id}", worker) for worker in workers]
        revoke(tokens, ending)
        assert [await socket.closed() for socket in ends] == [4401] * len(ends)
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        assert [await other.items() for other in others] == [{"chair": 1}] * len(others)
    assert await refusal(service, bearer(ending)) == (401, "credential-invalid")


async def test_a_socket_ends_in_the_second_in_which_its_token_does(
    service: Service, tokens: Documents
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=1.5)
    token = let_in(tokens, ["read"], expires=expires)
    async with socket_of(service, "", bearer(token)) as socket:
        assert await socket.closed() == 4401
        # MongoDB keeps milliseconds.
        assert -0.001 <= time.time() - expires.timestamp() < 2.0
    assert await refusal(service, bearer(token)) == (401, "credential-invalid")


async def test_who_may_do_something_else_is_told_to_come_back(
    service: Service, tokens: Documents, stores: Stores, store_id: str
) -> None:
    token = let_in(tokens, ["read"])
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    for fields in ({"scopes": ["read", "demand"]}, {"stores": ["paris", store_id]}):
        async with socket_of(service, "", bearer(token)) as socket:
            tokens.update_one({"hint": token[:9]}, {"$set": fields})
            assert await socket.closed() == 4403
    # The other worker may hear of it a moment later.
    told = None
    async with asyncio.timeout(10):
        while told != Report(store_id, {"chair": 1}):
            async with socket_of(service, "?snapshot=true", bearer(token)) as socket:
                told = await socket.report()


@pytest.mark.parametrize("only", ["", "&only=changes"])
async def test_of_all_stores_a_token_is_told_those_that_are_its(
    service: Service, tokens: Documents, stores: Stores, only: str
) -> None:
    mine, theirs = f"berlin-{uuid4().hex[:6]}", f"paris-{uuid4().hex[:6]}"
    token = let_in(tokens, ["read"], stores=[f"{mine}*"])
    stores.insert_many([{"_id": name, "items": {"chair": 1}} for name in (mine, theirs)])
    async with socket_of(service, f"?snapshot=true{only}", bearer(token)) as socket:
        assert await socket.report() == Report(mine, {"chair": 1})
        stores.update_one({"_id": theirs}, {"$set": {"items.chair": 2}})
        break_store(stores, theirs)
        stores.insert_one({"_id": f"{mine}-2", "items": {"table": 1}})
        assert await socket.report() == Report(f"{mine}-2", {"table": 1})
        break_store(stores, mine)
        assert f'"broken":{{"store_id":"{mine}"' in await socket.frame()
        stores.delete_one({"_id": theirs})
        stores.replace_one({"_id": mine}, {"items": {"chair": 5}})
        assert await socket.report() == Report(mine, {"chair": 5})
    break_store(stores, mine)
    break_store(stores, theirs)
    async with socket_of(service, f"?snapshot=true{only}", bearer(token)) as socket:
        # The one who listened before may not be gone yet: then that it is broken comes as a change.
        frames = {await socket.frame(), await socket.frame()}
        while not any('"broken"' in frame for frame in frames):
            frames.add(await socket.frame())
        assert all(mine in frame for frame in frames)
    stores.delete_many({"_id": {"$in": [mine, theirs]}})


async def test_a_reader_that_does_not_read_is_ended_too(
    service: Service, tokens: Documents, stores: Stores, store_id: str
) -> None:
    token = let_in(tokens, ["read"])
    stores.insert_one({"_id": store_id, "items": {f"item-{number:090}": 1 for number in range(40_000)}})
    async with never_reading(service.port, store_id, "?snapshot=true", bearer(token)) as socket:
        revoke(tokens, token)
        async with service.client() as http:
            await until_refused(http, token)
        stores.update_one({"_id": store_id}, {"$set": {"items": {"after": 1}}})
        frames: list[Any] = []
        with suppress(ConnectionClosed):
            async with asyncio.timeout(20):
                while True:
                    frames.append(await socket.connection.recv())
        assert not [frame for frame in frames if "after" in frame]


async def test_tokens_that_are_revoked_while_many_sockets_join_leave_none_open(
    service: Service, tokens: Documents, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    ends: Counter[int | None] = Counter()

    async def join(token: str, path: str) -> None:
        """Come back for as long as one is let in."""
        with suppress(InvalidStatus):
            while True:
                async with socket_of(service, path, {}, [V1, BEARER + token]) as socket:
                    ends[await socket.closed()] += 1

    paths = (f"/{store_id}?snapshot=true", "?snapshot=true", "?only=changes")
    for turn in range(10):
        token = let_in(tokens, ["read"], stores=None if turn % 2 else [store_id])
        joining = [asyncio.create_task(join(token, paths[number % 3])) for number in range(30)]
        await asyncio.sleep(turn * 0.01)
        await asyncio.to_thread(revoke, tokens, token)
        async with asyncio.timeout(10):
            await asyncio.gather(*joining)
    assert ends.keys() == {4401}


async def test_what_becomes_of_a_token_during_a_handshake_is_not_lost(
    guarded: dict[str, Service], mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    service = guarded["1"]
    tokens = tokens_in(mongo[service.database])
    ending, changing = let_in(tokens, ["read", "metrics"]), let_in(tokens, ["read"])

    async def end_of(token: str) -> int | None:
        try:
            async with socket_of(service, f"/{store_id}", bearer(token)) as socket:
                return await socket.closed()
        except InvalidStatus as refused:
            return refused.response.status_code

    async with service.client() as http:
        for token in (ending, changing):
            assert (await http.get("/stores", headers=bearer(token))).status_code == 200
        with failing(mongo, "find", blockConnection=True, blockTimeMS=1500) as held_back:
            joining = [asyncio.create_task(end_of(token)) for token in (ending, changing)]
            await held_back.wait_until_hit()
            tokens.update_one({"hint": changing[:9]}, {"$set": {"scopes": ["admin"]}})
            revoke(tokens, ending)
            await until_refused(http, ending)
            assert not any(task.done() for task in joining)
            assert await asyncio.gather(*joining) == [401, 4403]


async def test_where_nobody_is_asked_the_subprotocol_is_spoken_all_the_same(
    one_process: Service, store_id: str
) -> None:
    for offered, spoken in (((V1, BEARER + "whatever"), V1), ((V1,), V1), (("another",), None), ((), None)):
        async with socket_of(one_process, f"/{store_id}?snapshot=true", {}, offered) as socket:
            assert await socket.items() == {}
            assert socket.connection.subprotocol == spoken
    async with one_process.client() as http:
        headers = {"Origin": "https://evil.example", "Connection": "Upgrade", "Upgrade": "websocket"}
        assert (await http.get("/ws/stores", headers=headers)).status_code == 403
