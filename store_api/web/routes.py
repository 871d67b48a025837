"""The HTTP contract: routes that read a request, ask, and answer."""

import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct
from sanic import Blueprint, HTTPResponse

from store_api.claims.naming import HEADER, key_in, key_lines, named
from store_api.contract import schemas
from store_api.contract.calls import JSON
from store_api.contract.endpoints import XLSX
from store_api.contract.schemas import Overview
from store_api.contract.scopes import SCOPE_OF, Scope
from store_api.errors import NoLedger, StoreApiError, StoreNotFound
from store_api.reports.encoding import ReportEncoder
from store_api.reports.sheets import Sheet, legible
from store_api.stock import Operation, Replayed, Reply, Report, Stock, StorePatterns, StoreSummary
from store_api.web.error_handler import error_response
from store_api.web.fast_path import WholeAnswer, WholeRequest, large_json_answer
from store_api.web.inside_sanic import ERROR_FORMAT
from store_api.web.requests import (
    clean_operation,
    group_operation,
    item_operation,
    page_of,
    prefers_minimal,
    require_json,
    store_id_of,
)

READ = ["GET", "HEAD"]
Guard = Callable[[Callable[..., Any], str], Callable[..., Any]]
"""Puts the gate before a handler, told its address; `gate.Gate` does."""

MINIMAL = "preference-applied: return=minimal\r\n"


class Stores(Protocol):
    """Where the routes read stores; all of it raises DatabaseUnavailable."""

    async def read(self, store_id: str) -> Stock | None:
        """Read a store's stock; None where there is no such store.

        Raises:
            BrokenDocument: what is there is no stock.
        """
        ...

    async def overview(self, after: str, limit: int, only: StorePatterns | None = None) -> list[StoreSummary]:
        """Summarise up to `limit` stores whose ids come after `after`, by id."""
        ...


