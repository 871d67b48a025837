"""The service's calls as the demo makes them, with the contract's rules of when to try again.

Each change has a key of its own (Idempotency-Key). So it is sent again, as the same, not only after a 503 or
429 that says `"outcome": "not applied"`, but also after a failure that may have applied it, and after a lost
answer: what is told in the end is what became of it, and it was applied once. It comes back as unknown only
where patience ends before anybody says.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import msgspec

from bench.demo.ledger_proof import Row
from bench.demo.receipts import Line, Why, group_operation
from bench.load.http_client import NO_HEADERS, AnswerLost, Connection, Response, ServiceUnreachable

_MINIMAL = {"prefer": "return=minimal"}
_RECONNECT_SECONDS = 0.2
_LATER = (429, 503)
"""Statuses of what may go well later."""


class CannotGoOn(Exception):
    """The replay has to stop; the message is one line for whoever started it."""


class Outcome(Enum):
    """What became of a change."""

    APPLIED = "applied"
    REFUSED = "refused"
    NOT_YET = "not yet"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """A change's outcome, never NOT_YET, with the status (0: none came) and the service's own words."""

    outcome: Outcome
    status: int
    detail: str


def problem_of(response: Response) -> Mapping[str, Any]:
    """Read the problem document in a response; empty when there is none."""
    try:
        problem = msgspec.json.decode(response.body)
    except msgspec.DecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}


def outcome_of(response: Response) -> Outcome:
    """Decide what the response to a change says about it."""
    if 200 <= response.status < 300:
        return Outcome.APPLIED
    match problem_of(response).get("outcome"):
        case "not applied" if response.status in _LATER and "retry-after" in response.headers:
            return Outcome.NOT_YET
        case "not applied":
            return Outcome.REFUSED
        case "applied":
            return Outcome.APPLIED
        case "unknown":
            return Outcome.UNKNOWN
    return Outcome.REFUSED if response.status < 500 else Outcome.UNKNOWN


def retry_after(response: Response) -> float:
    """Read how long to wait before the next try, in seconds; 1 when the header holds a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() else 1.0


def describe(response: Response) -> str:
    """Put a response into a few words, for a message."""
    problem = problem_of(response)
    return f"{response.status} {problem.get('detail') or problem.get('title') or ''}".rstrip()


class Movements(msgspec.Struct):
    """A page of the ledger.

    Args:
        movements: its rows.
        next: the address of the page after it; None where it is the last one.
        complete_until: the second up to which the ledger has all rows; None where nobody knows.
    """

    movements: list[Row]
    next: str | None = None
    complete_until: datetime | None = None


def movements_of(store_id: str, since: datetime | None) -> str:
    """Give the address of a store's first page of rows, from a moment on."""
    begin = "" if since is None else f"&from={since:%Y-%m-%dT%H:%M:%SZ}"
    return f"{_path(store_id)}/movements?limit=1000{begin}"


