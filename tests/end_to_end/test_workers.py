"""Two workers on one port are one service: whatever is written through one is true in the other."""

import os
import signal
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from openpyxl import load_workbook

from tests.end_to_end.conftest import Stores
from tests.support.listening import Report, listening, read_report
from tests.support.metrics import samples
from tests.support.service import Service, needs_proc, new_store_id

pytestmark = needs_proc

JSON = "application/json"


@pytest.fixture
def service(two_workers: Service) -> Service:
    return two_workers


def line(item_id: str, quantity: int) -> dict[str, object]:
    return {"item_id": item_id, "quantity": quantity}


def test_the_process_that_keeps_them_running_is_no_service_itself(two_workers: Service) -> None:
    def holds(pid: int, library: str) -> bool:
        return library in Path(f"/proc/{pid}/maps").read_text()

    assert all(holds(pid, "httptools") for pid in two_workers.worker_pids())
    assert not holds(two_workers.pid, "httptools")


async def test_a_write_through_one_worker_reaches_the_sockets_of_both(
    two_workers: Service, workers: list[httpx.AsyncClient], store_id: str
) -> None:
    first, second = two_workers.worker_pids()
    async with (
        listening(two_workers, store_id, worker=first) as one,
        listening(two_workers, store_id, worker=second) as other,
    ):
        for count, writer in enumerate([*workers, *workers], 1):
            await writer.post(f"/stores/{store_id}", json={"operation": "supply", **line("chair", 1)})
            assert await one.report() == await other.report() == Report(store_id, {"chair": count})


async def test_a_write_through_one_worker_is_read_through_the_other(
    workers: list[httpx.AsyncClient], store_id: str
) -> None:
    first, second = workers
    for count in range(1, 21):
        written = await first.post(f"/stores/{store_id}", json={"operation": "supply", **line("chair", 1)})
        read = await second.get(f"/stores/{store_id}")
        assert read_report(read.content) == read_report(written.content) == (store_id, {"chair": count})
        first, second = second, first


async def test_a_report_is_the_contract_s(http: httpx.AsyncClient, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"b": 2, "none": 0, "a": 1}})
    answer = await http.get(f"/stores/{store_id}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert answer.json() == {"store": {"store_id": store_id, "report": [line("b", 2), line("a", 1)]}}


async def test_a_spreadsheet_holds_the_report(http: httpx.AsyncClient, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"b": 2, "none": 0, "a": 1}})
    answer = await http.get(f"/stores/{store_id}/xlsx_report")
    assert answer.headers["content-type"].endswith("openxmlformats-officedocument.spreadsheetml.sheet")
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    sheet = load_workbook(BytesIO(answer.content)).worksheets[0]
    rows = [row[:2] for row in sheet.iter_rows(values_only=True)]
    assert rows[-2:] == [("a", 1), ("b", 2)]


async def test_supply_and_demand_are_answered_with_the_report_after_them(
    http: httpx.AsyncClient, store_id: str
) -> None:
    path = f"/stores/{store_id}"
    supplied = await http.post(path, json={"operation": "supply", **line("chair", 3)})
    demanded = await http.post(path, json={"operation": "demand", **line("chair", 2)})
    assert (supplied.status_code, demanded.status_code) == (200, 200)
    assert read_report(demanded.content) == (store_id, {"chair": 1})


async def test_a_demand_beyond_the_stock_changes_nothing(http: httpx.AsyncClient, store_id: str) -> None:
    path = f"/stores/{store_id}"
    await http.post(path, json={"operation": "supply", **line("chair", 3)})
    answer = await http.post(path, json={"operation": "demand", **line("chair", 4)})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json()["shortages"] == [{"item_id": "chair", "wanted": 4, "available": 3}]
    assert read_report((await http.get(path)).content) == (store_id, {"chair": 3})


