"""Every route and both sockets, with every credential that lets nobody in, and with each that lets one in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sanic import Sanic

from store_api.access.token_text import check_of
from store_api.contract.scopes import OPEN, SCOPES, Scope
from store_api.gate.gate import OPEN_GATE
from store_api.pages.routes import assets
from store_api.service import create_app
from store_api.settings import Settings
from tests.integration.in_process_api import Api, check_problem, served_in_process
from tests.support.tokens import Documents, bearer, let_in, tokens_in

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
BODIES = {
    "POST /stores/{store_id}": {"operation": "demand", "item_id": "chair", "quantity": 1},
    "POST /stores/{store_id}/group_op": {
        "operation": "demand",
        "items": [{"item_id": "chair", "quantity": 1}],
    },
}
GUARDED = [address for address, scopes in SCOPES.items() if scopes != OPEN]
ANOTHER = "sapi_0000000000000000000000000004JLzvP"


@dataclass(frozen=True)
class World:
    """The service with access on, one store, and its tokens."""

    api: Api
    tokens: Documents

    def ask(
        self, address: str, headers: Mapping[str, str], store_id: str = "berlin-1", query: str = ""
    ) -> Any:
        """Ask at an address as its own method and shape want it."""
        method, _, path = address.partition(" ")
        more = (
            HANDSHAKE if "/ws/" in path else {"Content-Type": "application/json"} if method == "POST" else {}
        )
        return self.api.call(
            method.lower(),
            path.replace("{store_id}", store_id) + query,
            BODIES.get(address),
            {**more, **headers},
        )


@pytest.fixture
def world(served: World) -> World:
    """The service, whose store is full again."""
    served.api.stores.update_one({"_id": "berlin-1"}, {"$set": {"items.chair": 1_000}}, upsert=True)
    return served


@pytest.fixture(scope="module")
def served(mongo_url: str) -> Iterator[World]:
    with served_in_process(mongo_url, {"AUTH": "tokens", "LEDGER": "on"}) as api:
        yield World(api, tokens_in(api.stores.database))


def mended(token: str) -> str:
    """Give a token that is another, of the same shape, with a check that is right for it."""
    body = token[:-7] + ("0" if token[-7] != "0" else "1")
    return body + check_of(body)


def credentials(tokens: Documents) -> dict[str, dict[str, str]]:
    """Give headers that let nobody in, by what is wrong with them."""
    right = let_in(tokens, ["admin"])
    past = datetime.now(UTC) - timedelta(seconds=1)
    broken: Any = "soon"
    return {
        "another scheme": {"Authorization": f"Basic {right}"},
        "no scheme": {"Authorization": right},
        "nothing after the scheme": {"Authorization": "Bearer"},
        "two in one": {"Authorization": f"Bearer {right}, Bearer {right}"},
        "cut off": bearer(right[:-1]),
        "with more": bearer(right + "0"),
        "in other letters": bearer(right.swapcase()),
        "in quotes": bearer(f'"{right}"'),
        "of its own making": bearer(mended(right)),
        "of no random bits": bearer(ANOTHER),
        "another service's": bearer("ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        "a JWT where none is taken": bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."),
        "very long": bearer("sapi_" + "0" * 4000),
        "expired": bearer(let_in(tokens, ["admin"], expires=past)),
        "revoked": bearer(let_in(tokens, ["admin"], revoked=past)),
        "with a broken document": bearer(let_in(tokens, ["admin"], expires=broken)),
        "with a scope that there is not": bearer(let_in(tokens, ["everything"])),
    }


def test_a_route_that_says_nothing_of_scopes_is_not_there(mongo_url: str) -> None:
    app = create_app(Settings.read({"MONGO_URL": mongo_url, "AUTH": "tokens"}))
    pages = {*assets(), "/docs/"}
    routes = {
        f"{method} /{route.path.replace('<store_id:str>', '{store_id}')}"
        for route in app.router.routes
        for method in route.methods - {"HEAD"}
    }
    assert {route for route in routes if route.partition(" ")[2] not in pages} == SCOPES.keys()
    with pytest.raises(KeyError):
        OPEN_GATE.guard(print, "GET /new")
    Sanic.unregister_app(app)


@pytest.mark.parametrize("address", GUARDED)
def test_who_says_nothing_is_asked_who_he_is(world: World, address: str) -> None:
    secret = let_in(world.tokens, ["admin"])
    for headers, query in (
        ({}, ""),
        ({}, f"?access_token={secret}"),
        ({"Cookie": f"token={secret}"}, ""),
        ({"Proxy-Authorization": f"Bearer {secret}"}, ""),
        ({"X-Api-Key": secret}, ""),
    ):
        answer = world.ask(address, headers, query=query)
        problem = check_problem(answer, 401, "/problems/credential-missing", address_of(address))
        assert answer.headers["www-authenticate"] == 'Bearer realm="store_api"'
        assert problem["outcome"] == "not applied"
        assert secret not in answer.text


@pytest.mark.parametrize("address", GUARDED)
def test_whatever_lets_nobody_in_lets_nobody_in(world: World, address: str) -> None:
    before = world.api.stores.find_one({"_id": "berlin-1"})
    for wrong, headers in credentials(world.tokens).items():
        answer = world.ask(address, headers)
        assert (wrong, answer.status) == (wrong, 401)
        check_problem(answer, 401, "/problems/credential-invalid", address_of(address))
        assert answer.headers["www-authenticate"] == 'Bearer realm="store_api", error="invalid_token"'
        said = headers["Authorization"].rpartition(" ")[2]
        assert len(said) < len("Bearer ") or said not in answer.text
    assert world.api.stores.find_one({"_id": "berlin-1"}) == before


def no_handshake(address: str) -> str:
    """Give a query that the sockets refuse."""
    return "?only=nonsense" if "/ws/" in address else ""


@pytest.mark.parametrize("address", GUARDED)
def test_each_scope_lets_in_where_it_is_wanted_and_nowhere_else(world: World, address: str) -> None:
    for scope in Scope:
        answer = world.ask(address, bearer(let_in(world.tokens, [scope])), query=no_handshake(address))
        is_wanted = scope in SCOPES[address] or scope is Scope.ADMIN
        if is_wanted and address in BODIES and scope is not Scope.ADMIN:
            is_wanted = scope is Scope.DEMAND  # as the body says
        if is_wanted:
            # The sockets refuse the query that was sent, so that no handshake is made here.
            assert (scope, answer.status) == (scope, 422 if "/ws/" in address else 200)
            continue
        check_problem(answer, 403, "/problems/scope-missing", address_of(address))
        wanted = answer.headers["www-authenticate"].partition('scope="')[2].rstrip('"').split()
        assert set(wanted) <= SCOPES[address]
        assert wanted


@pytest.mark.parametrize("address", [address for address in GUARDED if "{store_id}" in address])
def test_a_store_of_others_is_refused_whether_there_is_one_or_not(world: World, address: str) -> None:
    world.api.stores.update_one({"_id": "paris"}, {"$set": {"items.chair": 3}}, upsert=True)
    headers = bearer(let_in(world.tokens, ["admin"], stores=["berlin-*", "rome"]))
    answers = [
        check_problem(
            world.ask(address, headers, store_id),
            *(403, "/problems/store-forbidden", address_of(address, store_id)),
        )
        for store_id in ("paris", "nowhere", "Berlin-1", "berlin", "rome2", "%70aris")
    ]
    for answer in answers:
        answer.pop("instance")
    assert all(answer == answers[0] for answer in answers)
    own = world.ask(address, headers, "%62erlin-1", query=no_handshake(address))
    assert own.status == (422 if "/ws/" in address else 200)


def test_the_overview_leaves_out_the_stores_of_others(world: World) -> None:
    names = ["a.b", "aXb", "abc111", "abc112", "berlin-1", "berlin-2", "berlin.3", "paris", "z"]
    world.api.stores.delete_many({})
    world.api.stores.insert_many([{"_id": name, "items": {"chair": 1}} for name in names])
    for stores, seen in (
        (["berlin-*", "paris"], ["berlin-1", "berlin-2", "paris"]),
        (["a.*"], ["a.b"]),
        (["abc111", "nowhere"], ["abc111"]),
        (["*"], names),
        ([], []),
        (None, names),
    ):
        headers = bearer(let_in(world.tokens, ["read"], stores=stores))
        listed, following = [], "/stores?limit=2"
        while following:
            page = world.api.call("get", following, headers=headers).json
            listed += [store["store_id"] for store in page["stores"]]
            following = page["next"]
        assert listed == seen


def test_a_new_token_lets_in_at_once_and_a_changed_one_lets_into_what_it_says_then(world: World) -> None:
    token = let_in(world.tokens, ["read"])
    assert world.ask("GET /stores", bearer(token)).status == 200
    world.tokens.update_one({"hint": token[:9]}, {"$set": {"scopes": ["metrics"]}})
    world.api.until(lambda: world.ask("GET /stores", bearer(token)).status == 403, "it may not read")
    world.tokens.update_one({"hint": token[:9]}, {"$set": {"scopes.0": "read"}})
    world.api.until(lambda: world.ask("GET /stores", bearer(token)).status == 200, "it may again")
    world.tokens.delete_one({"hint": token[:9]})
    world.api.until(lambda: world.ask("GET /stores", bearer(token)).status == 401, "it is gone")
    token = let_in(world.tokens, ["read"])
    assert world.ask("GET /stores", bearer(token)).status == 200
    world.tokens.drop()
    world.api.until(lambda: world.ask("GET /stores", bearer(token)).status == 401, "there is none any more")


def test_two_callers_may_have_one_key_for_two_operations(world: World) -> None:
    store_id, key = f"berlin-{uuid4().hex[:6]}", {"Idempotency-Key": "same"}
    body = {"operation": "supply", "item_id": "chair", "quantity": 1}
    for name in ("till-1", "till-2"):
        headers = {**bearer(let_in(world.tokens, ["supply"], name=name)), **key}
        for again in (False, True):
            answer = world.api.call(
                "post", f"/stores/{store_id}", body, {"Content-Type": "application/json", **headers}
            )
            assert (answer.status, "idempotent-replayed" in answer.headers) == (200, again)
    assert world.api.stores.find_one({"_id": store_id})["items"] == {"chair": 2}


@pytest.mark.parametrize(
    "page", ["/", "/docs", "/openapi.json", "/asyncapi.yaml", "/health/live", "/health/ready"]
)
def test_what_is_open_asks_nobody(world: World, page: str) -> None:
    assert world.api.call("get", page).status == 200
    assert world.api.call("get", page, headers=bearer("nonsense")).status == 200


def address_of(address: str, store_id: str = "berlin-1") -> str:
    """Give the path that a problem is about."""
    return address.partition(" ")[2].replace("{store_id}", store_id)
