"""Who asks: of what kind a credential is, who judges it, and what the header may look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from store_api.access.callers import Caller
from store_api.access.identification import Identification, bearer_of
from store_api.access.known_tokens import KnownTokens
from store_api.access.token_text import new_token, token_id
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, CredentialMissing
from tests.unit.access.tokens_in_memory import Document, document

TOKEN = new_token(bytes)


class Jwts:
    """Lets one JWT in, and counts what it is asked."""

    def __init__(self) -> None:
        self.caller = Caller("somebody", frozenset({Scope.READ}))
        self.verified: list[str] = []

    def known(self, text: str) -> Caller | None:
        return self.caller if text in self.verified else None

    async def verify(self, text: str) -> Caller:
        self.verified.append(text)
        return self.caller


class Tokens:
    """Keeps one token, and counts how often it is asked for one."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.known = KnownTokens(self._all, self._one, lambda: 0.0)

    async def _all(self) -> list[Document]:
        return []

    async def _one(self, token: bytes) -> Document | None:
        self.asked.append(token)
        return document(token) if token == token_id(TOKEN) else None


async def test_each_kind_is_judged_by_its_own() -> None:
    tokens, jwts = Tokens(), Jwts()
    both = Identification(tokens.known, jwts)
    assert both.at_once(TOKEN) is None
    caller = await both.find_out(TOKEN)
    assert (caller.name, both.at_once(TOKEN)) == ("till-7", caller)
    assert both.at_once("a.b.c") is None
    assert await both.find_out("a.b.c") is jwts.caller
    assert both.at_once("a.b.c") is jwts.caller
    assert (tokens.asked, jwts.verified) == ([token_id(TOKEN)], ["a.b.c"])


@pytest.mark.parametrize("credential", [TOKEN, "a.b.c", "", "sapi_"])
async def test_what_is_not_taken_lets_nobody_in(credential: str) -> None:
    tokens, jwts = Tokens(), Jwts()
    only_tokens, only_jwts = Identification(tokens.known), Identification(None, jwts)
    refuses = only_jwts if credential.startswith("sapi_") else only_tokens
    assert refuses.at_once(credential) is None
    with pytest.raises(CredentialInvalid):
        await refuses.find_out(credential)
    assert (tokens.asked, jwts.verified) == ([], [])


@given(some.text())
async def test_what_cannot_be_a_token_is_not_asked_for(text: str) -> None:
    tokens = Tokens()
    identification = Identification(tokens.known)
    for credential in (text, f"sapi_{text}"):
        assert identification.at_once(credential) is None
        with pytest.raises(CredentialInvalid):
            await identification.find_out(credential)
    assert tokens.asked == []


@pytest.mark.parametrize("line", ["Bearer x.y", "bearer x.y", "BEARER x.y", "Bearer   x.y", "Bearer x.y "])
def test_a_bearer_is_read(line: str) -> None:
    assert bearer_of([line]) == "x.y"


@pytest.mark.parametrize(
    "lines",
    [["Basic x"], ["x"], [""], ["Bearer"], ["Bearerx"], ["Bearer\tx"], ["Bearer a", "Bearer a"], ["Token a"]],
    ids=repr,
)
def test_what_is_no_bearer_is_not_valid(lines: list[str]) -> None:
    with pytest.raises(CredentialInvalid):
        bearer_of(lines)


def test_nothing_is_missing() -> None:
    with pytest.raises(CredentialMissing):
        bearer_of([])
