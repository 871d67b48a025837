"""The gate: who stands before it is let in to a route, or told why not; what is open has no gate at all."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sanic import Request

from store_api.access.callers import ANYBODY, Caller
from store_api.access.identification import Identification, bearer_of
from store_api.contract.scopes import OPEN, SCOPES, WRITING, Scope
from store_api.errors import CredentialMissing
from store_api.gate.origins import Hosts, Origins
from store_api.web.requests import store_id_of

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

    def credential_in(self, cookies: Sequence[str]) -> Caller | None:
        """Tell who has signed in; None where nobody has.

        Args:
            cookies: the lines of the header `Cookie`.

        Raises:
            CredentialInvalid: somebody had, and it has ended.
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
    """

    identification: Identification | None
    hosts: Hosts
    origins: Origins
    sessions: Sessions | None = None
    limits: Limits | None = None

    def guard(self, handler: Handler, address: str) -> Handler:
        """Put the gate before a handler.

        Args:
            handler: of a route, given the request and what is in its path.
            address: its method and path, as in `SCOPES`.
        """
        scopes = SCOPES[address]
        if scopes == OPEN:
            return handler
        is_socket, reads = "/ws/" in address, address.startswith("GET")

        def enter(request: Request, **path: str) -> Any:
            headers = request.headers
            host = headers.get("host", "")
            self.hosts.require(host)
            if "origin" in headers or "sec-fetch-site" in headers:
                self._require_origin(request, host, is_socket=is_socket, reads=reads)
            if self.identification is None:
                return self._let_in(handler, request, ANYBODY, scopes, path)
            known = self._known(request, is_socket=is_socket)
            if isinstance(known, Caller):
                return self._let_in(handler, request, known, scopes, path)
            return self._find_out(handler, request, known, scopes, path)

        return enter

    def guard_page(self, handler: Handler) -> Handler:
        """Put before a page what stands before pages: nobody is asked who they are, but for which host it is.

        Args:
            handler: of the page's route.
        """

        def enter(request: Request, **path: str) -> Any:
            self.hosts.require(request.headers.get("host", ""))
            return handler(request, **path)

        return enter

    def _require_origin(self, request: Request, host: str, *, is_socket: bool, reads: bool) -> None:
        if is_socket or not reads:
            headers = request.headers
            self.origins.require(headers.get("origin"), host, headers.get("sec-fetch-site"))

    def _known(self, request: Request, *, is_socket: bool) -> Caller | str:
        """Tell who asks, or give the credential that has to be looked up."""
        assert self.identification is not None  # noqa: S101  (for the type checker)
        credential = self._credential(request, is_socket=is_socket)
        if isinstance(credential, Caller):
            return credential
        return self.identification.at_once(credential) or credential

    def _credential(self, request: Request, *, is_socket: bool) -> Caller | str:
        headers = request.headers
        if "authorization" in headers:
            return bearer_of(headers.getall("authorization"))
        if self.sessions is not None and "cookie" in headers:
            signed_in = self.sessions.credential_in(headers.getall("cookie"))
            if signed_in is not None:
                return signed_in
        raise CredentialMissing

    async def _find_out(
        self,
        handler: Handler,
        request: Request,
        credential: str,
        scopes: frozenset[Scope],
        path: dict[str, str],
    ) -> Any:
        assert self.identification is not None  # noqa: S101  (for the type checker)
        caller = await self.identification.find_out(credential)
        answer = self._let_in(handler, request, caller, scopes, path)
        return await answer if isinstance(answer, Awaitable) else answer

    def _let_in(
        self, handler: Handler, request: Any, caller: Caller, scopes: frozenset[Scope], path: dict[str, str]
    ) -> Any:
        if self.limits is not None:
            self.limits.require(caller, request.ip, writes=not scopes.isdisjoint(WRITING))
        caller.require_any(scopes)
        if caller.stores is not None and "store_id" in path:
            caller.require_store(store_id_of(path["store_id"]))
        request.caller = caller
        return handler(request, **path)


OPEN_GATE: Final = Gate(None, Hosts(None), Origins())
"""Lets everybody in, who may do everything."""
