"""The routes of sessions: a browser signs in with a token, asks who it is, and signs out."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sanic import Blueprint, HTTPResponse

from store_api.access.callers import Caller
from store_api.contract.calls import JSON
from store_api.contract.schemas import Session, SignedOut
from store_api.errors import CredentialMissing
from store_api.gate.sessions import PLAIN_NAME, SECURE_NAME, Sessions
from store_api.web.fast_path import WholeAnswer, WholeRequest
from store_api.web.routes import Guard, add_guarded, json_answer


@dataclass(frozen=True, slots=True)
class SessionRoutes:
    """What these routes need: who makes sessions; None where nobody is asked who they are."""

    sessions: Sessions | None

    async def who(self, request: WholeRequest) -> HTTPResponse:
        """`GET /session`."""
        return json_answer(session_of(request.caller))

    async def sign_in(self, request: WholeRequest) -> HTTPResponse:
        """`POST /session`.

        Raises:
            CredentialMissing: there is no token: a session is not prolonged by itself.
        """
        if self.sessions is None:
            return json_answer(session_of(request.caller))
        if "authorization" not in request.headers:
            raise CredentialMissing
        signed = self.sessions.begin(request.caller)
        said = session_of(request.caller)
        said.expires = datetime.fromtimestamp(signed.until, UTC)
        secure = came_over_tls(request)
        name = SECURE_NAME if secure else PLAIN_NAME
        cookie = cookie_line(name, signed.value, signed.seconds)
        return WholeAnswer(msgspec.json.encode(said), JSON, own=cookie)

    async def sign_out(self, request: WholeRequest) -> HTTPResponse:
        """`DELETE /session`, whoever asks."""
        gone = "".join(cookie_line(name, "", 0) for name in (SECURE_NAME, PLAIN_NAME))
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


def session_of(caller: Caller) -> Session:
    """Describe who asks, and what they may do."""
    return Session(
        caller.name,
        sorted(caller.scopes),
        None if caller.patterns is None else list(caller.patterns),
        None if caller.expires is None else datetime.fromtimestamp(int(caller.expires), UTC),
    )


def came_over_tls(request: WholeRequest) -> bool:
    """Tell whether a page came over TLS: its browser says so, or it ends here.

    The page's origin was compared with the host. What a proxy says (`X-Forwarded-Proto`) anybody can say.
    """
    connection = request.conn_info
    is_ours = connection is not None and connection.ssl
    return is_ours or request.headers.get("origin", "").lower().startswith("https://")


def cookie_line(name: str, value: str, seconds: int) -> str:
    """Write the header line that has a browser keep a cookie for so long; 0 seconds take it away."""
    secure = "; Secure" if name == SECURE_NAME else ""
    return f"set-cookie: {name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}\r\n"
