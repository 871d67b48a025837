"""An issuer's keys: when they are fetched, and what becomes of them while the issuer is away."""

import asyncio
import gzip
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.access.fetching import LARGEST, Fetcher
from store_api.access.key_set import (
    AGAIN_SECONDS,
    FAILED_SECONDS,
    FRESH_SECONDS,
    RENEWED_SECONDS,
    STALE_SECONDS,
    TOLD_SECONDS,
    KeySet,
    keys_in,
)
from store_api.errors import IssuerUnavailable
from tests.support.issuer import EC, ED, PUBLISHED, RSA, key_set, published, publishing


class World:
    """A key set whose clock and issuer are the test's."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.published: bytes | Exception = PUBLISHED
        self.fetched = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.keys = KeySet(self.fetch, lambda: self.now)

    async def fetch(self) -> bytes:
        self.fetched += 1
        await self.answers.wait()
        if isinstance(self.published, Exception):
            raise self.published
        return self.published


async def test_many_who_ask_at_once_make_one_fetch() -> None:
    world = World()
    found = await asyncio.gather(*(world.keys.key("ec") for _ in range(50)))
    assert world.fetched == 1
    assert all(key is not None and key.key_id == "ec" for key in found)


async def test_an_unknown_key_is_fetched_for_but_not_again_and_again() -> None:
    world = World()
    await world.keys.key("ec")
    for _ in range(100):
        assert await world.keys.key("unknown") is None
    assert world.fetched == 1
    world.now += AGAIN_SECONDS
    world.published = key_set(published(EC, "unknown"))
    assert await world.keys.key("unknown") is not None
    assert world.fetched == 2


async def test_keys_that_grow_old_go_on_while_new_ones_are_fetched_behind_them() -> None:
    world = World()
    await world.keys.key("ec")
    world.now += RENEWED_SECONDS + 1
    world.answers.clear()
    assert await world.keys.key("ec") is not None
    assert world.keys.hold()
    world.answers.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert world.fetched == 2
    world.now += RENEWED_SECONDS
    assert world.keys.hold()
    assert world.fetched == 2


async def test_a_key_that_was_withdrawn_is_used_for_ten_minutes_and_no_more() -> None:
    world = World()
    await world.keys.key("ec")
    world.published = key_set(published(RSA, "rsa"))
    world.now += FRESH_SECONDS
    assert world.keys.hold()
    await asyncio.sleep(0)
    assert await world.keys.key("ec") is None
    world = World()
    await world.keys.key("ec")
    world.published = key_set(published(RSA, "rsa"))
    world.now += FRESH_SECONDS + 1
    assert not world.keys.hold()
    assert await world.keys.key("ec") is None


async def test_nobody_waits_for_an_issuer_that_is_away_while_its_keys_go_on() -> None:
    world = World()
    await world.keys.key("ec")
    world.published = OSError("Away")
    world.now += FRESH_SECONDS + 1
    assert await world.keys.key("ec") is not None
    world.answers.clear()
    world.now += FAILED_SECONDS
    assert world.keys.hold()
    assert await world.keys.key("ec") is not None
    world.answers.set()


async def test_of_a_key_that_is_not_known_nobody_can_say_anything_while_the_issuer_is_away() -> None:
    world = World()
    await world.keys.key("ec")
    world.published = OSError("Away")
    world.now += AGAIN_SECONDS
    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            await world.keys.key("new")
    assert world.fetched == 2
    world.published = PUBLISHED
    world.now += FAILED_SECONDS
    assert await world.keys.key("new") is None


async def test_an_issuer_that_is_away_is_told_of_once_in_ten_minutes_and_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    world.published = OSError("Away")
    while world.now < 1_000 + TOLD_SECONDS:
        with pytest.raises(IssuerUnavailable):
            await world.keys.key("ec")
        world.now += 60
    with pytest.raises(IssuerUnavailable):
        await world.keys.key("ec")
    world.published = PUBLISHED
    world.now += 60
    await world.keys.key("ec")
    for published_then in (OSError("Gone"), PUBLISHED):
        world.published = published_then
        world.now += FRESH_SECONDS + 1
        assert await world.keys.key("ec") is not None
        for _ in range(3):
            await asyncio.sleep(0)
    said = [(line.__dict__["action"], line.__dict__.get("reason")) for line in caplog.records]
    away, gone, known = ("issuer_not_reached", "Away"), ("issuer_not_reached", "Gone"), ("issuer_keys", None)
    assert said == [away, away, known, gone, known]


async def test_while_the_issuer_is_away_its_keys_go_on_for_an_hour() -> None:
    world = World()
    await world.keys.key("ec")
    world.published = OSError()
    world.now += STALE_SECONDS
    assert await world.keys.key("ec") is not None
    world.now += 1
    with pytest.raises(IssuerUnavailable):
        await world.keys.key("ec")


async def test_an_issuer_that_was_away_at_the_start_is_asked_again_soon() -> None:
    world = World()
    world.published = TimeoutError()
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await world.keys.key("ec")
    assert world.fetched == 1
    world.published = PUBLISHED
    world.now += FAILED_SECONDS
    assert await world.keys.key("ec") is not None


async def test_a_jwt_that_names_no_key_is_for_the_only_one() -> None:
    world = World()
    world.published = key_set(published(EC, None))
    assert await world.keys.key(None) is not None
    world = World()
    world.published = key_set(published(EC, "a"), published(RSA, "b"))
    assert await world.keys.key(None) is None


@pytest.mark.parametrize(
    "wrong",
    [
        b'{"keys":' + b"[" * 100_000,
        *(b"", b"{", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b'{"keys": [7]}', b'{"keys": "all"}'),
        key_set(*[published(EC, str(number)) for number in range(101)]),
        key_set({"kty": "oct", "k": "c2VjcmV0", "kid": "ec"}),
        key_set({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "ec"}),
    ],
)
async def test_what_is_no_key_set_is_none(wrong: bytes) -> None:
    world = World()
    world.published = wrong
    with pytest.raises(IssuerUnavailable):
        await world.keys.key("ec")


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["AQAB", "sig", "RSA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = [
    *("kty", "crv", "n", "e", "x", "y", "d", "p", "k"),
    *("kid", "use", "alg", "key_ops", "x5c", "oth"),
]


@given(st.sampled_from([RSA, EC, ED]), st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES, max_size=3))
def test_whatever_is_published_beside_it_a_right_key_is_found(key: Any, others: dict[str, Any]) -> None:
    odd = {**published(key, "odd"), **others}
    assert "right" in keys_in(key_set(odd, published(EC, "right")))


async def test_keys_that_are_known_outlive_what_is_no_key_set() -> None:
    world = World()
    await world.keys.key("ec")
    world.published = b"{}"
    world.now += FRESH_SECONDS + 1
    assert await world.keys.key("ec") is not None
    for _ in range(3):
        await asyncio.sleep(0)
    assert await world.keys.key("ec") is not None


async def test_they_are_fetched_from_the_address_alone_and_no_more_than_fits() -> None:
    async with publishing() as elsewhere, publishing() as publisher:
        fetch = Fetcher(publisher.url)
        assert await fetch() == PUBLISHED
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect"):
            publisher.status, publisher.more = status, f"Location: {elsewhere.url}\r\n"
            with pytest.raises(ValueError, match="status"):
                await fetch()
        assert elsewhere.asked == 0
        publisher.status, publisher.more = "200 OK", ""
        publisher.body = b" " * (LARGEST + 1)
        with pytest.raises(ValueError, match="large"):
            await fetch()
        publisher.body, publisher.more = gzip.compress(b" " * 50 * LARGEST), "Content-Encoding: gzip\r\n"
        assert len(publisher.body) < LARGEST
        with pytest.raises(ValueError, match="large"):
            await fetch()
        publisher.more = ""
        publisher.status = "500 Oh"
        with pytest.raises(ValueError, match="status"):
            await fetch()
    with pytest.raises(OSError, match="ClientConnectorError"):
        await fetch()


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with publishing() as proxy, publishing() as publisher:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert await Fetcher(publisher.url)() == PUBLISHED
    assert (proxy.asked, publisher.asked) == (0, 1)


async def test_an_issuer_that_says_nothing_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store_api.access.fetching.SECONDS", 0.05)
    async with publishing() as publisher:
        publisher.answers.clear()
        with pytest.raises(TimeoutError):
            await Fetcher(publisher.url)()
        assert publisher.asked == 1
