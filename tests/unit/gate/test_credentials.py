"""Which of a handshake's credentials counts, and that with a cookie foreign pages open nothing."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict

from store_api.access.callers import Caller
from store_api.access.identification import Identification
from store_api.access.known_tokens import KnownTokens
from store_api.access.token_text import new_token, token_id
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, CredentialMissing, ForeignPage
from store_api.gate.gate import Gate
from store_api.gate.origins import Hosts, Origins

V1, BEARER = "store_api.v1", "store_api.bearer."
READ = frozenset({Scope.READ})
TILL = new_token(lambda size: b"\x01" * size)
OTHER = new_token(lambda size: b"\x02" * size)
COOKIE = ("Cookie", "session=anna")
HOST = ("Host", "stock.example")

Lines = Sequence[tuple[str, str]]


class SignedIn:
    """Anna has signed in, whoever asks."""

    def credential_in(self, cookies: Sequence[str], prefix: str = "") -> Caller | None:
        return Caller("anna", READ) if "session=anna" in cookies else None


@pytest.fixture
async def gate() -> Gate:
    rights = {"scopes": ["read"], "stores": None, "expires": None}
    documents = [
        {"_id": token_id(token), "name": name, **rights} for token, name in ((TILL, "till"), (OTHER, "other"))
    ]

    async def read_all() -> Sequence[Mapping[str, Any]]:
        return documents

    async def read_one(token: bytes) -> None:
        return None

    tokens = KnownTokens(read_all, read_one, lambda: 0.0)
    await tokens.load()
    return Gate(Identification(tokens), Hosts(None), Origins(), SignedIn())


async def let_in(gate: Gate, lines: Lines, address: str = "GET /ws/stores") -> str | None:
    """Ask with these header lines, and give whom the gate takes it for."""
    request = SimpleNamespace(headers=CIMultiDict([HOST, *lines]), caller=None, ip="127.0.0.1")

    async def handler(request: Any) -> str | None:
        return str(request.caller.name)

    name: str = await gate.guard(handler, address)(request)
    return name


def offers(*subprotocols: str) -> tuple[str, str]:
    return "Sec-WebSocket-Protocol", ", ".join(subprotocols)


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([bearer(TILL)], "till"),
        ([offers(V1, BEARER + TILL)], "till"),
        ([offers(BEARER + TILL, V1)], "till"),
        ([offers(V1), offers(BEARER + TILL)], "till"),
        ([("Sec-WebSocket-Protocol", f"{V1},,{BEARER}{TILL} ,")], "till"),
        ([bearer(TILL), offers(V1)], "till"),
        ([COOKIE], "anna"),
        ([COOKIE, offers(V1)], "anna"),
        # What was sent on purpose counts, and not what a browser sends by itself.
        ([COOKIE, bearer(TILL)], "till"),
        ([COOKIE, offers(V1, BEARER + TILL)], "till"),
    ],
)
async def test_one_credential_lets_in(gate: Gate, lines: Lines, name: str) -> None:
    assert await let_in(gate, lines) == name


@pytest.mark.parametrize(
    "lines",
    [
        [bearer(TILL), offers(V1, BEARER + OTHER)],
        [bearer(TILL), offers(V1, BEARER + TILL)],
        [offers(V1, BEARER + TILL, BEARER + OTHER)],
        [offers(V1, BEARER + TILL), offers(BEARER + TILL)],
        [bearer(TILL), bearer(TILL)],
        [offers(V1, BEARER)],
        # A wrong one is not made good by a cookie.
        [COOKIE, bearer(TILL[:-1])],
        [COOKIE, offers(V1, BEARER + TILL[:-1])],
    ],
)
async def test_several_or_wrong_ones_let_nobody_in(gate: Gate, lines: Lines) -> None:
    with pytest.raises(CredentialInvalid):
        await let_in(gate, lines)


async def test_a_subprotocol_is_no_credential_of_a_plain_request(gate: Gate) -> None:
    with pytest.raises(CredentialMissing):
        await let_in(gate, [offers(V1, BEARER + TILL)], "GET /stores")
    assert await let_in(gate, [bearer(OTHER), offers(V1, BEARER + TILL)], "GET /stores") == "other"


@pytest.mark.parametrize("origin", ["https://evil.example", "https://sub.stock.example", "null", ""])
async def test_a_foreign_page_opens_no_socket_with_a_cookie(gate: Gate, origin: str) -> None:
    for address in ("GET /ws/stores", "GET /ws/stores/{store_id}"):
        with pytest.raises(ForeignPage):
            await let_in(gate, [COOKIE, ("Origin", origin), ("Sec-Fetch-Site", "same-site")], address)
    with pytest.raises(ForeignPage):
        await let_in(gate, [COOKIE, ("Sec-Fetch-Site", "cross-site")])
    own = ("Origin", "https://stock.example")
    assert await let_in(gate, [COOKIE, own, ("Sec-Fetch-Site", "same-origin")]) == "anna"
