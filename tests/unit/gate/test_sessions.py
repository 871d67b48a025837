"""Cookies of sessions: whose they are, until when, and which ones let nobody in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha1, sha256
from typing import Any
from urllib.parse import quote

import pytest
from itsdangerous import URLSafeSerializer

from store_api.access.callers import Caller
from store_api.access.known_tokens import KnownTokens
from store_api.contract.scopes import EVERY_SCOPE, Scope
from store_api.errors import CredentialInvalid, DatabaseUnavailable, InvalidInput
from store_api.gate.sessions import LIFE_SECONDS, LONGEST, PLAIN_NAME, SECURE_NAME, Sessions, session_in

KEY, ANOTHER_KEY = b"k" * 32, b"l" * 32
TOKEN = b"t" * 32
START = 1_800_000_000.0


class World:
    """A clock, one token, and sessions that are signed with a key."""

    def __init__(self, **token: Any) -> None:
        self.now = START
        self.asked = 0
        self.document: dict[str, Any] = {
            "_id": TOKEN,
            "name": "till-7",
            "scopes": ["read"],
            "stores": ["abc111"],
            "expires": None,
            "revoked": None,
            **token,
        }
        self.tokens = KnownTokens(self._read_all, self._read_one, lambda: self.now)
        self.sessions = Sessions(self.tokens, takes_jwts=True, now=lambda: self.now)
        self.sessions.use(KEY)

    async def _read_all(self) -> list[Mapping[str, Any]]:
        return [self.document]

    async def _read_one(self, token: bytes) -> Mapping[str, Any] | None:
        self.asked += 1
        return self.document if token == self.document["_id"] else None

    async def begun(self) -> str:
        """Sign the token's holder in."""
        await self.tokens.load()
        caller = self.tokens.caller(TOKEN)
        assert caller is not None
        return self.sessions.begin(caller).value

    def who(self, value: str, name: str = PLAIN_NAME) -> Caller:
        """Tell who comes with a cookie, whose token is known."""
        caller = self.sessions.credential_in([f"{name}={value}"])
        assert isinstance(caller, Caller)
        return caller


def jwt(**others: Any) -> Caller:
    return Caller(**{"name": "ann", "scopes": frozenset({Scope.READ}), "patterns": ("a-*",), **others})


async def test_a_token_s_session_is_the_token_s_holder_for_twelve_hours() -> None:
    world = World()
    value = await world.begun()
    caller = world.who(value)
    assert (caller.name, set(caller.scopes), caller.patterns) == ("till-7", {Scope.READ}, ("abc111",))
    assert (caller.token, caller.expires) == (TOKEN, START + LIFE_SECONDS)
    world.now += LIFE_SECONDS - 1
    assert world.who(value).expires == START + LIFE_SECONDS
    world.now += 1
    with pytest.raises(CredentialInvalid):
        world.who(value)


async def test_a_session_is_never_longer_than_its_token() -> None:
    world = World(expires=datetime.fromtimestamp(START + 60.5, UTC))
    await world.tokens.load()
    caller = world.tokens.caller(TOKEN)
    assert caller is not None
    signed = world.sessions.begin(caller)
    assert (signed.until, signed.seconds) == (START + 60, 60)
    # A token that is prolonged does not prolong it; one that is cut short does.
    world.document["expires"] = None
    await world.tokens.load()
    assert world.who(signed.value).expires == START + 60
    world.document["expires"] = datetime.fromtimestamp(START + 10, UTC)
    await world.tokens.load()
    assert world.who(signed.value).expires == START + 10


async def test_a_session_ends_with_its_token_and_may_what_that_may_now() -> None:
    world = World()
    value = await world.begun()
    world.document = {**world.document, "scopes": ["demand"]}
    await world.tokens.load()
    assert world.who(value).scopes == {Scope.DEMAND}
    world.document = {**world.document, "revoked": datetime.now(UTC)}
    await world.tokens.load()
    finding = world.sessions.credential_in([f"{PLAIN_NAME}={value}"])
    assert not isinstance(finding, Caller)
    assert finding is not None
    with pytest.raises(CredentialInvalid):
        await finding


async def test_a_process_that_does_not_know_the_token_yet_asks_for_it() -> None:
    value = await World().begun()
    other = World()
    finding = other.sessions.credential_in([f"{SECURE_NAME}={value}"])
    assert not isinstance(finding, Caller)
    assert finding is not None
    caller = await finding
    assert (caller.name, caller.expires, other.asked) == ("till-7", START + LIFE_SECONDS, 1)


@pytest.mark.parametrize("patterns", [None, ("a-*",), ()])
def test_a_jwt_s_session_says_what_the_jwt_said(patterns: tuple[str, ...] | None) -> None:
    world = World()
    signed = world.sessions.begin(jwt(patterns=patterns, expires=START + 90))
    caller = world.who(signed.value)
    assert (caller.name, set(caller.scopes), caller.patterns) == ("ann", {Scope.READ}, patterns)
    assert (caller.token, caller.expires) == (None, START + 90)
    admin = world.who(world.sessions.begin(jwt(scopes=frozenset({Scope.ADMIN}))).value)
    assert admin.scopes == EVERY_SCOPE


