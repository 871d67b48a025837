"""Failures as HTTP answers: problem documents (RFC 9457), for our errors and for the web server's own."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import cast

import msgspec
from sanic import HTTPResponse, Request
from sanic.exceptions import (
    MethodNotAllowed,
    PayloadTooLarge,
    RequestTimeout,
    SanicException,
    ServiceUnavailable,
)
from sanic.handlers import ErrorHandler

from store_api import errors
from store_api.contract.problems import (
    PROBLEM_JSON,
    RETRY_AFTER_SECONDS,
    is_answered,
    plain_problem,
    problem_of,
)
from store_api.contract.schemas import Problem
from store_api.http.receiving import NotServed
from store_api.web.fast_path import WholeAnswer, WholeRequest
from store_api.web.inside_sanic import end_sending, forget_body, methods_at, swallow

log = logging.getLogger(__name__)

LINGER_SECONDS = 10.0
"""How long a client may go on with a body that was refused."""


def error_response(request: Request | None, error: errors.StoreApiError, own: str = "") -> WholeAnswer:
    """Answer with the problem that one of our errors is.

    Args:
        request: which failed.
        error: with which error.
        own: header lines of this answer alone, each with its line end.
    """
    if isinstance(error, errors.BrokenDocument):
        log.error(str(error), extra={"action": "broken_document", "store": error.store_id})
    return problem_response(problem_of(error, path_of(request)), own=own + _own_lines(error))


def _own_lines(error: errors.StoreApiError) -> str:
    """Write the header lines that some of our errors have (RFC 6750, 3; RFC 9110, 10.2.3)."""
    challenge = 'www-authenticate: Bearer realm="store_api"'
    match error:
        case errors.CredentialMissing():
            return f"{challenge}\r\n"
        case errors.CredentialInvalid():
            return f'{challenge}, error="invalid_token"\r\n'
        case errors.ScopeMissing(scope=scope):
            return f'{challenge}, error="insufficient_scope", scope="{scope}"\r\n'
        case errors.QuotaExceeded(kind=kind, quota=quota, window=window, wait=wait):
            # draft-ietf-httpapi-ratelimit-headers: a policy by its name, and how it stands.
            return (
                f"retry-after: {wait}\r\n"
                f'ratelimit-policy: "{kind}";q={quota};w={window}\r\nratelimit: "{kind}";r=0;t={wait}\r\n'
            )
        case _:
            return ""


def path_of(request: Request | None) -> str:
    """Give the path that a client asked for, as a problem's `instance`; what was no request has none."""
    if request is None:
        return "/"
    return (request.came.prefix if isinstance(request, WholeRequest) else "") + request.path


def problem_response(problem: Problem, extra: str = "", own: str = "") -> WholeAnswer:
    """Answer with a problem document.

    Args:
        problem: what went wrong.
        extra: more header lines, each with its line end.
        own: those of this answer alone.
    """
    is_in_flight = problem.type == f"/problems/{errors.KeyInFlight.slug}"
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE or is_in_flight:
        extra += f"retry-after: {RETRY_AFTER_SECONDS}\r\n"
    if problem.status == HTTPStatus.UPGRADE_REQUIRED:
        extra += "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    if problem.type == f"/problems/{errors.ContentCoded.slug}":
        # Of what else a 415 may come, this must not be said (RFC 9110, 12.5.3).
        extra += "accept-encoding: identity\r\n"
    return WholeAnswer(msgspec.json.encode(problem), PROBLEM_JSON, extra, problem.status, own=own)


class ProblemHandler(ErrorHandler):
    """Turns every exception into a problem document, and what is our fault into one log line.

    Args:
        note: told of each of our errors that a client is answered with.
    """

    def __init__(self, note: Callable[[errors.StoreApiError], None] = lambda error: None) -> None:
        super().__init__()
        self._note = note
        self.add(PayloadTooLarge, _refuse_body)
        self.add(RequestTimeout, _refuse_body)
        self.add(NotServed, _refuse_body)

    def default(self, request: Request, exception: Exception) -> WholeAnswer:
        """Answer whatever was raised while the request was handled."""
        match exception:
            case errors.StoreApiError() if is_answered(exception):
                self._note(exception)
                return error_response(request, exception)
            case ServiceUnavailable():
                # The web server gave up waiting for us; a write may still be on its way.
                if request.method == "POST":
                    return error_response(request, errors.OutcomeUnknown())
                return _plain(request, HTTPStatus.SERVICE_UNAVAILABLE)
            case asyncio.CancelledError():
                # The client went away; there is nobody to answer, and nothing is wrong.
                return _plain(request, HTTPStatus.BAD_REQUEST, "The request was cut off.")
            case SanicException():
                return _web_server_problem(request, exception)
            case _:
                _log_fault(request, exception)
                return _plain(request, HTTPStatus.INTERNAL_SERVER_ERROR)

    @staticmethod
    def log(request: Request, exception: Exception) -> None:
        """Log nothing here: `default` does, in one line."""


def _plain(request: Request | None, status: int, detail: str | None = None) -> WholeAnswer:
    return problem_response(plain_problem(status, path_of(request), detail))


def _web_server_problem(request: Request, exception: SanicException) -> WholeAnswer:
    status = exception.status_code or 500
    if isinstance(exception, NotServed):
        return _plain(request, status, str(exception))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log_fault(request, exception)
    problem = plain_problem(status, path_of(request))
    if status == HTTPStatus.REQUEST_TIMEOUT:
        # Nothing begins before the whole of a request is there.
        problem.outcome = "not applied"
    if isinstance(exception, MethodNotAllowed):
        # The exception itself does not say it for a path that has routes for several methods; and it comes
        # as well of one with a slash too many at its end, where there is nothing.
        allowed = methods_at(request, _METHODS)
        if not allowed:
            return _plain(request, HTTPStatus.NOT_FOUND)
        return problem_response(problem, f"allow: {', '.join(allowed)}\r\n")
    return problem_response(problem)


async def _refuse_body(request: Request, exception: SanicException) -> None:
    """Answer, then hang up: take in and forget the rest of the body until the client hangs up.

    Many clients send all before they read; a connection that is closed with data unread is reset, and the
    answer is lost with it (RFC 9112, 9.6).
    """
    answer = cast("HTTPResponse", await request.respond(_web_server_problem(request, exception)))
    await answer.send(end_stream=True)
    end_sending(request)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await swallow(request)
    forget_body(request)


_METHODS = ("GET", "HEAD", "POST", "DELETE")


def _log_fault(request: Request, exception: Exception) -> None:
    log.error(
        "A request failed through our fault",
        extra={
            "action": "fault",
            "error": type(exception).__name__,
            "where": _where(exception),
            "path": request.path if request is not None else None,
        },
    )


def _where(exception: BaseException) -> str:
    """Name the places an exception came through, innermost first, in one line."""
    places = []
    trace = exception.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " < ".join(reversed(places[-6:]))
