"""The routes of sessions: a browser signs in with a token, asks who it is, and signs out."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sanic import Blueprint, HTTPResponse

from store_api.access.callers import Caller
from store_api.contract.calls import JSON
from store_api.contract.schemas import Session, SignedOut
from store_api.errors import CredentialMissing
from store_api.gate.sessions import PLAIN_NAME, Sessions, secure_name
from store_api.web.fast_path import WholeAnswer, WholeRequest
from store_api.web.routes import Guard, add_guarded, json_answer


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """What these routes need.

    Args:
        sessions: who makes sessions; None where nobody is asked who they are.
        has_ledger: whether there is a ledger to read: a page that had to try would have its browser complain.
    """

    sessions: Sessions | None
    has_ledger: bool

    async def who(self, request: WholeRequest) -> HTTPResponse:
        """`GET /session`."""
        return json_answer(session_of(request.caller, self.has_ledger))

    async def sign_in(self, request: WholeRequest) -> HTTPResponse:
        """`POST /session`.

        Raises:
            CredentialMissing: there is no token: a session is not prolonged by itself.
        """
        if self.sessions is None:
            return json_answer(session_of(request.caller, self.has_ledger))
        if "authorization" not in request.headers:
            raise CredentialMissing
        signed = self.sessions.begin(request.caller)
        said = session_of(request.caller, self.has_ledger)
        said.expires = datetime.fromtimestamp(signed.until, UTC)
        prefix = request.came.prefix
        name = secure_name(prefix) if came_over_tls(request) else PLAIN_NAME
        cookie = cookie_line(name, signed.value, signed.seconds, prefix)
        return WholeAnswer(msgspec.json.encode(said), JSON, own=cookie)

    async def sign_out(self, request: WholeRequest) -> HTTPResponse:
        """`DELETE /session`, whoever asks."""
        prefix = request.came.prefix
        gone = "".join(cookie_line(name, "", 0, prefix) for name in (secure_name(prefix), PLAIN_NAME))
        return WholeAnswer(msgspec.json.encode(SignedOut("signed out")), JSON, own=gone)

    def blueprint(self, guard: Guard) -> Blueprint:
        """Lay out the routes.

        Args:
            guard: puts the gate before a handler.
        """
        routes = Blueprint("session", strict_slashes=True)
        add_guarded(routes, guard, "who", "GET /session", self.who)
        add_guarded(routes, guard, "sign_in", "POST /session", self.sign_in)
        add_guarded(routes, guard, "sign_out", "DELETE /session", self.sign_out)
        return routes


def session_of(caller: Caller, has_ledger: bool) -> Session:
    """Describe who asks, and what they may do."""
    return Session(
        caller.name,
        sorted(caller.scopes),
        None if caller.patterns is None else list(caller.patterns),
        None if caller.expires is None else datetime.fromtimestamp(int(caller.expires), UTC),
        has_ledger,
    )


def came_over_tls(request: WholeRequest) -> bool:
    """Tell whether a page came over TLS: its browser or a proxy of ours says so, or it ends here.

    The page's origin was compared with the host.
    """
    connection = request.conn_info
    is_known = (connection is not None and connection.ssl) or request.came.scheme == "https"
    return is_known or request.headers.get("origin", "").lower().startswith("https://")


def cookie_line(name: str, value: str, seconds: int, prefix: str) -> str:
    """Write the header line that has a browser keep a cookie for so long; 0 seconds take it away."""
    what = "HttpOnly; SameSite=Strict" if name == PLAIN_NAME else "HttpOnly; SameSite=Strict; Secure"
    return f"set-cookie: {name}={value}; Path={prefix}/; Max-Age={seconds}; {what}\r\n"
