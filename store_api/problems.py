"""Failures as HTTP answers: RFC 9457 problem documents, for our errors and for the web server's own."""

import asyncio
import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

import msgspec
from sanic import HTTPResponse, Request
from sanic.exceptions import MethodNotAllowed, PayloadTooLarge, SanicException, ServiceUnavailable
from sanic.handlers import ErrorHandler

from store_api import errors

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 1

LINGER_SECONDS = 10.0
"""How long a client may go on with a body that was refused."""

_KINDS: dict[type[errors.StoreApiError], tuple[HTTPStatus, str, str]] = {
    errors.InvalidInput: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", "Invalid input"),
    errors.NotJson: (HTTPStatus.BAD_REQUEST, "not-json", "Not JSON"),
    errors.WrongMediaType: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "wrong-media-type", "Wrong media type"),
    errors.UpgradeRequired: (HTTPStatus.UPGRADE_REQUIRED, "upgrade-required", "Upgrade required"),
    errors.ForeignPage: (HTTPStatus.FORBIDDEN, "foreign-page", "Foreign page"),
    errors.StoreNotFound: (HTTPStatus.NOT_FOUND, "store-not-found", "Store not found"),
    errors.OutOfStock: (HTTPStatus.CONFLICT, "out-of-stock", "Out of stock"),
    errors.QuantityOverflow: (HTTPStatus.CONFLICT, "quantity-overflow", "Quantity overflow"),
    errors.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "Overloaded"),
    errors.DatabaseUnavailable: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "database-unavailable",
        "Database unavailable",
    ),
    errors.AppliedUnreported: (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "applied-unreported",
        "Applied, but not reported",
    ),
    errors.OutcomeUnknown: (HTTPStatus.SERVICE_UNAVAILABLE, "outcome-unknown", "Outcome unknown"),
    errors.BrokenDocument: (HTTPStatus.INTERNAL_SERVER_ERROR, "broken-document", "Broken document"),
}


def problem_name(kind: type) -> str:
    """Name the problem that an error of this kind is, as its `type` does."""
    return _KINDS[kind][1] if kind in _KINDS else "fault"


def problem_of(error: errors.StoreApiError) -> dict[str, Any]:
    """Describe one of our errors; `outcome` says what became of the operation, where there was one."""
    status, name, title = _KINDS[type(error)]
    problem: dict[str, Any] = {
        "type": f"/problems/{name}",
        "title": title,
        "status": status.value,
        "detail": str(error),
    }
    match error:
        case errors.InvalidInput(path=path):
            problem["path"] = path
        case errors.OutOfStock(shortages=shortages):
            problem["shortages"] = [
                {"item_id": short.item_id, "wanted": short.wanted, "available": short.available}
                for short in shortages
            ]
    problem["outcome"] = _outcome(error)
    return problem


def _outcome(error: errors.StoreApiError) -> str:
    if isinstance(error, errors.OutcomeUnknown):
        return "unknown"
    if isinstance(error, errors.AppliedUnreported) or getattr(error, "applied", False):
        return "applied"
    return "not applied"


def error_response(request: Request, error: errors.StoreApiError) -> HTTPResponse:
    """Answer with the problem that one of our errors is."""
    if isinstance(error, errors.BrokenDocument):
        log.error(str(error), extra={"action": "broken_document", "store": error.store_id})
    return problem_response(request, problem_of(error))


def problem_response(request: Request | None, problem: dict[str, Any]) -> HTTPResponse:
    """Send a problem document, with the request's path as its `instance`."""
    headers = {}
    if problem["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if problem["status"] == HTTPStatus.UPGRADE_REQUIRED:
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade"}
    body = {**problem, "instance": request.path if request is not None else "/"}
    return HTTPResponse(
        msgspec.json.encode(body),
        problem["status"],
        headers,
        content_type="application/problem+json",
    )


class ProblemHandler(ErrorHandler):
    """Turns every exception into a problem document, and what is our fault into one log line."""

    def __init__(self) -> None:
        super().__init__()
        self.add(PayloadTooLarge, _refuse_body)

    def default(self, request: Request, exception: Exception) -> HTTPResponse:
        """Answer whatever was raised while the request was handled."""
        match exception:
            case errors.StoreApiError() if type(exception) in _KINDS:
                return error_response(request, exception)
            case ServiceUnavailable():
                # The web server gave up waiting for us; a write may still be on its way.
                return problem_response(request, problem_of(errors.OutcomeUnknown()))
            case asyncio.CancelledError():
                # The client went away; there is nobody to answer, and nothing is wrong.
                return problem_response(
                    request, plain_problem(HTTPStatus.BAD_REQUEST, "The request was cut off.")
                )
            case SanicException():
                return _web_server_problem(request, exception)
            case _:
                _log_fault(request, exception)
                return problem_response(request, plain_problem(HTTPStatus.INTERNAL_SERVER_ERROR))

    @staticmethod
    def log(request: Request, exception: Exception) -> None:
        """Log nothing here: `default` does, in one line."""


def plain_problem(status: int, detail: str | None = None) -> dict[str, Any]:
    """Describe a failure that is no more than its status, in its usual words unless told otherwise."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail or _DETAILS.get(status, HTTPStatus(status).description),
    }


def _web_server_problem(request: Request, exception: SanicException) -> HTTPResponse:
    status = exception.status_code or 500
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log_fault(request, exception)
    response = problem_response(request, plain_problem(status))
    if isinstance(exception, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(method for method in _METHODS if _is_routed(request, method))
    return response


async def _refuse_body(request: Request, exception: PayloadTooLarge) -> None:
    """Answer, then take in and forget the rest of the body until the client hangs up.

    Many clients send all before they read; a connection that is closed with data unread is reset, and the
    answer is lost with it (RFC 9112, 9.6).
    """
    answer = cast("HTTPResponse", await request.respond(_web_server_problem(request, exception)))
    await answer.send(end_stream=True)
    transport = cast("Any", request.transport)
    if transport.can_write_eof():
        transport.write_eof()
    protocol = transport.get_protocol()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while True:
                protocol.recv_buffer.clear()
                await protocol.receive_more()


def _is_routed(request: Request, method: str) -> bool:
    # The exception itself does not say it for a path that has routes for several methods.
    try:
        request.app.router.get(request.path, method, None)
    except SanicException:
        return False
    return True


_METHODS = ("GET", "HEAD", "POST")

_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "A body holds 1 MiB at most.",
    500: "The fault is ours.",
}


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
