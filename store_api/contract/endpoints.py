"""Every endpoint of the HTTP contract: what goes in, what comes out, and how it can fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from store_api import errors
from store_api.contract import schemas
from store_api.contract.bodies import (
    LIMIT_RULE,
    STORE_ID_RULE,
    GroupBody,
    ItemBody,
    ItemLine,
)
from store_api.contract.parameters import STORE
from store_api.contract.problems import not_ready
from store_api.contract.scopes import Scope

JSON = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_REPORT = schemas.Report(
    schemas.StoreReport(STORE, [schemas.ReportLine("chair", 10), schemas.ReportLine("table", 2)])
)
_MINIMAL = schemas.Changes(schemas.StoreChanges(STORE, [schemas.ChangedLine("chair", 10)]))
_EMPTY = schemas.Report(schemas.StoreReport(STORE, []))

_TILL = schemas.Session("till-7", [Scope.DEMAND, Scope.READ], ["abc111", "berlin-*"], None, ledger=True)

_MISSING = errors.StoreNotFound(STORE)
_BROKEN = errors.BrokenDocument(STORE, "the quantity of 'chair' is not a whole number")
_AWAY = errors.DatabaseUnavailable()
_BAD_ID = errors.InvalidInput(STORE_ID_RULE, "store_id")
_BAD_QUANTITY = errors.InvalidInput("Expected `int`, got `float`.", "$.quantity")
_SHORT = errors.OutOfStock((errors.Shortage("table", 3, 2),))
_NOT_READY = not_ready("/health/ready", primary_reachable=False, change_stream_alive=False)
_FAULT = HTTPStatus.INTERNAL_SERVER_ERROR
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

_READING = (_MISSING, _BAD_ID, _BROKEN, _AWAY, errors.OutcomeUnknown())
_WRITING = (
    *(_MISSING, _BROKEN, _AWAY),
    *(errors.QuantityOverflow(), errors.AppliedUnreported(), errors.OutcomeUnknown()),
    *(errors.StoreHeld(), errors.Overloaded()),
    *(errors.KeyMissing(), errors.KeyInvalid(), errors.KeyReused(), errors.KeyInFlight()),
)
_WITH_BODY = (
    *_WRITING,
    errors.NotJson(),
    errors.WrongMediaType(),
    errors.ContentCoded(),
    _BAD_QUANTITY,
    _SHORT,
)


@dataclass(frozen=True, slots=True)
class Success:
    """What comes back when all is well.

    Args:
        description: in one sentence.
        shape: of its JSON; None where it is no JSON.
        examples: by name.
        media_type: what it is.
        schema: more about what is no JSON.
        headers: by name, what each is for.
        may_be_minimal: whether it may hold just the items of the operation.
    """

    description: str
    shape: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = JSON
    schema: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    may_be_minimal: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation.

    Args:
        method: of the request.
        path: as OpenAPI templates it.
        name: unique, for generated clients.
        summary: a few words.
        description: what one must know.
        answer: when all is well.
        failures: which of our errors it can end with.
        plain: the statuses that are problems without a type.
        problems: further problems, whole.
        parameters: names in `PARAMETERS`.
        body: the shape of its JSON body, if it has one.
        examples: bodies, by name.
        tag: whom it is for.
    """

    method: str
    path: str
    name: str
    summary: str
    description: str
    answer: Success
    failures: Sequence[errors.StoreApiError] = ()
    plain: Sequence[int] = (_FAULT,)
    problems: Sequence[schemas.Problem] = ()
    parameters: Sequence[str] = ()
    body: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    tag: str = "stores"

    @property
    def instance(self) -> str:
        """The path that examples are about."""
        return self.path.replace("{store_id}", STORE)


KEY_TEXT = "The key, bare, where the operation has one."
REPLAYED_TEXT = "`true`, where the operation had ended before; else it is not there."

_AFTER = Success(
    "The report after the operation.",
    schemas.Report,
    {"whole": _REPORT, "minimal": _MINIMAL},
    headers={
        "Preference-Applied": "`return=minimal`, where the report is minimal.",
        "Idempotency-Key": KEY_TEXT,
        "Idempotent-Replayed": REPLAYED_TEXT,
    },
    may_be_minimal=True,
)

