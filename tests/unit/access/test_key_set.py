"""An issuer's keys: when they are fetched, and what becomes of them while the issuer is away."""

import asyncio

import pytest

from store_api.access.fetching import LARGEST, Fetcher
from store_api.access.key_set import AGAIN_SECONDS, FAILED_SECONDS, FRESH_SECONDS, STALE_SECONDS, KeySet
from store_api.errors import IssuerUnavailable
from tests.support.issuer import EC, PUBLISHED, RSA, key_set, published, publishing


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


async def test_old_keys_go_on_while_new_ones_are_fetched_behind_them() -> None:
    world = World()
    await world.keys.key("ec")
    world.now += FRESH_SECONDS + 1
    world.answers.clear()
    assert await world.keys.key("ec") is not None
    world.answers.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert world.fetched == 2
    assert world.keys.is_fresh


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
        publisher.status = "500 Oh"
        with pytest.raises(ValueError, match="status"):
            await fetch()
    with pytest.raises(OSError, match="ClientConnectorError"):
        await fetch()