class Past(Protocol):
    """Who answers what a store held at a moment (`?at=`)."""

    async def report(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}?at=`."""
        ...

    async def xlsx_report(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}/xlsx_report?at=`."""
        ...


class Operations(Protocol):
    """Who carries operations out."""

    def answer(self, operation: Operation) -> Awaitable[Reply]:
        """Give what an operation ends as; it goes on whether or not anybody waits."""
        ...


@dataclass(frozen=True, slots=True)
class Rest:
    """What the routes need: where stores are read, who carries operations out, who builds workbooks.

    And whether every operation must have a key, and who answers for the past.
    """

    stores: Stores
    operations: Operations
    build_workbook: Callable[..., Awaitable[bytes]]
    requires_keys: bool = False
    past: Past | None = None
    encode: Callable[[Report], bytes] = field(default_factory=ReportEncoder)

    async def report(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}`."""
        if b"?" in request.raw_url and (past := self._past_of(request)) is not None:
            return await past.report(request, store_id)
        return await large_json_answer(request, self.encode(await self._report(store_id)))

    async def xlsx_report(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}/xlsx_report`."""
        if (past := self._past_of(request)) is not None:
            return await past.xlsx_report(request, store_id)
        report = await self._report(store_id)
        at = datetime.now(UTC)
        sheet = Sheet(report.store_id, tuple(report.lines.items()))
        file_name = f"content-disposition: {content_disposition(report.store_id, at)}\r\n"
        return WholeAnswer(await self.build_workbook([sheet], at), XLSX, file_name)

    def operate(self, request: WholeRequest, store_id: str) -> Coroutine[Any, Any, HTTPResponse]:
        """`POST /stores/{store_id}`."""
        return self._operate(request, store_id, item_operation, "item")

    def operate_on_group(self, request: WholeRequest, store_id: str) -> Coroutine[Any, Any, HTTPResponse]:
        """`POST /stores/{store_id}/group_op`."""
        return self._operate(request, store_id, group_operation, "group")

    async def clean(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`POST /stores/{store_id}/clean`."""
        minimal = is_told_little(request) or prefers_minimal(request.headers.getall("prefer", ()))
        body = request.body
        if body:
            _require_json(request)
        operation = clean_operation(store_id_of(store_id), body, minimal=minimal, actor=request.caller.name)
        return await self._commit(request, operation, "clean")

    async def overview(self, request: WholeRequest) -> HTTPResponse:
        """`GET /stores`."""
        after, limit = page_of(dict(request.get_args(keep_blank_values=True)))
        rows = await self.stores.overview(after, limit + 1, request.caller.stores)
        page = [schemas.StoreSummary(row.store_id, row.items, row.units) for row in rows[:limit]]
        following = None
        if len(rows) > limit:
            query = urlencode({"limit": limit, "after": page[-1].store_id}, quote_via=quote)
            following = f"{request.came.prefix}/stores?{query}"
        return await large_json_answer(request, msgspec.json.encode(Overview(page, following)))

    def blueprint(self, guard: Guard) -> Blueprint:
        """Lay out the routes.

        Args:
            guard: puts the gate before a handler.
        """
        routes = Blueprint("rest", strict_slashes=True)
        add_guarded(routes, guard, "overview", "GET /stores", self.overview)
        add_guarded(routes, guard, "report", "GET /stores/{store_id}", self.report)
        add_guarded(routes, guard, "xlsx", "GET /stores/{store_id}/xlsx_report", self.xlsx_report)
        add_guarded(routes, guard, "operate", "POST /stores/{store_id}", self.operate)
        add_guarded(routes, guard, "group", "POST /stores/{store_id}/group_op", self.operate_on_group)
        add_guarded(routes, guard, "clean", "POST /stores/{store_id}/clean", self.clean)
        return routes

    def _past_of(self, request: WholeRequest) -> Past | None:
        """Give who answers, where a moment of the past is asked for."""
        if "at" not in request.get_args(keep_blank_values=True):
            return None
        if self.past is None:
            raise NoLedger
        return self.past

    async def _report(self, segment: str) -> Report:
        store_id = store_id_of(segment)
        stock = await self.stores.read(store_id)
        if stock is None:
            raise StoreNotFound(store_id)
        return Report.of(store_id, stock)

    def _operate(
        self, request: WholeRequest, segment: str, read: Callable[..., Operation], route: str
    ) -> Coroutine[Any, Any, HTTPResponse]:
        _require_json(request)
        headers = request.headers
        minimal = is_told_little(request)
        if not minimal and "prefer" in headers:
            minimal = prefers_minimal(headers.getall("prefer"))
        actor = request.caller.name
        operation = read(store_id_of(segment), request.body, minimal=minimal, actor=actor)
        return self._commit(request, operation, route)

    async def _commit(self, request: WholeRequest, operation: Operation, route: str) -> HTTPResponse:
        request.caller.require(SCOPE_OF[operation.kind])
        headers = request.headers
        lines = headers.getall(HEADER) if HEADER in headers else ()
        if (key := key_in(lines, required=self.requires_keys)) is not None:
            operation = named(operation, key, route, request.caller.name)
        reply = await self.operations.answer(operation)
        answer = reply.answer if isinstance(reply, Replayed) else reply
        own = "" if key is None else key_lines(key, replayed=isinstance(reply, Replayed))
        if isinstance(answer, StoreApiError):
            return error_response(request, answer, own)
        return WholeAnswer(self.encode(answer), JSON, MINIMAL if operation.minimal else "", own=own)


def add_guarded(
    routes: Blueprint, guard: Guard, name: str, address: str, handler: Callable[..., Any]
) -> None:
    """Add a route with the gate before it.

    Args:
        routes: where.
        guard: puts the gate before a handler.
        name: of the route.
        address: its method and path, as in `contract.scopes.SCOPES`; what is read is asked for its head, too.
        handler: answers.
    """
    method, _, path = address.partition(" ")
    methods = READ if method == "GET" else [method]
    routes.add_route(
        guard(handler, address), path_of_route(path), methods=methods, name=name, error_format=ERROR_FORMAT
    )


def path_of_route(path: str) -> str:
    """Write a path of the contract as Sanic does."""
    return path.replace("{store_id}", "<store_id:str>")


def _require_json(request: WholeRequest) -> None:
    headers = request.headers
    coded = headers.getall("content-encoding") if "content-encoding" in headers else ()
    require_json(headers.getone("content-type", None), coded)


def is_told_little(request: WholeRequest) -> bool:
    """Tell whether who asks may not read: an answer tells them what they asked for, and no more."""
    return Scope.READ not in request.caller.scopes


LONGEST_FILE_NAME = 255
"""Bytes, as Linux' file systems count."""


def json_answer(shape: Struct) -> HTTPResponse:
    """Answer with one of the contract's shapes."""
    return WholeAnswer(msgspec.json.encode(shape), JSON)


def content_disposition(store_id: str, at: datetime, start: str = "stock-") -> str:
    """Name the file for a browser: `stock-abc111-2026-01-31.xlsx`, the day in UTC (RFC 6266, RFC 8187).

    The first name is plain ASCII for old programs, the second is the true one, percent-encoded. The prefix
    keeps a store id from being a hidden file (`.x`), an option (`-x`) or a device (`CON`). File systems take
    255 bytes: of an id that is longer, what fits.
    """
    end = f"-{at.astimezone(UTC):%Y-%m-%d}.xlsx"
    room = LONGEST_FILE_NAME - len(start) - len(end)
    shown = re.sub(r"[/\\]", "-", legible(store_id)).encode()[:room].decode(errors="ignore")
    name = f"{start}{shown}{end}"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
