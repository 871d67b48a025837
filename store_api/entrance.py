"""Builds what stands before the routes of one process, as its settings say."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from store_api.access.identification import Identification, JwtVerifier
from store_api.access.known_tokens import KnownTokens
from store_api.access.stays import Stays
from store_api.errors import WrongSetting
from store_api.forwarded import Proxies
from store_api.gate.gate import Gate, Limits
from store_api.gate.origins import ANY, Hosts, Origins
from store_api.gate.refusals import Refusals
from store_api.gate.session_routes import SessionRoutes
from store_api.gate.sessions import Sessions
from store_api.settings import Settings
from store_api.settings.values import AUTH_OIDC, AUTH_TOKENS
from store_api.storage.clients import Client
from store_api.tokens.collection import COLLECTION, TokenCollection
from store_api.tokens.session_key import COLLECTION as SECRETS
from store_api.tokens.session_key import SessionKey

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Entrance:
    """The gate of a process, and what it has to be told.

    Args:
        settings: what the service was told.
        client: the way to the replica set.

    Attributes:
        gate: stands before the routes.
        proxies: whose word is taken for how a request came; None is nobody.
        followed: what takes the events of further collections, by their names.
        routes: by which browsers sign in and out.
        tokens: the tokens that let somebody in; None where none are taken.
        refusals: of the gate.
        sessions: of browsers; None where nobody is asked who they are.
        stays: how long those who were let in may stay.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        self.refusals = Refusals()
        self.proxies = None if settings.trusted_proxies is None else Proxies(settings.trusted_proxies)
        self.tokens: KnownTokens | None = None
        self.followed: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        ways = settings.auth or frozenset()
        if AUTH_TOKENS in ways:
            kept = TokenCollection(client, settings.mongo_db)
            self.tokens = KnownTokens(kept.read_all, kept.read_one, time.time)
            self.followed[COLLECTION] = self.tokens.take
        self.sessions: Sessions | None = None
        if ways:
            self.sessions = Sessions(self.tokens, takes_jwts=AUTH_OIDC in ways, now=time.time)
            self._key = SessionKey(client, settings.mongo_db, secrets.token_bytes, self.sessions.use)
            self.followed[SECRETS] = self._key.take
        self.routes = SessionRoutes(self.sessions, settings.ledger)
        self.stays = Stays(self.tokens, time.time)
        jwts = verifier_of(settings) if AUTH_OIDC in ways else None
        self.gate = Gate(
            Identification(self.tokens, jwts) if ways else None,
            Hosts(allowed_hosts(settings)),
            Origins(settings.allowed_origins or frozenset()),
            sessions=self.sessions,
            limits=_limits(settings),
            proxies=self.proxies,
        )

    async def load(self) -> None:
        """Read all tokens and the key of sessions, since the change stream begins afresh.

        Raises:
            DatabaseUnavailable: they cannot be read.
        """
        if self.sessions is not None:
            await self._key.load()
        if self.tokens is not None:
            await self.tokens.load()
            if not len(self.tokens):
                log.warning(
                    "Nobody is let in: there is no token; python -m store_api tokens create makes one",
                    extra={"action": "no_tokens"},
                )


def verifier_of(settings: Settings) -> JwtVerifier:
    """Build what judges JWTs; the settings name their issuer, or there would be none."""
    # Only here: they take a fifth of a second, which every start without an issuer would wait for.
    from store_api.access.fetching import Fetcher
    from store_api.access.key_set import KeySet
    from store_api.access.oidc import Issuer, Verifier

    name, audience, url = settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url
    if name is None or audience is None or url is None:
        raise WrongSetting("AUTH", "oidc takes OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL")
    issuer = Issuer(name, audience, settings.oidc_stores_claim)
    return Verifier(issuer, KeySet(Fetcher(url), time.monotonic), time.time)


def _limits(settings: Settings) -> Limits | None:
    if settings.rate_writes is None and settings.rate_reads is None:
        return None
    # Only then: who wants no quotas need not load what counts them.
    from store_api.access.rate_limits import RateLimits

    return RateLimits(settings.rate_writes, settings.rate_reads)


def allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """Tell for which hosts requests may be; None is any.

    Where nothing is said and only this machine reaches the service, its names: a page elsewhere that leads
    its own name here (DNS rebinding) would else be taken for ours. Where others reach it, we do not know by
    what names they do, and whoever comes so has no credential.
    """
    if settings.allowed_hosts is not None:
        return None if ANY in settings.allowed_hosts else settings.allowed_hosts
    if not settings.is_loopback:
        return None
    host = settings.host.lower()
    return LOOPBACK | {f"[{host}]" if ":" in host else host}
