"""The gate: who stands before it is let in to a route, or told why not; what is open, and reads, has none."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sanic import Request

from store_api.access.callers import ANYBODY, Caller
from store_api.access.identification import Identification, bearer_of
from store_api.contract.channels import BEARER_SUBPROTOCOL
from store_api.contract.scopes import OPEN, SCOPES, WRITING, Scope
from store_api.errors import CredentialInvalid, CredentialMissing
from store_api.forwarded import NOBODY, Proxies
from store_api.gate.origins import Hosts, Origins
from store_api.http.grammar import Fields
from store_api.web.requests import store_id_of, subprotocols

Handler = Callable[..., Any]


class Limits(Protocol):
    """Counts what callers ask for."""

    def require(self, caller: Caller, address: str, *, writes: bool) -> None:
        """Count one request, and refuse the one that is too many.

        Raises:
            QuotaExceeded: it is.
        """
        ...


class Sessions(Protocol):
    """Knows who has signed in with a browser."""

    def credential_in(
        self, cookies: Sequence[str], prefix: str = ""
    ) -> Caller | Coroutine[Any, Any, Caller] | None:
        """Tell who has signed in, or give what finds it out; None where nobody has.

        Args:
            cookies: the lines of the header `Cookie`.
            prefix: the path under which a proxy has the service.

        Raises:
            CredentialInvalid: somebody had, and it has ended.
            DatabaseUnavailable: nobody knows.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """Stands before the routes.

    Args:
        identification: tells who asks; None where nobody is asked.
        hosts: for which the service answers.
        origins: of pages that may do more than read.
        sessions: of browsers; None where there are none.
        limits: how often may be asked; None is as often as one likes.
        proxies: whose word is taken for how a request came; None is nobody.
    """

    identification: Identification | None
    hosts: Hosts
    origins: Origins
    sessions: Sessions | None = None
    limits: Limits | None = None
    proxies: Proxies | None = None

    def guard(self, handler: Handler, address: str) -> Handler:
        """Put the gate before a handler.

        Args:
            handler: of a route, given the request and what is in its path.
            address: its method and path, as in `SCOPES`.
        """
        scopes = SCOPES[address]
        if scopes == OPEN and address.startswith("GET"):
            return handler
        is_socket = "/ws/" in address
        asks_page = is_socket or not address.startswith("GET")
        credential_in = self._credential_of_socket if is_socket else self._credential
        identification, proxies = self.identification, self.proxies

        def enter(request: Any, **path: str) -> Any:
            headers = request.headers
            host, scheme, prefix = headers.get("host", ""), None, ""
            if proxies is not None:
                host, scheme, _, prefix = proxies.came(request.ip, headers)
            self.hosts.require(host)
            if asks_page and ("origin" in headers or "sec-fetch-site" in headers):
                self.origins.require(headers.get("origin"), host, headers.get("sec-fetch-site"), scheme)
            if scopes == OPEN:
                return handler(request, **path)
            if identification is None:
                return self._let_in(handler, request, ANYBODY, scopes, path)
            caller = credential_in(headers, prefix)
            if isinstance(caller, str):
                known = identification.at_once(caller)
                if known is None:
                    finding = identification.find_out(caller)
                    return self._let_in_later(handler, request, finding, scopes, path)
                caller = known
            if not isinstance(caller, Caller):
                return self._let_in_later(handler, request, caller, scopes, path)
            return self._let_in(handler, request, caller, scopes, path)

        return enter

    def guard_page(self, handler: Handler) -> Handler:
        """Put before a page what stands before pages: nobody is asked who they are, but for which host it is.

        Args:
            handler: of the page's route.
        """

        proxies = NOBODY if self.proxies is None else self.proxies

        def enter(request: Request, **path: str) -> Any:
            self.hosts.require(proxies.came(request.ip, request.headers).host)
            return handler(request, **path)

        return enter

    def _credential(self, headers: Fields, prefix: str) -> Caller | Coroutine[Any, Any, Caller] | str:
        """Give the credential of a request, or who has signed in, or what finds that out."""
        if lines := headers.getall("authorization", ()):
            return bearer_of(lines)
        if self.sessions is not None and (cookies := headers.getall("cookie", ())):
            signed_in = self.sessions.credential_in(cookies, prefix)
            if signed_in is not None:
                return signed_in
        raise CredentialMissing

    def _credential_of_socket(
        self, headers: Fields, prefix: str
    ) -> Caller | Coroutine[Any, Any, Caller] | str:
        """Give the credential of a handshake, which may also be among the subprotocols that it offers.

        Of two that somebody chose to send, nobody can tell which one is meant (RFC 6750, 2). A cookie is
        sent by a browser whether its page means it or not, so it counts where there is nothing else.
        """
        bearers = [each for each in subprotocols(headers) if each.startswith(BEARER_SUBPROTOCOL)]
        if not bearers:
            return self._credential(headers, prefix)
        if len(bearers) > 1 or headers.getall("authorization", ()):
            raise CredentialInvalid
        return bearers[0].removeprefix(BEARER_SUBPROTOCOL)

    async def _let_in_later(
        self,
        handler: Handler,
        request: Request,
        finding: Awaitable[Caller],
        scopes: frozenset[Scope],
        path: dict[str, str],
    ) -> Any:
        answer = self._let_in(handler, request, await finding, scopes, path)
        return await answer if isinstance(answer, Awaitable) else answer

    def _let_in(
        self, handler: Handler, request: Any, caller: Caller, scopes: frozenset[Scope], path: dict[str, str]
    ) -> Any:
        if self.limits is not None:
            proxies = NOBODY if self.proxies is None else self.proxies
            address = proxies.came(request.ip, request.headers).address
            self.limits.require(caller, address, writes=scopes <= WRITING)
        caller.require_any(scopes)
        if caller.stores is not None and "store_id" in path:
            caller.require_store(store_id_of(path["store_id"]))
        request.caller = caller
        return handler(request, **path)


OPEN_GATE: Final = Gate(None, Hosts(None), Origins())
"""Lets everybody in, who may do everything."""
