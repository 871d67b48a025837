"""Failures as data: the RFC 9457 problem document that each of our errors is."""

from http import HTTPStatus

from store_api import errors
from store_api.contract.bodies import LARGEST_BODY
from store_api.contract.schemas import Outcome, Problem, ShortItem

PROBLEM_JSON = "application/problem+json"

RETRY_AFTER_SECONDS = 1

_KINDS: dict[type[errors.StoreApiError], tuple[HTTPStatus, str]] = {
    errors.InvalidInput: (HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid input"),
    errors.NotJson: (HTTPStatus.BAD_REQUEST, "Not JSON"),
    errors.WrongMediaType: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Wrong media type"),
    errors.ContentCoded: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content coded"),
    errors.UpgradeRequired: (HTTPStatus.UPGRADE_REQUIRED, "Upgrade required"),
    errors.ForeignPage: (HTTPStatus.FORBIDDEN, "Foreign page"),
    errors.StoreNotFound: (HTTPStatus.NOT_FOUND, "Store not found"),
    errors.NoLedger: (HTTPStatus.NOT_FOUND, "No ledger"),
    errors.HistoryExpired: (HTTPStatus.GONE, "History expired"),
    errors.LedgerBehind: (HTTPStatus.SERVICE_UNAVAILABLE, "Ledger behind"),
    errors.OutOfStock: (HTTPStatus.CONFLICT, "Out of stock"),
    errors.QuantityOverflow: (HTTPStatus.CONFLICT, "Quantity overflow"),
    errors.KeyMissing: (HTTPStatus.BAD_REQUEST, "Idempotency-Key missing"),
    errors.KeyInvalid: (HTTPStatus.BAD_REQUEST, "Idempotency-Key invalid"),
    errors.KeyReused: (HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency-Key reused"),
    errors.KeyInFlight: (HTTPStatus.CONFLICT, "Operation in flight"),
    errors.CredentialMissing: (HTTPStatus.UNAUTHORIZED, "Credential missing"),
    errors.CredentialInvalid: (HTTPStatus.UNAUTHORIZED, "Credential invalid"),
    errors.IssuerUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "Issuer unavailable"),
    errors.ScopeMissing: (HTTPStatus.FORBIDDEN, "Scope missing"),
    errors.StoreForbidden: (HTTPStatus.FORBIDDEN, "Store forbidden"),
    errors.UnknownHost: (HTTPStatus.MISDIRECTED_REQUEST, "Unknown host"),
    errors.QuotaExceeded: (HTTPStatus.TOO_MANY_REQUESTS, "Quota exceeded"),
    errors.StoreHeld: (HTTPStatus.SERVICE_UNAVAILABLE, "Store held"),
    errors.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, "Overloaded"),
    errors.DatabaseUnavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "Database unavailable"),
    errors.AppliedUnreported: (HTTPStatus.INTERNAL_SERVER_ERROR, "Applied, but not reported"),
    errors.OutcomeUnknown: (HTTPStatus.SERVICE_UNAVAILABLE, "Outcome unknown"),
    errors.BrokenDocument: (HTTPStatus.INTERNAL_SERVER_ERROR, "Broken document"),
}

_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    408: "The rest of the request did not come.",
    413: f"A body holds {LARGEST_BODY // 2**20} MiB at most.",
    500: "The fault is ours.",
    503: "It took too long.",
}


def is_answered(error: Exception) -> bool:
    """Tell whether an error is one that clients are told by its own name."""
    return type(error) in _KINDS


def problem_of(error: errors.StoreApiError, instance: str) -> Problem:
    """Describe one of our errors; `outcome` says what became of the operation, where there was one.

    Args:
        error: one that `is_answered`.
        instance: the path of the request.
    """
    status, title = _KINDS[type(error)]
    problem = Problem(
        type=f"/problems/{error.slug}",
        title=title,
        status=status.value,
        detail=str(error),
        outcome=_outcome(error),
        instance=instance,
    )
    match error:
        case errors.InvalidInput(path=path):
            problem.path = path
        case errors.OutOfStock(shortages=shortages):
            problem.shortages = [
                ShortItem(short.item_id, short.wanted, short.available) for short in shortages
            ]
    return problem


def _outcome(error: errors.StoreApiError) -> Outcome:
    if isinstance(error, errors.OutcomeUnknown | errors.KeyInFlight):
        return "unknown"
    if isinstance(error, errors.AppliedUnreported) or getattr(error, "applied", False):
        return "applied"
    return "not applied"


def plain_problem(status: int, instance: str, detail: str | None = None) -> Problem:
    """Describe a failure that is no more than its status, in its usual words unless told otherwise."""
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=int(status),
        detail=detail or _DETAILS.get(status, HTTPStatus(status).description),
        instance=instance,
    )


def not_ready(
    instance: str, *, primary_reachable: bool, change_stream_alive: bool, stopping: bool = False
) -> Problem:
    """Describe why the service cannot do its work right now."""
    return Problem(
        type="/problems/not-ready",
        title="Not ready",
        status=HTTPStatus.SERVICE_UNAVAILABLE.value,
        detail="The service is stopping." if stopping else "MongoDB is not there, or not yet.",
        primary_reachable=primary_reachable,
        change_stream_alive=change_stream_alive,
        instance=instance,
    )