def test_a_jwt_of_more_stores_than_a_cookie_holds_is_refused_and_not_cut() -> None:
    world = World()
    many = tuple(f"{number * 7919 % 100_003}-store" for number in range(2_000))
    with pytest.raises(InvalidInput):
        world.sessions.begin(jwt(patterns=many))


async def test_the_token_is_not_in_the_cookie_and_the_cookie_is_plain_characters() -> None:
    value = await World().begun()
    assert quote(value, safe="") == value
    assert len(value) < 200


async def wrong_ones(world: World) -> dict[str, str]:
    """Give values that let nobody in, by what is wrong with them."""
    value = await world.begun()
    body, _, signature = value.rpartition(".")
    jwts = world.sessions.begin(jwt()).value

    def signed(said: Any, key: bytes = KEY, salt: str = "store_api session", **how: Any) -> str:
        signing = {"key_derivation": "hmac", "digest_method": sha256, **how}
        made = URLSafeSerializer(key, salt=salt, signer_kwargs=signing).dumps(said)
        assert isinstance(made, str)
        return made

    said = {"until": int(START) + 99, "name": "eve", "scopes": ["admin"], "stores": None}
    assert world.who(signed(said)).name == "eve"
    return {
        "empty": "",
        "no signature": body,
        "an empty signature": f"{body}.",
        "cut off": value[:-1],
        "with more": f"{value}A",
        "another's signature": f"{body}.{jwts.rpartition('.')[2]}",
        "another's body": f"{jwts.rpartition('.')[0]}.{signature}",
        "in other letters": value.swapcase(),
        "in quotes": f'"{value}"',
        "percent-encoded": value.replace(".", "%2E"),
        "not ASCII": f"{value}\u00e9",
        "half a character": f"{value}\udce9",
        "of another key": signed(said, ANOTHER_KEY),
        "for another purpose": signed(said, salt="itsdangerous"),
        "of another hash": signed(said, digest_method=sha1),
        "a JWT": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
        "huge": "A" * (LONGEST + 1),
        "of another time, signed": signed({"user": "eve"}),
        "without an end": signed({name: value for name, value in said.items() if name != "until"}),
        "no object": signed([1]),
    }


async def test_whatever_is_not_signed_as_it_is_lets_nobody_in() -> None:
    world = World()
    for wrong, value in (await wrong_ones(world)).items():
        for name in (PLAIN_NAME, SECURE_NAME):
            with pytest.raises(CredentialInvalid):
                pytest.fail(f"{wrong}: {world.who(value, name)}")


async def test_what_is_not_taken_any_more_lets_nobody_in() -> None:
    world = World()
    tokens, jwts = await world.begun(), world.sessions.begin(jwt()).value
    for sessions, refused in (
        (Sessions(None, takes_jwts=True, now=lambda: START), tokens),
        (Sessions(world.tokens, takes_jwts=False, now=lambda: START), jwts),
    ):
        sessions.use(KEY)
        with pytest.raises(CredentialInvalid):
            sessions.credential_in([f"{PLAIN_NAME}={refused}"])


async def test_without_a_key_nobody_knows() -> None:
    value = await World().begun()
    sessions = Sessions(World().tokens, takes_jwts=True, now=lambda: START)
    assert sessions.credential_in(["theme=dark"]) is None
    with pytest.raises(DatabaseUnavailable):
        sessions.credential_in([f"{PLAIN_NAME}={value}"])
    with pytest.raises(DatabaseUnavailable):
        sessions.begin(jwt())


@pytest.mark.parametrize(
    ("cookies", "found"),
    [
        ([], None),
        (["theme=dark"], None),
        (["store_api_session"], None),
        (["xstore_api_session=1; store_api_sessions=2; STORE_API_SESSION=3"], None),
        (["theme=dark; store_api_session=a.b"], "a.b"),
        (["theme=dark", "\tstore_api_session=a.b "], "a.b"),
        (["store_api_session=a=b"], "a=b"),
        (["store_api_session=a; store_api_session=a"], "a"),
        (["store_api_session=planted; __Host-store_api_session=right"], "right"),
        (["__Host-store_api_session=right", "store_api_session=planted; store_api_session=more"], "right"),
    ],
)
def test_the_session_is_found_among_other_cookies(cookies: list[str], found: str | None) -> None:
    assert session_in(cookies) == found


@pytest.mark.parametrize("name", [PLAIN_NAME, SECURE_NAME])
def test_of_two_sessions_nobody_can_tell_which_is_meant(name: str) -> None:
    for cookies in ([f"{name}=a; {name}=b"], [f"{name}=a", f"{name}=b"]):
        with pytest.raises(CredentialInvalid):
            session_in(cookies)
