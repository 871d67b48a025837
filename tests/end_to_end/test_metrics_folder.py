"""The folder through which workers share their figures: whatever becomes of it, the workers go on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.metrics import samples
from tests.support.mongod import wait_until
from tests.support.service import ROOT, Service, needs_proc

pytestmark = needs_proc

SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 1}


@pytest.fixture
def sharing(mongo_url: str, tmp_path: Path) -> Iterator[Service]:
    """Two workers, whose temporary folder is the test's."""
    (tmp_path / "temporary").mkdir()
    settings = {
        "MONGO_URL": mongo_url,
        "MONGO_DB": f"test_{uuid4().hex}",
        "WORKERS": "2",
        "TMPDIR": str(tmp_path / "temporary"),
    }
    with Service(tmp_path, settings) as service:
        service.wait_until_ready()
        yield service


def folder_of(service: Service) -> Path:
    (folder,) = Path(service.settings["TMPDIR"]).glob("store_api-metrics-*")
    return folder


async def supplied(service: Service) -> float:
    async with service.client() as http:
        return (await samples(http)).get(("operations_total", "supply", "applied"), 0.0)


async def supply(service: Service, times: int) -> None:
    for _ in range(times):
        async with service.client() as http:
            assert (await http.post("/stores/s", json=SUPPLY)).status_code == 200


async def test_what_cannot_be_read_is_left_out_and_named_once(sharing: Service) -> None:
    await supply(sharing, 4)
    folder = folder_of(sharing)
    odd = {
        "empty.json": b"",
        "half.json": b'{"store_api_operations": [["store_api_operations_total", {"kind": "su',
        "other.json": b'{"store_api_operations": 7}',
        "bytes.json": b"\xff\xfe",
        "counter_99999.db": b"",
    }
    for name, content in odd.items():
        (folder / name).write_bytes(content)
    (folder / "folder.json").mkdir()
    (folder / "nowhere.json").symlink_to(folder / "gone")
    wait_until(lambda: len(list(folder.glob("[0-9]*.json"))) == 2, "both have left their figures")
    for _ in range(3):
        async with sharing.client() as http:
            assert (await http.get("/metrics")).status_code == 200
    named = Counter(line["file"] for line in sharing.log("metrics_left_out"))
    unreadable = {"empty.json", "half.json", "other.json", "bytes.json", "folder.json"}
    assert named.keys() >= unreadable
    # Once by each of the two processes.
    assert max(named[file] for file in unreadable) <= 2
    assert sharing.log("fault") == []


async def test_a_folder_that_is_swept_comes_back_and_so_does_a_worker_that_dies_after(
    sharing: Service,
) -> None:
    await supply(sharing, 4)
    folder = folder_of(sharing)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    async with sharing.client() as http:
        assert (await http.get("/metrics")).status_code == 200
    wait_until(lambda: len(list(folder.glob("[0-9]*.json"))) == 2, "both have left their figures again")
    assert await supplied(sharing) == 4
    victim = sharing.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: victim not in sharing.worker_pids() and len(sharing.worker_pids()) == 2, "a new one", 20
    )
    sharing.wait_until_ready()
    await supply(sharing, 2)
    wait_until(lambda: len(list(folder.glob("[0-9]*.json"))) == 2, "the new one has left its figures")
    # Whoever is asked knows its own at once, and the others' as they were up to a second ago.
    async with asyncio.timeout(10):
        while await supplied(sharing) != 6:  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.05)
    assert len(sharing.log("worker_died")) == 1


async def test_without_a_folder_to_write_to_it_serves_and_says_so_in_one_line(
    mongo_url: str, tmp_path: Path
) -> None:
    settings = {
        "MONGO_URL": mongo_url,
        "MONGO_DB": f"test_{uuid4().hex}",
        "WORKERS": "2",
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    # What a system is like where no folder can be written to.
    (tmp_path / "sitecustomize.py").write_text(
        "import tempfile\ntempfile._candidate_tempdir_list = lambda: []\n"
    )
    with Service(tmp_path, settings) as service:
        service.wait_until_ready()
        await supply(service, 2)
        async with service.client() as http:
            assert (await http.get("/metrics")).status_code == 200
    assert [line["action"] for line in service.log() if line["level"] == "warning"] == ["metrics_not_shared"]


async def test_the_librarys_own_folder_is_not_used(mongo_url: str, tmp_path: Path) -> None:
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    with Service(tmp_path, {**settings, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "nowhere")}) as service:
        service.wait_until_ready()
        async with service.client() as http:
            assert (await http.get("/metrics")).status_code == 200
