"""Pure: who has signed in with a browser, as a signed cookie says it; nothing of a session is kept here.

The cookie names a token of ours by its id, which is no token, or holds what a JWT said; and until when.
Whoever has the key that signs can make such cookies, nobody else can.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer

from store_api.access.callers import Caller
from store_api.access.known_tokens import KnownTokens
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, DatabaseUnavailable, InvalidInput

LIFE_SECONDS: Final = 12 * 3600
"""How long somebody is signed in at most."""

LONGEST: Final = 3900
"""Characters of a cookie: browsers drop one of more than 4,096 bytes, name and attributes among them."""

SECURE_NAME: Final = "__Host-store_api_session"
"""Of the cookie that browsers send over TLS alone, and take from this very host alone."""

PREFIXED_NAME: Final = "__Secure-store_api_session"
"""Of the cookie that browsers send over TLS alone and below one path, which `__Host-` does not allow."""

PLAIN_NAME: Final = "store_api_session"
"""Of the cookie where a page came without TLS."""

_SALT = "store_api session"
_TOO_MANY = "The stores of this JWT are more than a cookie holds: send it as a bearer."


@dataclass(frozen=True, slots=True)
class Signed:
    """A session, as a browser is to keep it.

    Args:
        value: the cookie's.
        until: when it ends, in seconds since 1970.
        seconds: how long that is from now.
    """

    value: str
    until: int
    seconds: int


class Sessions:
    """Makes sessions, and tells whose they are.

    Args:
        tokens: the tokens of ours; None where they are not taken.
        takes_jwts: whether JWTs are taken.
        now: gives the time, in seconds since 1970.
    """

    def __init__(self, tokens: KnownTokens | None, *, takes_jwts: bool, now: Callable[[], float]) -> None:
        self._tokens = tokens
        self._takes_jwts = takes_jwts
        self._now = now
        self._serializer: URLSafeSerializer | None = None

    def use(self, key: bytes | None) -> None:
        """Sign with a key from here on, or with none; what another one signed lets nobody in."""
        if key is None:
            self._serializer = None
            return
        signing = {"key_derivation": "hmac", "digest_method": sha256}
        self._serializer = URLSafeSerializer(key, salt=_SALT, signer_kwargs=signing)

    def begin(self, caller: Caller) -> Signed:
        """Make a session for somebody who has just shown a token or a JWT.

        Raises:
            DatabaseUnavailable: there is no key yet.
            InvalidInput: what a JWT says does not fit into a cookie.
        """
        now = self._now()
        until = int(now + LIFE_SECONDS if caller.expires is None else min(now + LIFE_SECONDS, caller.expires))
        said: dict[str, Any] = {"until": until}
        if caller.token is not None:
            said["token"] = urlsafe_b64encode(caller.token).decode()
        else:
            said |= {"name": caller.name, "scopes": sorted(caller.scopes), "stores": caller.patterns}
        value = self._signer().dumps(said)
        assert isinstance(value, str)  # noqa: S101  (for the type checker)
        if len(value) > LONGEST:
            raise InvalidInput(_TOO_MANY, "stores")
        return Signed(value, until, max(0, until - int(now)))

    def credential_in(
        self, cookies: Sequence[str], prefix: str = ""
    ) -> Caller | Coroutine[Any, Any, Caller] | None:
        """Tell who has signed in; None where nobody has.

        Args:
            cookies: the lines of the header `Cookie`.
            prefix: the path under which a proxy has the service.

        Returns:
            The caller, who is in force no longer than the session; where their token has to be asked for
            first, what does so.

        Raises:
            CredentialInvalid: somebody had, and it has ended; or nobody, and this was made up.
            DatabaseUnavailable: nobody knows: there is no key yet.
        """
        value = session_in(cookies, secure_name(prefix))
        if value is None:
            return None
        said = self._read(value)
        match said:
            case {"until": int(until)} if until <= self._now():
                raise CredentialInvalid
            case {"until": int(until), "token": str(text)} if self._tokens is not None:
                token = urlsafe_b64decode(text)
                known = self._tokens.caller(token)
                return self._find(self._tokens, token, until) if known is None else _bounded(known, until)
            case {"until": int(until), "name": name, "scopes": scopes, "stores": stores} if self._takes_jwts:
                patterns = None if stores is None else tuple(stores)
                known_scopes = frozenset(scope for scope in Scope if scope in scopes)
                return Caller(name, known_scopes, patterns, until)
            case _:
                raise CredentialInvalid

    async def _find(self, tokens: KnownTokens, token: bytes, until: int) -> Caller:
        return _bounded(await tokens.find(token), until)

    def _read(self, value: str) -> Any:
        if len(value) > LONGEST or not value.isascii():
            raise CredentialInvalid
        try:
            return self._signer().loads(value)
        except BadData:
            raise CredentialInvalid from None

    def _signer(self) -> URLSafeSerializer:
        if self._serializer is None:
            raise DatabaseUnavailable
        return self._serializer


def secure_name(prefix: str) -> str:
    """Give the name of the cookie that browsers send over TLS alone, below this prefix alone."""
    return PREFIXED_NAME if prefix else SECURE_NAME


def session_in(cookies: Sequence[str], secure: str = SECURE_NAME) -> str | None:
    """Find the session's cookie among all; None where there is none.

    The one that only this host can set over TLS comes before the other, which a page of a neighbouring
    host can plant.

    Args:
        cookies: the lines of the header `Cookie`.
        secure: the name of the one for TLS.

    Raises:
        CredentialInvalid: there are several, and nobody can tell which one is meant.
    """
    found: dict[str, set[str]] = {secure: set(), PLAIN_NAME: set()}
    for pair in ";".join(cookies).split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if equals and name in found:
            found[name].add(value)
    values = found[secure] or found[PLAIN_NAME]
    if len(values) > 1:
        raise CredentialInvalid
    return next(iter(values), None)


def _bounded(caller: Caller, until: int) -> Caller:
    """Give a caller who is in force no longer than their session."""
    return (
        caller if caller.expires is not None and caller.expires <= until else replace(caller, expires=until)
    )
