"""The routes of the ledger: they read a request, ask, and answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol
from urllib.parse import quote

import msgspec
from msgspec.structs import replace
from sanic import Blueprint, HTTPResponse

from store_api.contract import schemas
from store_api.contract.bodies import MOST_MOVEMENTS, MOST_SHEET_MOVEMENTS, USUAL_MOVEMENTS
from store_api.contract.endpoints import XLSX
from store_api.errors import NoLedger
from store_api.movements.arguments import address_of, second_of, wish_of
from store_api.movements.pages import Movement, Page
from store_api.movements.reader import MovementReader
from store_api.movements.wishes import Wish, moment_of
from store_api.reports.sheets import MovementLine, MovementsJob, Sheet
from store_api.stock import Report
from store_api.web.fast_path import WholeAnswer, WholeRequest, large_json_answer
from store_api.web.requests import store_id_of
from store_api.web.routes import Guard, add_guarded, content_disposition, json_answer

DAY_SECONDS: Final = 86_400
"""How far back the pieces of a store are told, unless somebody asks for more or less."""


class Workbooks(Protocol):
    """Who builds workbooks."""

    async def build(self, sheets: Sequence[Sheet], at: datetime, *, exact: bool = False) -> bytes:
        """Build one of what stores hold, or held at the end of the very second `at`."""
        ...

    async def build_movements(self, job: MovementsJob) -> bytes:
        """Build one of movements."""
        ...


@dataclass(frozen=True, slots=True)
class History:
    """What the routes need: where the ledger is read, who builds workbooks, and the time.

    Args:
        reader: None where the service keeps no ledger.
        workbooks: builds them.
        now: gives the seconds since 1970.
    """

    reader: MovementReader | None
    workbooks: Workbooks
    now: Callable[[], float]

    async def of_all(self, request: WholeRequest) -> HTTPResponse:
        """`GET /movements`."""
        reader = self._reader
        wish = wish_of(_arguments(request), None, USUAL_MOVEMENTS, MOST_MOVEMENTS)
        if wish.store_id is not None:
            request.caller.require_store(wish.store_id)
        else:
            wish = replace(wish, only=request.caller.stores)
        path = f"{request.came.prefix}/movements"
        told = _movements(await reader.page(wish), wish, path, names_store=True)
        return await large_json_answer(request, msgspec.json.encode(told))

    async def of_store(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}/movements`."""
        reader = self._reader
        wish = wish_of(_arguments(request), store_id_of(store_id), USUAL_MOVEMENTS, MOST_MOVEMENTS)
        path = f"{request.came.prefix}/stores/{quote(wish.store_id or '', safe='')}/movements"
        told = _movements(await reader.page(wish), wish, path, names_store=False)
        return await large_json_answer(request, msgspec.json.encode(told))

    async def xlsx_of_store(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}/xlsx_movements`."""
        reader, name = self._reader, store_id_of(store_id)
        wish = wish_of(_arguments(request), name, MOST_SHEET_MOVEMENTS, MOST_SHEET_MOVEMENTS)
        page = await reader.page(wish)
        at = datetime.fromtimestamp(self.now(), UTC)
        job = MovementsJob(name, [_line_of(movement) for movement in page.movements], at)
        head = f"content-disposition: {content_disposition(name, at, 'movements-')}\r\n"
        if page.next is not None:
            path = f"{request.came.prefix}/stores/{quote(name, safe='')}/xlsx_movements"
            head += f'link: <{address_of(path, wish, page.next, names_store=False)}>; rel="next"\r\n'
        return WholeAnswer(await self.workbooks.build_movements(job), XLSX, own=head)

    async def units(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}/units`."""
        reader, name, arguments = self._reader, store_id_of(store_id), _arguments(request)
        now = int(self.now())
        since, until = second_of(arguments, "from"), second_of(arguments, "to")
        until = now if until is None else min(until, now)
        since = until - DAY_SECONDS if since is None else since
        points, end = await reader.units(name, since, until)
        told = [schemas.UnitsPoint(moment_of(point.second), point.units) for point in points]
        return json_answer(schemas.Units(told, _moment(end)))

    async def report(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}?at=`."""
        report, at, until = await self._report_at(request, store_id)
        lines = [schemas.ReportLine(item_id, quantity) for item_id, quantity in report.lines.items()]
        told = schemas.PastReport(schemas.StoreReport(report.store_id, lines), at, until)
        return await large_json_answer(request, msgspec.json.encode(told))

    async def xlsx_report(self, request: WholeRequest, store_id: str) -> HTTPResponse:
        """`GET /stores/{store_id}/xlsx_report?at=`."""
        report, at, _ = await self._report_at(request, store_id)
        sheet = Sheet(report.store_id, tuple(report.lines.items()))
        head = f"content-disposition: {content_disposition(report.store_id, at)}\r\n"
        return WholeAnswer(await self.workbooks.build([sheet], at, exact=True), XLSX, own=head)

    async def _report_at(self, request: WholeRequest, segment: str) -> tuple[Report, datetime, datetime]:
        """Read a report as it was, which moment that is, and up to when such a question can be answered."""
        reader, store_id = self._reader, store_id_of(segment)
        second = second_of(_arguments(request), "at")
        # Whoever calls this has seen that there is one.
        second = 0 if second is None else second
        stock, end = await reader.stock_at(store_id, second, int(self.now()))
        return Report.of(store_id, stock), moment_of(second), moment_of(end)

    def blueprint(self, guard: Guard) -> Blueprint:
        """Lay out the routes.

        Args:
            guard: puts the gate before a handler.
        """
        routes = Blueprint("movements", strict_slashes=True)
        add_guarded(routes, guard, "all", "GET /movements", self.of_all)
        add_guarded(routes, guard, "one", "GET /stores/{store_id}/movements", self.of_store)
        add_guarded(routes, guard, "xlsx", "GET /stores/{store_id}/xlsx_movements", self.xlsx_of_store)
        add_guarded(routes, guard, "units", "GET /stores/{store_id}/units", self.units)
        return routes

    @property
    def _reader(self) -> MovementReader:
        if self.reader is None:
            raise NoLedger
        return self.reader


def _arguments(request: WholeRequest) -> dict[str, list[str]]:
    return dict(request.get_args(keep_blank_values=True))


def _moment(second: int | None) -> datetime | None:
    return None if second is None else moment_of(second)


def _movements(page: Page, wish: Wish, path: str, *, names_store: bool) -> schemas.Movements:
    following = None
    if page.next is not None:
        following = address_of(path, wish, page.next, names_store=names_store)
    told = [
        schemas.Movement(
            id=str(place),
            at=moment_of(row["t"]),
            store_id=store_id,
            item_id=row["i"],
            delta=int(row["d"]),
            quantity=int(row["q"]),
            op=row["o"],
            actor=row.get("a"),
            reference=row.get("r"),
            reason=row.get("w"),
        )
        for place, store_id, row in page.movements
    ]
    return schemas.Movements(told, following, _moment(page.complete_until))


def _line_of(movement: Movement) -> MovementLine:
    row = movement.row
    return MovementLine(
        at=moment_of(row["t"]),
        item_id=row["i"],
        delta=int(row["d"]),
        quantity=int(row["q"]),
        op=row["o"],
        actor=row.get("a"),
        reference=row.get("r"),
        reason=row.get("w"),
        id=str(movement.place),
    )