class StockCalls:
    """The calls over one connection.

    Args:
        connection: to the service; this object's alone.
        full: ask for whole reports instead of those of the operation's items.
        patience: how long a call is tried again before it is given up, in seconds.

    Attributes:
        retries: tries beyond the first, of all calls so far.
    """

    def __init__(self, connection: Connection, *, full: bool = False, patience: float = 60.0) -> None:
        self._connection = connection
        self._post_headers = NO_HEADERS if full else _MINIMAL
        self._patience = patience
        self.retries = 0

    async def probe(self) -> None:
        """See that it is this service that answers, once and without patience.

        Raises:
            ServiceUnreachable: nothing listens there.
            CannotGoOn: something else answers, or the service is not ready, or does not let us in.
        """
        try:
            response = await self._connection.request("GET", "/stores?limit=1")
        except AnswerLost as lost:
            raise CannotGoOn(f"is not this stock service: {lost}") from None
        if response.status == 503 and "outcome" in problem_of(response):
            raise CannotGoOn(f"is not ready: {describe(response)}")
        if response.status in (401, 403) and "type" in problem_of(response):
            raise CannotGoOn(f"does not let us in: {describe(response)} (STORE_API_TOKEN holds our token)")
        if response.status != 200 or "stores" not in problem_of(response):
            raise CannotGoOn(f"is not this stock service: GET /stores was answered {describe(response)}")

    async def change(
        self, store_id: str, operation: str, lines: Iterable[Line], why: Why | None = None
    ) -> Answer:
        """Supply or demand some lines as one operation."""
        return await self._post(f"{_path(store_id)}/group_op", group_operation(operation, lines, why))

    async def clean(self, store_id: str, why: Why | None = None) -> Answer:
        """Empty a store; one that does not exist is refused with status 404."""
        return await self._post(f"{_path(store_id)}/clean", b"" if why is None else msgspec.json.encode(why))

    async def report(self, store_id: str) -> dict[str, int] | None:
        """Read a store's stock in pieces by item; None when there is no such store.

        Raises:
            CannotGoOn: the service does not give the report.
        """
        response = await self._patiently("GET", _path(store_id), b"")
        if response.status == 404:
            return None
        if response.status != 200:
            raise CannotGoOn(f"does not give the report of store {store_id}: {describe(response)}")
        lines = msgspec.json.decode(response.body, type=_Document).store.report
        return {line.item_id: line.quantity for line in lines}

    async def movements(self, address: str) -> Movements | None:
        """Read a page of the ledger; None where the service keeps none.

        Raises:
            CannotGoOn: the service does not give it.
        """
        response = await self._patiently("GET", address, b"")
        if problem_of(response).get("type") == "/problems/no-ledger":
            return None
        if response.status != 200:
            raise CannotGoOn(f"does not give {address}: {describe(response)}")
        return msgspec.json.decode(response.body, type=Movements)

    async def _post(self, path: str, body: bytes) -> Answer:
        headers = {**self._post_headers, "idempotency-key": uuid4().hex}
        try:
            response = await self._patiently("POST", path, body, headers)
        except _GaveUpInDoubt as doubt:
            return doubt.answer
        return Answer(outcome_of(response), response.status, describe(response))

    async def _patiently(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS
    ) -> Response:
        """Ask until the answer is one to go by.

        Raises:
            CannotGoOn: patience ended, and no try came to anything.
            _GaveUpInDoubt: patience ended, and one of the tries may have applied the change.
        """
        reading, clock = method == "GET", asyncio.get_running_loop().time
        give_up = clock() + self._patience
        doubt: Answer | None = None
        while True:
            try:
                response = await self._connection.request(method, path, body, headers)
            except ServiceUnreachable as away:
                wait, reason = _RECONNECT_SECONDS, str(away)
            except AnswerLost as lost:
                wait, reason = _RECONNECT_SECONDS, str(lost)
                doubt = Answer(Outcome.UNKNOWN, 0, reason)
            else:
                outcome = outcome_of(response)
                if not (response.status in _LATER if reading else outcome in _ASKED_AGAIN):
                    return response
                wait, reason = retry_after(response), describe(response)
                if outcome is Outcome.UNKNOWN:
                    doubt = Answer(outcome, response.status, reason)
            if clock() + wait > give_up:
                if doubt is not None and not reading:
                    raise _GaveUpInDoubt(doubt)
                raise CannotGoOn(f"did not take a call for {self._patience:g} seconds: {reason}")
            self.retries += 1
            await asyncio.sleep(wait)


_ASKED_AGAIN = (Outcome.NOT_YET, Outcome.UNKNOWN)


class _GaveUpInDoubt(Exception):
    """Nobody says what became of a change; `answer` is the latest that left it open."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class _Store(msgspec.Struct):
    report: list[Line]


class _Document(msgspec.Struct):
    store: _Store


def _path(store_id: str) -> str:
    return f"/stores/{quote(store_id, safe='')}"