async def test_a_group_is_applied_whole_or_not_at_all(http: httpx.AsyncClient, store_id: str) -> None:
    path = f"/stores/{store_id}/group_op"
    items = [line("chair", 3), line("table", 1), line("chair", 2)]
    applied = await http.post(path, json={"operation": "supply", "items": items})
    assert read_report(applied.content) == (store_id, {"chair": 5, "table": 1})
    items = [line("chair", 1), line("table", 2)]
    refused = await http.post(path, json={"operation": "demand", "items": items})
    assert refused.status_code == 409
    assert read_report((await http.get(f"/stores/{store_id}")).content).items == {"chair": 5, "table": 1}


async def test_a_minimal_answer_holds_just_the_items_of_the_operation(
    http: httpx.AsyncClient, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 3, "table": 1}})
    minimal = {"Prefer": "return=minimal"}
    body = {"operation": "demand", **line("chair", 3)}
    answer = await http.post(f"/stores/{store_id}", json=body, headers=minimal)
    assert answer.headers["preference-applied"] == "return=minimal"
    assert answer.json()["store"]["report"] == [line("chair", 0)]


async def test_a_store_is_cleaned(http: httpx.AsyncClient, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 3}})
    answer = await http.post(f"/stores/{store_id}/clean")
    assert (answer.status_code, read_report(answer.content)) == (200, Report(store_id, {}))


async def test_a_page_of_another_site_cleans_nothing(
    http: httpx.AsyncClient, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    answer = await http.post(f"/stores/{store_id}/clean", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["outcome"]) == (403, "not applied")
    assert (await http.get(f"/stores/{store_id}")).json()["store"]["report"] != []
    own = await http.post(f"/stores/{store_id}/clean", headers={"Origin": str(http.base_url)})
    assert own.status_code == 200


async def test_the_overview_lists_the_stores_page_by_page(http: httpx.AsyncClient, stores: Stores) -> None:
    ids = sorted(new_store_id() for _ in range(3))
    stores.insert_many({"_id": each, "items": {"chair": 2, "table": 3, "none": 0}} for each in ids)
    path = f"/stores?limit=1&after={quote(ids[0])}"
    pages: list[dict[str, Any]] = []
    while path and len(pages) < 1000:
        page = (await http.get(path)).json()
        pages += page["stores"]
        path = page["next"]
    assert [row for row in pages if row["store_id"] in ids] == [
        {"store_id": each, "items": 2, "units": 5} for each in ids[1:]
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/xlsx_report"),
        ("POST", "/clean"),
        ("POST", ""),
        ("POST", "/group_op"),
    ],
)
async def test_a_store_that_there_is_not_is_a_404(
    http: httpx.AsyncClient, store_id: str, method: str, path: str
) -> None:
    body: Any = {} if path == "/clean" else {"operation": "demand", **line("chair", 1)}
    if path == "/group_op":
        body = {"operation": "demand", "items": [line("chair", 1)]}
    answer = await http.request(method, f"/stores/{store_id}{path}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["instance"] == f"/stores/{store_id}{path}"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_every_worker_says_that_it_is_well(workers: list[httpx.AsyncClient], path: str) -> None:
    assert [(await worker.get(path)).status_code for worker in workers] == [200, 200]


async def test_a_worker_that_dies_is_replaced_and_the_other_serves_on(
    two_workers: Service, stores: Stores, store_id: str
) -> None:
    victim, survivor = two_workers.worker_pids()
    async with (
        two_workers.client() as client,
        listening(two_workers, store_id, worker=survivor) as socket,
        listening(two_workers, store_id, worker=victim),
    ):
        async with two_workers.client() as asker:
            # Workers hand their figures over once a second.
            while (await samples(asker))["sockets",] < 2:
                pass
        os.kill(victim, signal.SIGKILL)
        stores.insert_one({"_id": store_id, "items": {"chair": 1}})
        assert await socket.items() == {"chair": 1}
        assert (await client.get(f"/stores/{store_id}")).status_code == 200
        two_workers.wait_until_ready()
        assert victim not in two_workers.worker_pids()
        # The dead one's sockets are not counted any more.
        assert (await samples(client))["sockets",] == 1
    assert [line["worker"] for line in two_workers.log("worker_died")] == [victim]
