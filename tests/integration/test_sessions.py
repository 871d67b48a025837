"""Browsers sign in with a token, ask who they are, and sign out; pages of others get nothing of it."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.contract.scopes import Scope
from store_api.gate.sessions import LIFE_SECONDS, PLAIN_NAME, SECURE_NAME
from store_api.storage.clients import Client
from store_api.tokens.session_key import COLLECTION, KEY_BYTES, SessionKey
from tests.integration.in_process_api import Api, check_problem, served_in_process
from tests.support.fail_points import failing
from tests.support.tokens import Documents, bearer, let_in, tokens_in

JSON = {"Content-Type": "application/json"}
ELSEWHERE = {"Origin": "https://evil.example"}
DEMAND = {"operation": "demand", "item_id": "chair", "quantity": 1}


@pytest.fixture(scope="module")
def api(mongo_url: str) -> Iterator[Api]:
    """The service with access on."""
    with served_in_process(mongo_url, {"AUTH": "tokens"}) as api:
        api.stores.insert_one({"_id": "berlin-1", "items": {"chair": 1_000}})
        yield api


@pytest.fixture(scope="module")
def tokens(api: Api) -> Documents:
    return tokens_in(api.stores.database)


def nobody(key: bytes | None) -> None:
    """Use a key for nothing."""


def cookies_in(answer: Any) -> dict[str, Morsel[str]]:
    """Read the cookies that an answer sets."""
    found: dict[str, Morsel[str]] = {}
    for line in answer.headers.get_list("set-cookie"):
        found.update(SimpleCookie(line))
    return found


def signed_in(api: Api, token: str, **headers: str) -> dict[str, str]:
    """Sign in, and give the header that a browser would send from there on."""
    answer = api.call("post", "/session", headers={**bearer(token), **headers})
    assert answer.status == 200
    ((name, cookie),) = cookies_in(answer).items()
    return {"Cookie": f"theme=dark; {name}={cookie.value}"}


def test_who_signs_in_is_told_who_he_is_and_keeps_no_token(api: Api, tokens: Documents) -> None:
    token = let_in(tokens, ["read", "demand"], name="till-7", stores=["berlin-*"])
    before = datetime.now(UTC)
    answer = api.call("post", "/session", headers=bearer(token))
    who = answer.json
    assert {**who, "expires": None} == {
        "name": "till-7",
        "scopes": ["demand", "read"],
        "stores": ["berlin-*"],
        "expires": None,
        "ledger": False,
    }
    lasts = datetime.fromisoformat(who["expires"]) - before
    assert abs(lasts.total_seconds() - LIFE_SECONDS) < 60
    ((name, cookie),) = cookies_in(answer).items()
    assert (name, cookie["httponly"], cookie["samesite"], cookie["path"]) == (PLAIN_NAME, True, "Strict", "/")
    assert (cookie["secure"], cookie["domain"], int(cookie["max-age"])) == ("", "", LIFE_SECONDS)
    assert token not in answer.text + cookie.value
    assert answer.headers["cache-control"] == "no-store"
    session = {"Cookie": f"{name}={cookie.value}"}
    assert api.call("get", "/session", headers=session).json == who
    assert api.call("head", "/session", headers=session).status == 200
    assert api.call("get", "/session", headers=bearer(token)).json == {**who, "expires": None}


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Origin": "https://stock.example", "Host": "stock.example"}, SECURE_NAME),
        ({"Origin": "http://stock.example", "Host": "stock.example"}, PLAIN_NAME),
        ({"X-Forwarded-Proto": "https", "Forwarded": "proto=https", "X-Scheme": "https"}, PLAIN_NAME),
    ],
)
def test_a_cookie_is_secure_where_the_browser_says_that_its_page_came_over_tls(
    mongo_url: str, headers: Mapping[str, str], name: str
) -> None:
    with served_in_process(mongo_url, {"AUTH": "tokens", "ALLOWED_HOSTS": "*"}) as api:
        token = let_in(tokens_in(api.stores.database), ["read"])
        answer = api.call("post", "/session", headers={**bearer(token), **headers})
        ((set_name, cookie),) = cookies_in(answer).items()
        assert (set_name, cookie["secure"]) == (name, True if name == SECURE_NAME else "")
        again = api.call("get", "/stores", headers={"Cookie": f"{name}={cookie.value}"})
        assert again.status == 200


def test_a_session_may_what_its_token_may(api: Api, tokens: Documents) -> None:
    session = signed_in(api, let_in(tokens, ["demand"], stores=["berlin-*"]))
    assert api.call("post", "/stores/berlin-1", DEMAND, {**JSON, **session}).status == 200
    answer = api.call("get", "/stores", headers=session)
    check_problem(answer, 403, "/problems/scope-missing", "/stores")
    answer = api.call("post", "/stores/paris", DEMAND, {**JSON, **session})
    check_problem(answer, 403, "/problems/store-forbidden", "/stores/paris")


def test_who_sends_a_token_as_well_is_who_the_token_says(api: Api, tokens: Documents) -> None:
    session = signed_in(api, let_in(tokens, ["read"], name="ann"))
    other = bearer(let_in(tokens, ["read"], name="bob"))
    assert api.call("get", "/session", headers={**session, **other}).json["name"] == "bob"
    assert api.call("get", "/session", headers={**session, **bearer("nonsense")}).status == 401


def test_nobody_is_signed_in_without_a_token(api: Api, tokens: Documents) -> None:
    session = signed_in(api, let_in(tokens, ["read"]))
    for headers, kind in (
        ({}, "credential-missing"),
        (session, "credential-missing"),  # or a session could be prolonged for ever
        (bearer("sapi_nonsense"), "credential-invalid"),
        ({"Authorization": "Basic YTpi"}, "credential-invalid"),
    ):
        answer = api.call("post", "/session", headers=headers)
        check_problem(answer, 401, f"/problems/{kind}", "/session")
        assert "set-cookie" not in answer.headers
    for headers, kind in (
        ({}, "credential-missing"),
        ({"Cookie": "theme=dark"}, "credential-missing"),
        ({"Cookie": f"{PLAIN_NAME}=made.up"}, "credential-invalid"),
        ({"Cookie": f"{session['Cookie']}; {PLAIN_NAME}=made.up"}, "credential-invalid"),
    ):
        check_problem(api.call("get", "/session", headers=headers), 401, f"/problems/{kind}", "/session")


def test_who_signs_out_has_no_cookie_any_more_whether_or_not_it_was_good(api: Api, tokens: Documents) -> None:
    session = signed_in(api, let_in(tokens, ["read"]))
    for headers in (session, {}, {"Cookie": f"{PLAIN_NAME}=made.up"}, bearer("nonsense")):
        answer = api.call("delete", "/session", headers=headers)
        assert (answer.status, answer.json) == (200, {"status": "signed out"})
        gone = cookies_in(answer)
        assert {
            name: (cookie.value, cookie["max-age"], cookie["path"]) for name, cookie in gone.items()
        } == dict.fromkeys((PLAIN_NAME, SECURE_NAME), ("", "0", "/"))
        # Browsers take nothing of this name that is not so.
        assert gone[SECURE_NAME]["secure"] is True


@pytest.mark.parametrize("headers", [ELSEWHERE, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_others_signs_nobody_in_or_out_and_does_nothing_in_his_name(
    api: Api, tokens: Documents, headers: dict[str, str]
) -> None:
    token = let_in(tokens, list(Scope))
    session = signed_in(api, token)
    before = api.stores.find_one({"_id": "berlin-1"})
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    for method, path, body, more in (
        ("post", "/session", None, bearer(token)),
        ("delete", "/session", None, session),
        ("post", "/stores/berlin-1", DEMAND, {**JSON, **session}),
        ("post", "/stores/berlin-1/clean", None, session),
        ("get", "/ws/stores", None, {**session, **upgrade}),
    ):
        answer = api.call(method, path, body, {**more, **headers})
        check_problem(answer, 403, "/problems/foreign-page", path)
        assert "set-cookie" not in answer.headers
    assert api.stores.find_one({"_id": "berlin-1"}) == before
    # It may ask, as by a link; no header lets a script of it read the answer.
    answer = api.call("get", "/stores/berlin-1", headers={**session, **headers})
    assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


def test_a_session_ends_when_its_token_is_revoked_or_deleted(api: Api, tokens: Documents) -> None:
    for is_deleted in (False, True):
        token = let_in(tokens, ["read"])
        session = signed_in(api, token)
        assert api.call("get", "/stores", headers=session).status == 200
        if is_deleted:
            tokens.delete_one({"hint": token[:9]})
        else:
            tokens.update_one({"hint": token[:9]}, {"$set": {"revoked": datetime.now(UTC)}})
        api.until(partial(is_refused, api, session), "it has ended")
        check_problem(
            api.call("get", "/session", headers=session), 401, "/problems/credential-invalid", "/session"
        )


def is_refused(api: Api, session: dict[str, str]) -> bool:
    """Tell whether nobody is let in with a session."""
    status: int = api.call("get", "/stores", headers=session).status
    return status == 401


def test_a_session_is_no_longer_than_its_token(api: Api, tokens: Documents) -> None:
    expires = datetime.now(UTC) + timedelta(minutes=5)
    answer = api.call("post", "/session", headers=bearer(let_in(tokens, ["read"], expires=expires)))
    (cookie,) = cookies_in(answer).values()
    assert 290 <= int(cookie["max-age"]) <= 300
    assert datetime.fromisoformat(answer.json["expires"]) <= expires


def test_where_nobody_is_asked_everybody_may_everything_and_there_is_no_cookie(mongo_url: str) -> None:
    with served_in_process(mongo_url) as api:
        anybody = {"name": None, "scopes": sorted(Scope), "stores": None, "expires": None, "ledger": False}
        for method in ("get", "post"):
            answer = api.call(method, "/session", headers={"Cookie": f"{PLAIN_NAME}=made.up"})
            assert (answer.status, answer.json, "set-cookie" in answer.headers) == (200, anybody, False)
        assert api.call("delete", "/session").status == 200
        check_problem(
            api.call("post", "/session", headers=ELSEWHERE), 403, "/problems/foreign-page", "/session"
        )
        assert COLLECTION not in api.stores.database.list_collection_names()


async def test_all_processes_have_one_key(client: Client, database_name: str) -> None:
    keys = [SessionKey(client, database_name, secrets.token_bytes, nobody) for _ in range(8)]
    found = await asyncio.gather(*(key.read() for key in keys))
    assert len(set(found)) == 1
    assert len(found[0] or b"") == KEY_BYTES
    assert await client[database_name][COLLECTION].count_documents({}) == 1
    assert await keys[0].read() == found[0]


@pytest.mark.parametrize("command", ["find", "update"])
async def test_a_user_who_may_not_keep_a_key_is_told_and_the_service_goes_on(
    client: Client,
    other_program: MongoClient[dict[str, Any]],
    database_name: str,
    command: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = SessionKey(client, database_name, secrets.token_bytes, nobody)
    with failing(other_program, command, errorCode=13):
        assert await key.read() is None
    assert [vars(record).get("action") for record in caplog.records] == ["no_session_key"]
    assert await key.read() is not None


@pytest.mark.parametrize(
    "planted", [{}, {"key": b""}, {"key": b"short"}, {"key": "x" * 32}, {"key": 32}, {"key": None}], ids=repr
)
async def test_a_key_that_is_none_is_not_signed_with(
    client: Client, database_name: str, planted: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await client[database_name][COLLECTION].insert_one({"_id": "sessions", **planted})
    assert await SessionKey(client, database_name, secrets.token_bytes, nobody).read() is None
    assert [vars(record).get("action") for record in caplog.records] == ["no_session_key"]


def test_another_key_ends_all_sessions_at_once_and_a_bad_one_ends_nothing_else(
    api: Api, tokens: Documents
) -> None:
    token = let_in(tokens, ["read"])
    session, kept = signed_in(api, token), api.stores.database[COLLECTION]
    assert api.call("get", "/session", headers=session).status == 200
    kept.delete_one({"_id": "sessions"})
    api.until(lambda: api.call("get", "/session", headers=session).status == 401, "it was signed by another")
    assert api.call("get", "/session", headers=signed_in(api, token)).status == 200
    kept.replace_one({"_id": "sessions"}, {"key": b""})
    api.until(lambda: api.call("post", "/session", headers=bearer(token)).status == 503, "there is no key")
    tokens.update_one({"hint": token[:9]}, {"$set": {"revoked": datetime.now(UTC)}})
    api.until(lambda: api.call("get", "/stores", headers=bearer(token)).status == 401, "it is revoked")
    assert api.call("get", "/health/ready").status == 200
    kept.delete_one({"_id": "sessions"})
    other = let_in(tokens, ["read"])
    api.until(lambda: api.call("post", "/session", headers=bearer(other)).status == 200, "there is a key")


def test_to_ask_who_one_is_is_no_write(mongo_url: str) -> None:
    with served_in_process(
        mongo_url, {"AUTH": "tokens", "RATE_WRITES": "2/hour", "RATE_READS": "4/hour"}
    ) as api:
        headers = bearer(let_in(tokens_in(api.stores.database), ["admin"]))
        asked = [api.call("get", "/session", headers=headers).status for _ in range(5)]
        assert asked == [200, 200, 200, 200, 429]
        supply = {"operation": "supply", "item_id": "chair", "quantity": 1}
        written = [api.call("post", "/stores/a", supply, {**JSON, **headers}).status for _ in range(3)]
        assert written == [200, 200, 429]
