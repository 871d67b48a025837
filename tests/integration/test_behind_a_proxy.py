"""Under a proxy's path: no address in any answer leaves it. And who is no named proxy changes nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

import pytest

from store_api.contract.endpoints import ENDPOINTS
from store_api.gate.sessions import PLAIN_NAME, PREFIXED_NAME
from store_api.pages.routes import assets
from tests.integration.in_process_api import JSON, Api, check_problem, served_in_process
from tests.support.tokens import bearer, let_in, tokens_in

PREFIX = "/stock"
FORWARDED = {
    "X-Forwarded-Prefix": PREFIX,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "stock.example",
    "X-Forwarded-For": "203.0.113.9",
}
SETTINGS = {"AUTH": "tokens", "LEDGER": "on", "ALLOWED_HOSTS": "stock.example,127.0.0.1"}
SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 1}
BODIES: Mapping[str, Any] = {
    "/stores/{store_id}": SUPPLY,
    "/stores/{store_id}/group_op": {"operation": "supply", "items": [{"item_id": "lamp", "quantity": 1}]},
}

NAMES = re.compile(r"/problems/[a-z-]+")
"""Types of problems: names that nobody asks for, the same wherever the service is."""

AT_THE_ROOT = re.compile(
    r"""(?:href|src|action)="(/[^"]*)|\]\((/[^)]*)|["'`](/(?:stores|ws|health|session|docs|dashboard)\b[^"'`]*)"""
    r"""|url\(["']?(/[^)]*)|["']url["']:\s*"(/[^"]*)"""
)
"""Addresses in pages, scripts and styles that leave the page's folder."""

LINKS = re.compile(r"\]\(/")
"""The same in the text of documents."""


@pytest.fixture(scope="module")
def api(mongo_url: str) -> Iterator[Api]:
    """The service, which takes this machine for a proxy."""
    with served_in_process(mongo_url, {**SETTINGS, "TRUSTED_PROXIES": "127.0.0.1"}) as api:
        yield api


@pytest.fixture(scope="module")
def elsewhere(mongo_url: str) -> Iterator[Api]:
    """The service, whose proxy is at another address."""
    with served_in_process(mongo_url, {**SETTINGS, "TRUSTED_PROXIES": "10.0.0.0/8"}) as api:
        yield api


def token_of(api: Api, *scopes: str) -> dict[str, str]:
    return bearer(let_in(tokens_in(api.stores.database), scopes))


def addresses(answer: Any) -> list[str]:
    """List the addresses in an answer: of its header, and what looks like one in its JSON."""
    head = answer.headers
    found = [head["location"]] if "location" in head else []
    found += re.findall(r"<([^>]*)>", head.get("link", ""))
    found += re.findall(r"; Path=([^;]*)", " ".join(head.get_list("set-cookie")))
    if "json" in head.get("content-type", "") and "paths" not in answer.json:
        found += [text for text in texts(answer.json) if text.startswith("/") and not NAMES.fullmatch(text)]
    return found


def texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for each in value.values():
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)
        case str():
            yield value


def call(api: Api, method: str, path: str, headers: Mapping[str, str]) -> Any:
    """Ask an address of the contract, in a store that is there."""
    body = BODIES.get(path) if method == "POST" else None
    limit = "?limit=1" if path.endswith(("/stores", "movements")) else ""
    where = path.replace("{store_id}", "abc111") + limit
    return api.call(method.lower(), where, body, {**(JSON if body else {}), **FORWARDED, **headers})


def test_no_answer_of_the_contract_names_an_address_outside_the_prefix(api: Api) -> None:
    admin = token_of(api, "admin")
    api.stores.insert_many({"_id": name, "items": {"chair": 5, "lamp": 1}} for name in ("abc111", "abc222"))
    store = "/stores/abc111/movements"
    api.until(
        lambda: len(api.call("get", store, headers=admin).json["movements"]) > 1, "the ledger has both items"
    )
    found: dict[str, list[str]] = {}
    for endpoint in ENDPOINTS:
        for headers in (admin, {}):
            answer = call(api, endpoint.method, endpoint.path, headers)
            found.setdefault(f"{endpoint.method} {endpoint.path}", []).extend(addresses(answer))
    outside = {
        where: [each for each in named if not each.startswith(f"{PREFIX}/")] for where, named in found.items()
    }
    assert {where: named for where, named in outside.items() if named} == {}
    # All that is asked without a token is refused, and names itself; these name more.
    assert {where: len(named) for where, named in found.items() if len(named) > 1} == {
        "GET /stores": 2,
        "GET /movements": 2,
        "GET /stores/{store_id}/movements": 2,
        "GET /stores/{store_id}/xlsx_movements": 2,
        "POST /session": 2,
        "DELETE /session": 4,
    }


def test_what_follows_is_found_below_the_prefix(api: Api) -> None:
    admin = token_of(api, "admin")
    api.stores.insert_many({"_id": f"next-{number}", "items": {}} for number in range(3))
    address, seen = f"{PREFIX}/stores?limit=1&after=next-", []
    for _ in range(3):
        # As a proxy does that takes the prefix off.
        page = api.call("get", address.removeprefix(PREFIX), headers={**FORWARDED, **admin}).json
        seen += [row["store_id"] for row in page["stores"]]
        address = urljoin(f"https://stock.example{address}", page["next"]).removeprefix(
            "https://stock.example"
        )
    assert seen == ["next-0", "next-1", "next-2"]


