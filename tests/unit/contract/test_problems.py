"""Every failure as an HTTP answer: what it says, what it promises, and what it keeps to itself."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from sanic import HTTPResponse, Request, Sanic
from sanic.compat import Header
from sanic.exceptions import (
    BadRequest,
    HeaderExpectationFailed,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
    SanicException,
    ServerError,
    ServiceUnavailable,
)

from store_api import errors
from store_api.contract.problems import problem_of
from store_api.web.error_handler import ProblemHandler, error_response

SHORT = (errors.Shortage("a", 5, 2), errors.Shortage("b", 1, 0))
ANSWERS: list[tuple[errors.StoreApiError, int, str, str]] = [
    (errors.InvalidInput("Wrong.", "$.items[3].quantity"), 422, "invalid-input", "not applied"),
    (errors.NotJson(), 400, "not-json", "not applied"),
    (errors.WrongMediaType(), 415, "wrong-media-type", "not applied"),
    (errors.ContentCoded(), 415, "content-coded", "not applied"),
    (errors.UpgradeRequired(), 426, "upgrade-required", "not applied"),
    (errors.ForeignPage(), 403, "foreign-page", "not applied"),
    (errors.StoreNotFound("s"), 404, "store-not-found", "not applied"),
    (errors.NoLedger(), 404, "no-ledger", "not applied"),
    (errors.HistoryExpired("2026-11-26T21:00:00Z"), 410, "history-expired", "not applied"),
    (errors.LedgerBehind(), 503, "ledger-behind", "not applied"),
    (errors.OutOfStock(SHORT), 409, "out-of-stock", "not applied"),
    (errors.QuantityOverflow(), 409, "quantity-overflow", "not applied"),
    (errors.KeyMissing(), 400, "idempotency-key-missing", "not applied"),
    (errors.KeyInvalid(), 400, "idempotency-key-invalid", "not applied"),
    (errors.KeyReused(), 422, "idempotency-key-reused", "not applied"),
    (errors.KeyInFlight(), 409, "idempotency-in-flight", "unknown"),
    (errors.CredentialMissing(), 401, "credential-missing", "not applied"),
    (errors.CredentialInvalid(), 401, "credential-invalid", "not applied"),
    (errors.IssuerUnavailable(), 503, "issuer-unavailable", "not applied"),
    (errors.ScopeMissing("demand supply"), 403, "scope-missing", "not applied"),
    (errors.StoreForbidden(), 403, "store-forbidden", "not applied"),
    (errors.UnknownHost(), 421, "unknown-host", "not applied"),
    (errors.QuotaExceeded("writes", 600, 60, 1), 429, "quota-exceeded", "not applied"),
    (errors.StoreHeld(), 503, "store-held", "not applied"),
    (errors.Overloaded(), 503, "overloaded", "not applied"),
    (errors.DatabaseUnavailable(), 503, "database-unavailable", "not applied"),
    (errors.AppliedUnreported(), 500, "applied-unreported", "applied"),
    (errors.OutcomeUnknown(), 503, "outcome-unknown", "unknown"),
    (errors.BrokenDocument("s", "odd"), 500, "broken-document", "not applied"),
    (errors.BrokenDocument("s", "odd", applied=True), 500, "broken-document", "applied"),
]
NEVER_ANSWERED = {
    errors.WrongSetting,
    errors.EmbeddedMongoError,
    errors.PartDied,
    errors.NotApplied,
    errors.UnfitDocument,
    errors.UnfitJwt,
    errors.NameTaken,
    errors.NoSuchToken,
}
OF_THE_WEB_SERVER: list[tuple[SanicException, int]] = [
    (NotFound("secret-word"), 404),
    (BadRequest("secret-word"), 400),
    (RequestTimeout("secret-word"), 408),
    (PayloadTooLarge("secret-word"), 413),
    (HeaderExpectationFailed("secret-word"), 417),
    (ServerError("secret-word"), 500),
    (SanicException("secret-word"), 500),
]


@pytest.fixture(scope="module")
def request_() -> Iterator[Request]:
    Sanic.test_mode = True
    app: Any = Sanic("problems", configure_logging=False)
    app.add_route(lambda _: None, "/stores/<store_id:str>", methods=["GET", "POST"], name="either")
    app.add_route(lambda _: None, "/read", methods=["GET", "HEAD"], name="read")
    app.finalize()
    yield Request(b"/stores/s?limit=1", Header(), "1.1", "DELETE", None, app)  # type: ignore[arg-type]
    Sanic.test_mode = False


def body_of(response: HTTPResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    assert response.body is not None
    body: dict[str, Any] = json.loads(response.body)
    assert body["status"] == response.status
    return body


def document_of(error: errors.StoreApiError) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(problem_of(error, "/stores/s"))
    return document


def kinds(kind: type[errors.StoreApiError]) -> set[type[errors.StoreApiError]]:
    """The kinds of the service's own tree; the bot's never reach a client of the API."""
    ours = [narrower for narrower in kind.__subclasses__() if narrower.__module__ == errors.__name__]
    return {kind}.union(*map(kinds, ours))


def test_every_error_that_can_reach_a_client_has_an_answer() -> None:
    answered = {type(error) for error, *_ in ANSWERS}
    assert answered == kinds(errors.StoreApiError) - NEVER_ANSWERED - {errors.StoreApiError}


@pytest.mark.parametrize(("error", "status", "name", "outcome"), ANSWERS, ids=lambda value: str(value)[:30])
def test_an_answer_says_what_happened_and_what_became_of_the_operation(
    request_: Request, error: errors.StoreApiError, status: int, name: str, outcome: str
) -> None:
    response = ProblemHandler().default(request_, error)
    problem = body_of(response)
    assert (response.status, problem["type"], problem["outcome"]) == (status, f"/problems/{name}", outcome)
    assert (problem["detail"], problem["instance"]) == (str(error), "/stores/s")
    assert problem["detail"].endswith(".")
    assert problem["title"]
    again = status in (429, 503) or isinstance(error, errors.KeyInFlight)
    assert (b"\r\nretry-after: 1\r\n" in response.head(True)) == again


@pytest.mark.parametrize(("error", "status", "name", "outcome"), ANSWERS, ids=lambda value: str(value)[:30])
def test_a_definite_refusal_is_never_about_something_applied(
    error: errors.StoreApiError, status: int, name: str, outcome: str
) -> None:
    # The draft of Idempotency-Key has a 409 for what is not at its end yet.
    if (status < 500 and not isinstance(error, errors.KeyInFlight)) or isinstance(error, errors.NotApplied):
        assert outcome == "not applied"


def test_a_shortage_lists_every_item_that_was_short() -> None:
    problem = document_of(errors.OutOfStock(SHORT))
    assert problem["shortages"] == [
        {"item_id": "a", "wanted": 5, "available": 2},
        {"item_id": "b", "wanted": 1, "available": 0},
    ]
    assert problem["detail"] == "2 items are short; nothing was taken."
    assert document_of(errors.OutOfStock(SHORT[:1]))["detail"] == "1 item is short; nothing was taken."


def test_wrong_input_names_its_place() -> None:
    assert document_of(errors.InvalidInput("Wrong.", "$.a"))["path"] == "$.a"
    assert "path" not in document_of(errors.NotJson())


def test_a_socket_s_address_says_how_to_come_back() -> None:
    response = error_response(None, errors.UpgradeRequired())
    assert b"\r\nupgrade: websocket\r\nconnection: upgrade\r\n" in response.head(True)
    assert body_of(response)["instance"] == "/"


CHALLENGE = 'www-authenticate: Bearer realm="store_api"'


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (errors.CredentialMissing(), [CHALLENGE]),
        (errors.CredentialInvalid(), [f'{CHALLENGE}, error="invalid_token"']),
        (
            errors.ScopeMissing("demand supply"),
            [f'{CHALLENGE}, error="insufficient_scope", scope="demand supply"'],
        ),
        (errors.StoreForbidden(), []),
        (errors.UnknownHost(), []),
        (
            errors.QuotaExceeded("writes", 600, 60, 7),
            ["retry-after: 7", 'ratelimit-policy: "writes";q=600;w=60', 'ratelimit: "writes";r=0;t=7'],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_who_is_refused_is_told_what_to_do_about_it(error: errors.StoreApiError, lines: list[str]) -> None:
    head = error_response(None, error).head(True).decode().split("\r\n")
    usual = ("HTTP/1.1 ", "date: ", "connection: ", "cache-control: ", "content-length: ", "content-type: ")
    assert [line for line in head if line and not line.startswith(usual)] == lines


def test_a_broken_document_is_logged_for_the_operator(
    request_: Request, caplog: pytest.LogCaptureFixture
) -> None:
    error_response(request_, errors.BrokenDocument("s", "odd"))
    (record,) = caplog.records
    assert (vars(record)["action"], vars(record)["store"]) == ("broken_document", "s")


@pytest.mark.parametrize("error", [errors.NotJson(), errors.OutOfStock(SHORT), errors.StoreNotFound("s")])
def test_what_is_the_clients_doing_is_not_logged(
    request_: Request, error: errors.StoreApiError, caplog: pytest.LogCaptureFixture
) -> None:
    ProblemHandler().default(request_, error)
    assert caplog.records == []


@pytest.mark.parametrize(("error", "status"), OF_THE_WEB_SERVER, ids=lambda value: type(value).__name__)
def test_the_web_servers_own_errors_are_problems_too_in_our_words(
    request_: Request, error: SanicException, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    problem = body_of(ProblemHandler().default(request_, error))
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert problem["detail"]
    assert "secret-word" not in json.dumps(problem)
    assert [vars(record)["action"] for record in caplog.records] == ["fault"] * (status >= 500)


def test_a_wrong_method_is_told_the_right_ones(request_: Request) -> None:
    refused = MethodNotAllowed("secret-word", "DELETE", ["GET"])
    response = ProblemHandler().default(request_, refused)
    assert response.status == 405
    assert b"\r\nallow: GET, POST\r\n" in response.head(True)


@pytest.mark.parametrize(("method", "outcome"), [("POST", "unknown"), ("GET", None), ("HEAD", None)])
def test_a_web_server_that_gives_up_waiting_does_not_know_the_outcome_where_there_is_one(
    request_: Request, method: str, outcome: str | None
) -> None:
    asked = Request(b"/stores/s", Header(), "1.1", method, None, request_.app)  # type: ignore[arg-type]
    response = ProblemHandler().default(asked, ServiceUnavailable("Response Timeout"))
    problem = body_of(response)
    assert (problem["status"], problem.get("outcome")) == (503, outcome)
    assert b"\r\nretry-after: 1\r\n" in response.head(True)


def test_of_a_request_that_never_came_whole_nothing_was_applied(request_: Request) -> None:
    problem = body_of(ProblemHandler().default(request_, RequestTimeout("Request Timeout")))
    assert (problem["status"], problem["outcome"]) == (408, "not applied")


def test_a_client_that_went_away_is_nobodys_fault(
    request_: Request, caplog: pytest.LogCaptureFixture
) -> None:
    gone: Any = asyncio.CancelledError()
    assert ProblemHandler().default(request_, gone).status == 400
    assert caplog.records == []


@pytest.mark.parametrize(
    "fault",
    [
        KeyError("secret-word"),
        RuntimeError("secret-word"),
        errors.UnfitDocument("secret-word"),
        errors.StoreApiError("secret-word"),
    ],
)
def test_a_fault_of_ours_is_one_line_in_the_log_and_says_nothing_outside(
    request_: Request, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def inner() -> None:
        raise fault

    def outer() -> None:
        inner()

    with pytest.raises(type(fault)) as raised:
        outer()
    with caplog.at_level(logging.DEBUG):
        problem = body_of(ProblemHandler().default(request_, raised.value))
    assert (problem["status"], problem["detail"]) == (500, "The fault is ours.")
    assert "outcome" not in problem
    (record,) = caplog.records
    said = vars(record)
    assert (said["action"], said["error"], said["path"]) == ("fault", type(fault).__name__, "/stores/s")
    assert record.exc_info is None
    assert "secret-word" not in str(said)
    places = said["where"].split(" < ")
    assert [place.partition(" ")[2] for place in places[:2]] == ["inner", "outer"]
    assert places[0].startswith("test_problems.py:")


def test_the_web_server_logs_nothing_of_its_own(request_: Request, caplog: pytest.LogCaptureFixture) -> None:
    ProblemHandler.log(request_, KeyError("secret-word"))
    assert caplog.records == []
