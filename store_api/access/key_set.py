"""The keys of the issuer whose JWTs are taken: fetched from one configured address, and kept.

What an issuer publishes is bounded and looked at: public keys of the kinds that are taken, and no others.
While it cannot be reached, the keys that are known go on for a while: signatures do not change.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from store_api.errors import IssuerUnavailable

log = logging.getLogger(__name__)

ALGORITHMS: Final[Mapping[tuple[str, str | None], str]] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""How each kind of key signs here; by its kind, and its curve where it has one."""

RENEWED_SECONDS = 540.0
"""How old keys are renewed behind those who go on using them."""

FRESH_SECONDS = 600.0
"""How old keys may be while the issuer can be reached: it may have withdrawn one."""

STALE_SECONDS = 3600.0
"""How old they may be while it cannot."""

AGAIN_SECONDS = 30.0
"""How long after one fetch the next is made for the sake of a key that nobody knows."""

FAILED_SECONDS = 2.0
"""How long after a fetch that failed the next is made."""

TOLD_SECONDS = 600.0
"""How long after one line of the log about an issuer that is away the next is written."""

MOST_KEYS = 100
LEAST_RSA_BITS = 2048


class KeySet:
    """The keys of one issuer.

    Args:
        fetch: fetches what the issuer publishes; raises OSError or ValueError where it cannot.
        clock: gives seconds, never going back.

    Attributes:
        generation: how often the keys were others than before.
    """

    def __init__(self, fetch: Callable[[], Awaitable[bytes]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str | None, PyJWK] = {}
        self._fetched_at = self._not_before = self._told_at = float("-inf")
        self._is_away = False
        self._fetching: asyncio.Task[None] | None = None
        self.generation = 0

    async def key(self, key_id: str | None) -> PyJWK | None:
        """Give a key by its `kid`; where a JWT names none, the only key there is. None where there is none.

        Raises:
            IssuerUnavailable: nobody knows: the issuer is away, and has not told of this key, or long ago.
        """
        if not self.hold():
            await self._renew()
        if self._age() > STALE_SECONDS:
            raise IssuerUnavailable
        if (found := self._known(key_id)) is None:
            await self._renew()
            found = self._known(key_id)
            if found is None and self._is_away:
                raise IssuerUnavailable
        return found

    def hold(self) -> bool:
        """Tell whether the keys hold without a question to the issuer; those that grow old are renewed."""
        age = self._age()
        if age > RENEWED_SECONDS:
            self._begin_to_renew()
        return age <= FRESH_SECONDS or (self._is_away and age <= STALE_SECONDS)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _known(self, key_id: str | None) -> PyJWK | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    async def _renew(self) -> None:
        self._begin_to_renew()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _begin_to_renew(self) -> None:
        if self._fetching is None and self._clock() >= self._not_before:
            self._fetching = asyncio.create_task(self._fetch_keys())

    async def _fetch_keys(self) -> None:
        try:
            self._take(keys_in(await self._fetch()))
        except (OSError, TimeoutError, ValueError) as error:
            self._note_absence(str(error) or type(error).__name__)
        finally:
            self._fetching = None

    def _take(self, keys: Mapping[str | None, PyJWK]) -> None:
        self._fetched_at = self._clock()
        self._not_before = self._fetched_at + AGAIN_SECONDS
        are_others = _material(keys) != _material(self._keys)
        if are_others:
            self._keys = keys
            self.generation += 1
        if are_others or self._is_away:
            log.info("The issuer's keys are known", extra={"action": "issuer_keys", "keys": len(keys)})
        self._is_away, self._told_at = False, float("-inf")

    def _note_absence(self, reason: str) -> None:
        now = self._clock()
        self._is_away, self._not_before = True, now + FAILED_SECONDS
        if now >= self._told_at + TOLD_SECONDS:
            self._told_at = now
            log.warning(
                "The issuer's keys cannot be had",
                extra={"action": "issuer_not_reached", "reason": reason, "keys": len(self._keys)},
            )


def _material(keys: Mapping[str | None, PyJWK]) -> Mapping[str | None, Any]:
    return {key_id: key.key for key_id, key in keys.items()}


def keys_in(published: bytes) -> dict[str | None, PyJWK]:
    """Read the keys that may verify signatures here, by their `kid`; others are passed over.

    Raises:
        ValueError: it is no key set, or has no such key, or too many.
    """
    try:
        listed = msgspec.json.decode(published)["keys"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        raise ValueError("no key set") from None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError("no key set, or too many keys")
    found = {each.key_id: each for each in map(_key_of, listed) if each is not None}
    if not found:
        raise ValueError("no key that is taken")
    return found


def _key_of(published: Any) -> PyJWK | None:
    if not isinstance(published, dict) or published.get("use", "sig") != "sig":
        return None
    # Never of what a JWT says: the kind of a key alone says how it signs.
    kind, curve = published.get("kty"), published.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return None
    algorithm = ALGORITHMS.get((kind, curve))
    if algorithm is None or published.get("alg", algorithm) != algorithm:
        return None
    if not isinstance(published.get("kid"), str | None) or "d" in published:
        return None
    uses = published.get("key_ops", ["verify"])
    if not isinstance(uses, list) or "verify" not in uses:
        return None
    try:
        key = PyJWK(published, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < LEAST_RSA_BITS:
        return None
    return key
