"""Every endpoint of the HTTP contract: what goes in, what comes out, and how it can fail."""

from datetime import UTC, datetime
from http import HTTPStatus

from store_api import errors
from store_api.contract import schemas
from store_api.contract.bodies import (
    LIMIT_RULE,
    STORE_ID_RULE,
    CleanBody,
    GroupBody,
    ItemBody,
    ItemLine,
)
from store_api.contract.calls import STORE, Endpoint, Success
from store_api.contract.problems import not_ready
from store_api.contract.scopes import Scope

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_REPORT = schemas.Report(
    schemas.StoreReport(STORE, [schemas.ReportLine("chair", 10), schemas.ReportLine("table", 2)])
)
_MINIMAL = schemas.Changes(schemas.StoreChanges(STORE, [schemas.ChangedLine("chair", 10)]))
_EMPTY = schemas.Report(schemas.StoreReport(STORE, []))

_AT = datetime(2026, 11, 26, 21, tzinfo=UTC)
_PAST = schemas.PastReport(_REPORT.store, _AT, _AT)
_SALE = schemas.Movement("17.4", _AT, STORE, "chair", -3, 7, "demand", "till-7", "R-1009", "sale")
_PAGE = schemas.Movements([_SALE], f"/stores/{STORE}/movements?limit=1&after=17.4", _AT)
_UNITS = schemas.Units([schemas.UnitsPoint(_AT, 12)], _AT)

_TILL = schemas.Session("till-7", [Scope.DEMAND, Scope.READ], ["abc111", "berlin-*"], None)

_MISSING = errors.StoreNotFound(STORE)
_BROKEN = errors.BrokenDocument(STORE, "the quantity of 'chair' is not a whole number")
_AWAY = errors.DatabaseUnavailable()
_BAD_ID = errors.InvalidInput(STORE_ID_RULE, "store_id")
_BAD_QUANTITY = errors.InvalidInput("Expected `int`, got `float`.", "$.quantity")
_SHORT = errors.OutOfStock((errors.Shortage("table", 3, 2),))
_NOT_READY = not_ready("/health/ready", primary_reachable=False, change_stream_alive=False)
_FAULT = HTTPStatus.INTERNAL_SERVER_ERROR
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

_BAD_MOMENT = errors.InvalidInput("A moment is written as 2026-11-26T21:00:00Z, in UTC.", "from")
_LEDGER = (errors.NoLedger(), _BAD_MOMENT, _AWAY, errors.OutcomeUnknown())
_PASSING = (errors.HistoryExpired("2026-11-01T00:00:00Z"), errors.LedgerBehind(), errors.NoLedger())
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


KEY_TEXT = "The key, bare, where the operation has one."
REPLAYED_TEXT = "`true`, where the operation had ended before; else it is not there."

_AFTER = Success(
    "The report after the operation.",
    schemas.Report,
    {"whole": _REPORT, "minimal": _MINIMAL},
    or_shape=schemas.Changes,
    headers={
        "Preference-Applied": "`return=minimal`, where the report is minimal.",
        "Idempotency-Key": KEY_TEXT,
        "Idempotent-Replayed": REPLAYED_TEXT,
    },
)

_FILE = {"Content-Disposition": "The name to save it under."}
_LINK = {"Link": 'The address of the following page, with `rel="next"`, where there is one.'}
_FILTERS = ("item_id", "op", "actor", "reference", "from", "to", "order")

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
        "What the store holds, or held after the second `at`. An item of which nothing is left is not in it.",
        Success("The report.", schemas.Report, {"now": _REPORT, "then": _PAST}, or_shape=schemas.PastReport),
        (*_READING, *_PASSING),
        parameters=("store_id", "at"),
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
            "demand": ItemBody("chair", 3, "demand", reference="R-1009", reason="sale"),
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
        "Everything in the store goes; the store stays. The body may be left out.",
        Success("The report, which is empty.", schemas.Report, {"empty": _EMPTY}, headers=_AFTER.headers),
        (*_WRITING, _BAD_ID, errors.NotJson(), errors.WrongMediaType(), errors.ContentCoded()),
        (_TOO_LARGE, _FAULT),
        parameters=("store_id", "prefer", "idempotency_key"),
        body=CleanBody,
        examples={"an inventory": CleanBody(reference="inventory-2026", reason="count")},
        may_lack_body=True,
    ),
    Endpoint(
        *(
            "GET",
            "/stores/{store_id}/xlsx_report",
            "readSpreadsheet",
            "The report of a store as a spreadsheet",
        ),
        "Sorted by item; as it is, or as it was after the second `at`.",
        Success("The spreadsheet.", media_type=XLSX, schema={"format": "binary"}, headers=_FILE),
        (*_READING, *_PASSING),
        parameters=("store_id", "at"),
    ),
    Endpoint(
        *("GET", "/movements", "listMovements", "What changed the stock of all stores"),
        "The ledger's rows, page by page, in the order of the commits; of one's own stores alone.",
        Success("One page.", schemas.Movements, {"page": _PAGE}),
        (*_LEDGER, errors.StoreForbidden()),
        parameters=("of_store", *_FILTERS, "movements_limit", "movements_after"),
    ),
    Endpoint(
        *("GET", "/stores/{store_id}/movements", "listStoreMovements", "What changed the stock of a store"),
        "The ledger's rows of one store, page by page, in the order of the commits.",
        Success("One page.", schemas.Movements, {"page": _PAGE}),
        _LEDGER,
        parameters=("store_id", *_FILTERS, "movements_limit", "movements_after"),
    ),
    Endpoint(
        *(
            "GET",
            "/stores/{store_id}/xlsx_movements",
            "readMovementsSpreadsheet",
            "The same as a spreadsheet",
        ),
        "Up to 10,000 of the ledger's rows of one store.",
        Success("The spreadsheet.", media_type=XLSX, schema={"format": "binary"}, headers={**_FILE, **_LINK}),
        _LEDGER,
        parameters=("store_id", *_FILTERS, "sheet_limit", "movements_after"),
    ),
    Endpoint(
        *("GET", "/stores/{store_id}/units", "readUnits", "How many pieces a store held over time"),
        "At most 300 points; the first one is what it held at `from`, a day ago unless told otherwise.",
        Success("The points, oldest first.", schemas.Units, {"one": _UNITS}),
        _LEDGER,
        parameters=("store_id", "from", "to"),
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
