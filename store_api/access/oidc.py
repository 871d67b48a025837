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

from store_api.access.callers import OF_JWTS, Caller
from store_api.access.key_set import ALGORITHMS, KeySet
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, Overloaded, UnfitJwt

log = logging.getLogger(__name__)

LONGEST_JWT = 8 * 1024
"""Characters of a JWT that are read at most; a head holds no more than twice that."""

LEEWAY_SECONDS = 30.0
"""How far the clocks of the issuer and of this machine may be apart."""

MOST_REMEMBERED = 10_000
"""JWTs that are remembered as verified; the one that was used the longest ago is forgotten first."""

MOST_REFUSED = 200
"""JWTs that let nobody in of one second, after which no unknown one is looked at: each is up to 0.5 ms."""

LONGEST_SUBJECT = 200

LATEST = 1e12
"""Seconds since 1970 that no JWT needs."""

TYPES: Final = ("at+jwt", "application/at+jwt", "jwt", None)
"""What a JWT may call itself (`typ`, in small letters): many issuers say no more than that it is one."""

NEVER_USED: Final = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip")
"""Header parameters with which none is taken: a key that a JWT brings along proves nothing."""

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


class Refusals:
    """Counts the JWTs that let nobody in, of each second; says why one of them did not, without its text.

    Args:
        now: gives the time, in seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = self._count = self._untold = 0

    def require_few(self) -> None:
        """Refuse to look at one more where this second had many: it would keep those waiting who are known.

        Raises:
            Overloaded: it had.
        """
        if self._count >= MOST_REFUSED and self._second == int(self._now()):
            raise Overloaded

    def note(self, reason: str) -> None:
        """Count one.

        Args:
            reason: a word.
        """
        self._untold += 1
        if self._second != (second := int(self._now())):
            self._second, self._count = second, 0
            log.info(
                "A JWT was refused",
                extra={"action": "jwt_refused", "reason": reason, "refused": self._untold},
            )
            self._untold = 0
        self._count += 1


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
        self._refusals = Refusals(now)
        self._verified: OrderedDict[bytes, tuple[Caller, int]] = OrderedDict()

    def known(self, text: str) -> Caller | None:
        """Tell whom a JWT lets in that was verified with the keys that hold now; None where it was not."""
        found = self._verified.get(key := digest_of(text))
        if found is None:
            return None
        caller, generation = found
        if generation != self._keys.generation or self._has_ended(caller):
            del self._verified[key]
            return None
        if not self._keys.hold():
            return None
        self._verified.move_to_end(key)
        return caller

    async def verify(self, text: str) -> Caller:
        """Verify a JWT.

        Raises:
            CredentialInvalid: it lets nobody in.
            IssuerUnavailable: nobody knows just now.
            Overloaded: too many let nobody in in this second.
        """
        self._refusals.require_few()
        try:
            caller = await self._judge(text)
        except UnfitJwt as unfit:
            self._refusals.note(unfit.reason)
            raise CredentialInvalid from None
        except (PyJWTError, ValueError, TypeError, RecursionError) as error:
            self._refusals.note(type(error).__name__)
            raise CredentialInvalid from None
        self._verified[digest_of(text)] = caller, self._keys.generation
        while len(self._verified) > MOST_REMEMBERED:
            self._verified.popitem(last=False)
        return caller

    async def _judge(self, text: str) -> Caller:
        if len(text) > LONGEST_JWT or not text.isascii():
            raise UnfitJwt("length")
        header = jwt.get_unverified_header(text)
        require_plain(header)
        key = await self._keys.key(header.get("kid"))
        if key is None:
            raise UnfitJwt("kid")
        # Many may have waited for the keys at once.
        self._refusals.require_few()
        return caller_of(self._claims(text, key), self._issuer)

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
        UnfitJwt: it does, or it is not of the algorithms and types that are taken.
    """
    kind = header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in TYPES:
        raise UnfitJwt("typ")
    if header.get("alg") not in ALGORITHMS.values() or any(name in header for name in NEVER_USED):
        raise UnfitJwt("alg")
    if not isinstance(header.get("kid"), str | None):
        raise UnfitJwt("kid")


def require_in_time(claims: Mapping[str, Any], now: float) -> None:
    """Refuse a JWT that is not in force yet, or not any more.

    Raises:
        UnfitJwt: it is not, or does not say so in numbers.
    """
    for name in ("exp", "nbf", "iat"):
        at = claims.get(name)
        if at is None and name != "exp":
            continue
        # What is no number at all is not below another, either.
        if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < LATEST:
            raise UnfitJwt(name)
        if (at + LEEWAY_SECONDS <= now) if name == "exp" else (at - LEEWAY_SECONDS > now):
            raise UnfitJwt(name)


def caller_of(claims: Mapping[str, Any], issuer: Issuer) -> Caller:
    """Read who asks, and what they may, out of claims that were verified.

    Raises:
        UnfitJwt: they do not say it as they must.
    """
    subject = claims["sub"]
    if not isinstance(subject, str) or len(subject) > LONGEST_SUBJECT or _SEEN.fullmatch(subject) is None:
        raise UnfitJwt("sub")
    named = words_of(claims.get("scope", claims.get("scp", "")))
    stores = None
    if issuer.stores_claim is not None:
        stores = tuple(words_of(claims.get(issuer.stores_claim, ())))
    scopes = frozenset(Scope(name) for name in named if name in set(Scope))
    return Caller(OF_JWTS + subject, scopes, stores, float(claims["exp"]) + LEEWAY_SECONDS)


def words_of(said: Any) -> list[str]:
    """Read a list of words, which issuers write as a text with blanks, or as a list.

    Raises:
        UnfitJwt: it is neither.
    """
    if isinstance(said, str):
        return said.split()
    if isinstance(said, list | tuple) and all(isinstance(word, str) for word in said):
        return list(said)
    raise UnfitJwt("words")
