"""Who asks: the credential of a request, judged by whoever it is for.

A token of ours is known by its shape; whatever else comes as a bearer is a JWT, where those are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from store_api.access.callers import Caller
from store_api.access.known_tokens import KnownTokens
from store_api.access.token_text import PREFIX, is_token, token_id
from store_api.errors import CredentialInvalid, CredentialMissing

SCHEME, USUAL_SCHEME = "bearer ", "Bearer "


class JwtVerifier(Protocol):
    """Judges JSON Web Tokens."""

    def known(self, text: str) -> Caller | None:
        """Tell whom a JWT lets in that was verified before and has not expired; None where it was not."""
        ...

    async def verify(self, text: str) -> Caller:
        """Verify a JWT.

        Raises:
            CredentialInvalid: it lets nobody in.
            IssuerUnavailable: nobody knows just now: the issuer's keys cannot be had.
            Overloaded: too many let nobody in in this second.
        """
        ...


@dataclass(frozen=True, slots=True)
class Identification:
    """Tells who asks.

    Args:
        tokens: the tokens of ours; None where they are not taken.
        jwts: judges JWTs; None where those are not taken.
    """

    tokens: KnownTokens | None
    jwts: JwtVerifier | None = None

    def at_once(self, credential: str) -> Caller | None:
        """Tell who asks where that is known already; None where it has to be found out.

        Args:
            credential: a token or a JWT, bare.
        """
        if credential.startswith(PREFIX):
            return None if self.tokens is None else self.tokens.caller(token_id(credential))
        return None if self.jwts is None else self.jwts.known(credential)

    async def find_out(self, credential: str) -> Caller:
        """Find out who asks.

        Raises:
            CredentialInvalid: nobody whom we know.
            Overloaded: too many were asked for in this second.
            DatabaseUnavailable: nobody knows whose token it is.
            IssuerUnavailable: nobody knows whose JWT it is.
        """
        if credential.startswith(PREFIX):
            if self.tokens is None or not is_token(credential):
                raise CredentialInvalid
            return await self.tokens.find(token_id(credential))
        if self.jwts is None:
            raise CredentialInvalid
        return await self.jwts.verify(credential)


def bearer_of(lines: Sequence[str]) -> str:
    """Give the credential of an `Authorization` header (RFC 6750, 2.1).

    Args:
        lines: the header's lines.

    Raises:
        CredentialMissing: there is none.
        CredentialInvalid: it is of another scheme, or there are several.
    """
    if not lines:
        raise CredentialMissing
    line = lines[0]
    if len(lines) > 1 or (not line.startswith(USUAL_SCHEME) and line[: len(SCHEME)].lower() != SCHEME):
        raise CredentialInvalid
    return line[len(SCHEME) :].strip(" ")