ENDPOINTS = (
    Endpoint(
        *("GET", "/stores", "listStores", "All stores"),
        "An overview, by id, page by page: `next` is the address of the following page, or null.",
        Success(
            "One page of stores.",
            schemas.Overview,
            {"last page": schemas.Overview([schemas.StoreSummary(STORE, 2, 12)], None)},
        ),
        (errors.InvalidInput(LIMIT_RULE, "limit"), _AWAY),
        parameters=("limit", "after"),
    ),
    Endpoint(
        *("GET", "/stores/{store_id}", "readStore", "The report of a store"),
        "What the store holds. An item of which nothing is left is not in it.",
        Success("The report.", schemas.Report, {"report": _REPORT}),
        _READING,
        parameters=("store_id",),
    ),
    Endpoint(
        *("POST", "/stores/{store_id}", "operate", "Demand or supply an item"),
        "A supply to an unknown store creates it. A demand beyond the stock is a 409, and changes nothing.",
        _AFTER,
        _WITH_BODY,
        (_TOO_LARGE, _FAULT),
        parameters=("store_id", "prefer", "idempotency_key"),
        body=ItemBody,
        examples={
            "supply": ItemBody(item_id="chair", quantity=10, operation="supply"),
            "demand": ItemBody(item_id="chair", quantity=3, operation="demand"),
        },
    ),
    Endpoint(
        *("POST", "/stores/{store_id}/group_op", "operateOnGroup", "Demand or supply many items"),
        "All or nothing. An item that is named more than once is summed.",
        _AFTER,
        _WITH_BODY,
        (_TOO_LARGE, _FAULT),
        parameters=("store_id", "prefer", "idempotency_key"),
        body=GroupBody,
        examples={
            "supply": GroupBody("supply", [ItemLine("chair", 10), ItemLine("table", 2)]),
            "demand": GroupBody("demand", [ItemLine("chair", 1), ItemLine("table", 3)]),
        },
    ),
    Endpoint(
        *("POST", "/stores/{store_id}/clean", "clean", "Empty a store"),
        "Everything in the store goes; the store stays. It takes no body.",
        Success("The report, which is empty.", schemas.Report, {"empty": _EMPTY}, headers=_AFTER.headers),
        (*_WRITING, _BAD_ID),
        (_TOO_LARGE, _FAULT),
        parameters=("store_id", "prefer", "idempotency_key"),
    ),
    Endpoint(
        *(
            "GET",
            "/stores/{store_id}/xlsx_report",
            "readSpreadsheet",
            "The report of a store as a spreadsheet",
        ),
        "Sorted by item.",
        Success(
            "The spreadsheet.",
            media_type=XLSX,
            schema={"format": "binary"},
            headers={"Content-Disposition": "The name to save it under."},
        ),
        _READING,
        parameters=("store_id",),
    ),
    Endpoint(
        *("GET", "/session", "readSession", "Who asks, and what they may do"),
        "With a token, a JWT or a session's cookie. Where nobody is asked, it has no name and every scope.",
        Success("Who asks.", schemas.Session, {"a till": _TILL}),
        (errors.CredentialMissing(), errors.CredentialInvalid(), _AWAY),
        tag="session",
    ),
    Endpoint(
        *("POST", "/session", "signIn", "Sign a browser in"),
        "Gives a cookie for the token or the JWT that was sent, for 12 hours at most. It takes no body.",
        Success("Who signed in.", schemas.Session, {"a till": _TILL}, headers={"Set-Cookie": "The session."}),
        (errors.CredentialMissing(), errors.CredentialInvalid(), errors.ForeignPage(), _AWAY),
        tag="session",
    ),
    Endpoint(
        *("DELETE", "/session", "signOut", "Sign a browser out"),
        "Takes the cookie away, whether or not the session is still in force.",
        Success("It is gone.", schemas.SignedOut, {"gone": schemas.SignedOut("signed out")}),
        (errors.ForeignPage(),),
        tag="session",
    ),
    Endpoint(
        *("GET", "/health/live", "live", "Whether the process runs"),
        "Answers while it does.",
        Success("It runs.", schemas.Health, {"live": schemas.Health("live")}),
        tag="operators",
    ),
    Endpoint(
        *("GET", "/health/ready", "ready", "Whether the service can do its work"),
        "Ready means: a primary is reachable, and the change stream is alive.",
        Success("It is ready.", schemas.Health, {"ready": schemas.Health("ready")}),
        problems=(_NOT_READY,),
        tag="operators",
    ),
    Endpoint(
        *("GET", "/metrics", "metrics", "Figures for Prometheus"),
        "Summed over all worker processes.",
        Success("Prometheus' text format.", media_type="text/plain"),
        tag="operators",
    ),
)
