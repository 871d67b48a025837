"""Workbooks built in processes of their own, on the event loop of the service and on Python's own."""

import asyncio
import io
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
import uvloop

from store_api.processes import run_job
from store_api.reports.sheets import Job, Sheet
from store_api.reports.workbook import workbook
from store_api.reports.workbook_job import WorkbookBuilder
from tests.support.lateness import machine_lateness
from tests.support.programs import begun
from tests.support.unwatched import unwatched

AT = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
SMALL = [Sheet("abc111", [("=1+1", 10), ("арт-1", 2**63 - 1)])]
LARGE = [Sheet("abc111", [(f"item-{number:06d}", number) for number in range(100_000)])]

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where every build has a folder of its own, for as long as it runs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def cells(file: bytes) -> list[tuple[object, ...]]:
    return [
        row for sheet in openpyxl.load_workbook(io.BytesIO(file)) for row in sheet.iter_rows(values_only=True)
    ]


def with_few_files(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


@pytest.mark.parametrize("number", [1, 300])
def test_a_sheet_a_store_is_made_whatever_may_be_open_at_once(number: int) -> None:
    sheets = [Sheet(f"store-{n}", [("tea", n + 1)]) for n in range(number)]
    made = subprocess.run(
        begun(sys.executable, "-m", "store_api.reports.workbook"),
        cwd=Path(__file__).parents[3],
        input=msgspec.json.encode(Job(sheets, AT)),
        capture_output=True,
        check=True,
        timeout=120,
        env=unwatched(os.environ),
        preexec_fn=partial(with_few_files, 256),
    )
    book = openpyxl.load_workbook(io.BytesIO(made.stdout))
    assert book.sheetnames == [sheet.store_id for sheet in sheets]
    assert [row[:2] for row in book.worksheets[-1].iter_rows(min_row=5, values_only=True)] == [
        ("tea", number)
    ]


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def processes() -> set[str]:
    """The spreadsheet processes that are our children, and whoever has ended without being waited for."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (process / "cmdline").read_text()
        except OSError:  # it has just ended
            continue
        if parent == os.getpid() and (not command or "store_api.reports.workbook" in command):
            found.add(process.name)
    return found


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.001)


async def delays_during(task: asyncio.Task[bytes]) -> list[float]:
    """How many seconds too late a wait of 1 ms ended, each time, the least first."""
    loop, delays = asyncio.get_running_loop(), []
    while not task.done():
        asked = loop.time() + 0.001
        await asyncio.sleep(0.001)
        delays.append(loop.time() - asked)
    return sorted(delays)


def test_it_is_the_workbook_that_would_be_built_here(run: Run) -> None:
    async def scene() -> None:
        assert cells(await WorkbookBuilder().build(SMALL, AT)) == cells(workbook(SMALL, AT))

    run(scene())


def test_ids_that_are_no_unicode_are_replaced(run: Run) -> None:
    sheets = [Sheet("c\udfff", [("a\ud800b", 1)])]

    async def scene() -> None:
        # How an id is spelled out stands in a further column; replaced, there is nothing to spell.
        built, here = cells(await WorkbookBuilder().build(sheets, AT)), cells(workbook(sheets, AT))
        assert [row[:2] for row in built] == [row[:2] for row in here]

    run(scene())


async def test_a_job_does_not_find_what_it_shall_be_without() -> None:
    assert (await run_job("json.tool", b"[]")).strip() == b"[]"
    with pytest.raises(RuntimeError, match="json"):
        await run_job("json.tool", b"[]", ["json"])


@pytest.mark.unwatched
def test_100_000_lines_do_not_stall_the_event_loop(run: Run) -> None:
    async def scene() -> None:
        with machine_lateness() as machine:
            building = asyncio.ensure_future(WorkbookBuilder().build(LARGE, AT))
            delays = await delays_during(building)
        assert (await building).startswith(b"PK")
        # A thread in this process would make every second wait longer than 4 ms.
        assert delays[len(delays) // 2] < 0.0025 + machine.median
        assert delays[-1] < 0.2 + machine.worst

    run(scene())


def test_a_failing_build_raises(run: Run, folders: Path) -> None:
    async def scene() -> None:
        with pytest.raises(RuntimeError, match="time zone"):
            await WorkbookBuilder().build(SMALL, AT.replace(tzinfo=None))
        assert not entries(folders)

    run(scene())


def test_no_more_are_built_at_once_than_there_are_turns(
    run: Run, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder, at_once = tempfile.mkdtemp, []

    def begin(*arguments: str | None) -> str:
        folder = make_folder(*arguments)
        at_once.append(len(entries(folders)))
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", begin)

    async def scene() -> None:
        builder = WorkbookBuilder(2)
        built = await asyncio.gather(*(builder.build(SMALL, AT) for _ in range(5)))
        assert len(built) == 5
        assert (len(at_once), max(at_once)) == (5, 2)

    run(scene())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("moment", ["at once", "as it starts", "as it writes"])
def test_a_cancelled_build_leaves_nothing_behind(run: Run, folders: Path, moment: str) -> None:
    others = processes()
    reached: dict[str, Callable[[], object]] = {
        "at once": lambda: entries(folders),
        "as it starts": lambda: processes() - others,
        "as it writes": lambda: list(folders.glob("*/openpyxl*")),
    }

    async def scene() -> None:
        building = asyncio.ensure_future(WorkbookBuilder().build(LARGE, AT))
        await until(reached[moment])
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            # The whole build takes longer.
            await asyncio.wait_for(building, 1)
        assert not entries(folders)
        await until(lambda: processes() <= others)

    run(scene())


def test_a_cancelled_build_gives_its_turn_back(run: Run) -> None:
    async def scene() -> None:
        builder = WorkbookBuilder(1)
        first = asyncio.ensure_future(builder.build(LARGE, AT))
        await until(lambda: builder.is_full)
        second = asyncio.ensure_future(builder.build(SMALL, AT))
        first.cancel()
        assert cells(await second) == cells(workbook(SMALL, AT))

    run(scene())
