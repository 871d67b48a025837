"""JWTs of an issuer: which of them let somebody in, and whom (RFC 7519, 8725, 9068)."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError

from store_api.access.callers import Caller
from store_api.access.key_set import ALGORITHMS, KeySet
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid

log = logging.getLogger(__name__)

LONGEST_JWT = 8 * 1024
"""Characters of a JWT that are read at most; a head holds no more than twice that."""

LEEWAY_SECONDS = 30.0
"""How far the clocks of the issuer and of this machine may be apart."""

MOST_REMEMBERED = 10_000
"""JWTs that are remembered as verified; the one that was used the longest ago is forgotten first."""

LONGEST_SUBJECT = 200

LATEST = 1e12
"""Seconds since 1970 that no JWT needs."""

TYPES: Final = ("at+jwt", "application/at+jwt", "jwt", None)
"""What a JWT may call itself (`typ`, in small letters): many issuers say no more than that it is one."""

NEVER_USED: Final = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip")
"""Header parameters with which none is taken: a key that a JWT brings along proves nothing."""

NAME: Final = "oidc:"
"""What a caller's name begins with, so that no token's can be the same: those have no such beginning."""

_SEEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose JWTs are taken, and what they must say.

    Args:
        name: `iss`.
        audience: who must be among those of `aud`.
        stores_claim: the claim that lists a caller's stores; None where every caller may see every store.
    """

    name: str
    audience: str
    stores_claim: str | None


class Verifier:
    """Judges JWTs; `identification.JwtVerifier` says what is promised.

    Args:
        issuer: whose they must be.
        keys: its keys.
        now: gives the time, in seconds since 1970.
    """

    def __init__(self, issuer: Issuer, keys: KeySet, now: Callable[[], float]) -> None:
        self._issuer = issuer
        self._keys = keys
        self._now = now
        self._verified: OrderedDict[bytes, tuple[Caller, int]] = OrderedDict()

    def known(self, text: str) -> Caller | None:
        """Tell whom a JWT lets in that was verified with the keys that hold now; None where it was not."""
        found = self._verified.get(key := digest_of(text))
        if found is None:
            return None
        caller, generation = found
        if generation != self._keys.generation or not self._keys.is_fresh or self._has_ended(caller):
            del self._verified[key]
            return None
        self._verified.move_to_end(key)
        return caller

    async def verify(self, text: str) -> Caller:
        """Verify a JWT.

        Raises:
            CredentialInvalid: it lets nobody in.
            IssuerUnavailable: nobody knows just now.
        """
        if len(text) > LONGEST_JWT or not text.isascii():
            raise CredentialInvalid
        try:
            header = jwt.get_unverified_header(text)
            require_plain(header)
            key = await self._keys.key(header.get("kid"))
            if key is None:
                raise jwt.InvalidKeyError
            claims = self._claims(text, key)
            caller = caller_of(claims, self._issuer)
        except (PyJWTError, ValueError, TypeError, RecursionError) as refused:
            log.debug("A JWT was refused", extra={"action": "jwt_refused", "error": type(refused).__name__})
            raise CredentialInvalid from None
        if self._has_ended(caller):
            raise CredentialInvalid
        self._verified[digest_of(text)] = caller, self._keys.generation
        while len(self._verified) > MOST_REMEMBERED:
            self._verified.popitem(last=False)
        return caller

    def _claims(self, text: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            text,
            key.key,
            algorithms=[key.algorithm_name],
            audience=self._issuer.audience,
            issuer=self._issuer.name,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        require_in_time(claims, self._now())
        return claims

    def _has_ended(self, caller: Caller) -> bool:
        return caller.expires is not None and caller.expires <= self._now()


def digest_of(text: str) -> bytes:
    """Give what a JWT is remembered by."""
    return sha256(text.encode("ascii", "replace")).digest()


def require_plain(header: Mapping[str, Any]) -> None:
    """Refuse a JWT whose header says how it wants to be verified.

    Raises:
        ValueError: it does, or it is not of the algorithms and types that are taken.
        TypeError: it names its key by no text.
    """
    kind = header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in TYPES:
        raise ValueError("typ")
    if header.get("alg") not in ALGORITHMS.values() or any(name in header for name in NEVER_USED):
        raise ValueError("alg")
    if not isinstance(header.get("kid"), str | None):
        raise TypeError("kid")


def require_in_time(claims: Mapping[str, Any], now: float) -> None:
    """Refuse a JWT that is not in force yet, or not any more.

    Raises:
        ValueError: it is not, or does not say so in numbers.
    """
    for name in ("exp", "nbf", "iat"):
        at = claims.get(name)
        if at is None and name != "exp":
            continue
        # What is no number at all is not below another, either.
        if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < LATEST:
            raise ValueError(name)
        if (at + LEEWAY_SECONDS <= now) if name == "exp" else (at - LEEWAY_SECONDS > now):
            raise ValueError(name)


def caller_of(claims: Mapping[str, Any], issuer: Issuer) -> Caller:
    """Read who asks, and what they may, out of claims that were verified.

    Raises:
        ValueError: they do not say it as they must.
    """
    subject = claims["sub"]
    if not isinstance(subject, str) or len(subject) > LONGEST_SUBJECT or _SEEN.fullmatch(subject) is None:
        raise ValueError("sub")
    named = words_of(claims.get("scope", claims.get("scp", "")))
    stores = None
    if issuer.stores_claim is not None:
        stores = tuple(words_of(claims.get(issuer.stores_claim, ())))
    scopes = frozenset(Scope(name) for name in named if name in set(Scope))
    return Caller(NAME + subject, scopes, stores, float(claims["exp"]) + LEEWAY_SECONDS)


def words_of(said: Any) -> list[str]:
    """Read a list of words, which issuers write as a text with blanks, or as a list.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(said, str):
        return said.split()
    if isinstance(said, list | tuple) and all(isinstance(word, str) for word in said):
        return list(said)
    raise ValueError("no list of words")