@pytest.mark.parametrize("path", sorted(assets()))
def test_what_browsers_are_served_names_nothing_at_the_root(api: Api, path: str) -> None:
    answer = api.call("get", path, headers=FORWARDED)
    assert answer.status == 200
    if path.startswith("/docs/swagger-ui"):
        # Others wrote it; where it leads is what a browser's test sees.
        return
    # The paths of a document are added to the server's address.
    search = LINKS if path in ("/openapi.json", "/asyncapi.yaml") else AT_THE_ROOT
    assert search.findall(answer.text) == []
    if path == "/openapi.json":
        assert [server["url"] for server in answer.json["servers"]] == ["./"]


@pytest.mark.parametrize(
    "planted",
    [
        '<a href="/docs">',
        "[a dashboard](/)",
        'fetch("/session")',
        "`/stores/${id}`",
        "url(/x.svg)",
        '"url": "/"',
    ],
)
def test_the_search_sees_what_is_planted(planted: str) -> None:
    assert AT_THE_ROOT.search(planted)


def test_the_documents_page_with_a_slash_sends_on_within_the_prefix(api: Api) -> None:
    answer = api.call("get", "/docs/", headers=FORWARDED, follows=False)
    assert (answer.status, answer.headers["location"]) == (308, "../docs")
    assert urljoin("https://stock.example/stock/docs/", "../docs") == "https://stock.example/stock/docs"


def test_what_is_nothing_of_ours_is_named_as_the_client_asked_for_it(api: Api) -> None:
    for path in ("/nothing", "/stores/", "/dashboard/none.js"):
        assert api.call("get", path, headers=FORWARDED).json["instance"] == PREFIX + path


def test_a_session_stays_below_the_prefix(api: Api) -> None:
    token = token_of(api, "read")
    line = api.call("post", "/session", headers={**FORWARDED, **token}).headers["set-cookie"]
    assert line.startswith(f"{PREFIXED_NAME}=")
    assert f"; Path={PREFIX}/; Max-Age" in line
    assert line.endswith("; Secure")
    cookie = line.partition(";")[0]
    assert api.call("get", "/stores", headers={**FORWARDED, "Cookie": cookie}).status == 200
    # A neighbour's cookie, which has the whole host, is sent along; and ours is none of the whole host's.
    neighbour = "__Host-store_api_session=someone.else"
    assert api.call("get", "/stores", headers={**FORWARDED, "Cookie": f"{cookie}; {neighbour}"}).status == 200
    check_problem(
        api.call("get", "/stores", headers={"Cookie": cookie}), 401, "/problems/credential-missing", "/stores"
    )
    gone = api.call("delete", "/session", headers=FORWARDED).headers.get_list("set-cookie")
    assert [line.partition("=")[0] for line in gone] == [PREFIXED_NAME, PLAIN_NAME]
    assert all(f"; Path={PREFIX}/; " in line and "; Max-Age=0;" in line for line in gone)


def test_a_page_is_the_service_s_own_as_the_proxy_names_it(api: Api) -> None:
    read = token_of(api, "read")
    for origin, status in (
        ("https://stock.example", 200),
        ("http://stock.example", 403),
        ("https://127.0.0.1", 403),
    ):
        answer = api.call("post", "/session", headers={**FORWARDED, **read, "Origin": origin})
        assert answer.status == status, origin
    # Without the scheme, which proxies on the way may have changed, either is taken.
    inner = {**FORWARDED, "X-Forwarded-Proto": "http", **read, "Origin": "https://stock.example"}
    assert api.call("post", "/session", headers=inner).status == 200
    other = {**FORWARDED, "X-Forwarded-Host": "evil.example"}
    for path in ("/stores", "/", "/openapi.json"):
        assert api.call("get", path, headers={**other, **read}).status == 421


def test_from_anybody_else_it_changes_nothing(elsewhere: Api) -> None:
    admin = token_of(elsewhere, "admin")
    elsewhere.stores.insert_many({"_id": name, "items": {}} for name in ("abc111", "abc222"))
    forged = {**FORWARDED, "X-Forwarded-Host": "evil.example"}
    for path in ("/stores?limit=1", "/stores/none", "/", "/nothing"):
        plain, told = (elsewhere.call("get", path, headers={**admin, **more}) for more in ({}, forged))
        assert (plain.status, plain.body) == (told.status, told.body)
    line = elsewhere.call("post", "/session", headers={**admin, **FORWARDED}).headers["set-cookie"]
    assert line.startswith(f"{PLAIN_NAME}=")
    assert "; Path=/; Max-Age" in line
    assert "Secure" not in line
    page = {**admin, **FORWARDED, "Origin": "https://stock.example"}
    check_problem(elsewhere.call("post", "/session", headers=page), 403, "/problems/foreign-page", "/session")


def test_quotas_are_of_clients_and_not_of_their_proxy(mongo_url: str) -> None:
    told = {"AUTH": "off", "TRUSTED_PROXIES": "127.0.0.1", "RATE_READS": "1/hour"}
    with served_in_process(mongo_url, told) as api:

        def status(client: str) -> int:
            return int(api.call("get", "/stores", headers={"X-Forwarded-For": client}).status)

        assert [status("203.0.113.1"), status("203.0.113.1"), status("203.0.113.2")] == [200, 429, 200]
        # Who writes a line of their own stands before what the proxy adds.
        assert status("203.0.113.3, 203.0.113.2") == 429
    with served_in_process(mongo_url, {**told, "TRUSTED_PROXIES": "10.0.0.0/8"}) as api:
        assert [status("203.0.113.1"), status("203.0.113.2")] == [200, 429]
