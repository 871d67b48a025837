"""`python -m store_api` with no MongoDB named: it brings its own, says where all is, and leaves nothing."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from tests.support.listening import listening, read_report
from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import Service, are_gone, children_of, needs_proc

pytestmark = needs_proc


@pytest.fixture(scope="module")
def embedded(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of two workers with a MongoDB of its own."""
    settings = {"DATA_DIR": str(data_dir), "EMBEDDED_MONGO_PORT": str(free_port()), "WORKERS": "2"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service


def everything_of(service: Service) -> set[int]:
    """All processes that the service started, and itself; mongod, its guard and workers are its children."""
    children = children_of(service.pid)
    return {service.pid, *children, *(grandchild for child in children for grandchild in children_of(child))}


def test_it_says_where_everything_is(embedded: Service) -> None:
    port, mongo_port = embedded.port, embedded.settings["EMBEDDED_MONGO_PORT"]
    assert f"http://127.0.0.1:{port}/\n" in embedded.output
    assert f"http://127.0.0.1:{port}/stores" in embedded.output
    assert f"ws://127.0.0.1:{port}/ws/stores" in embedded.output
    assert f"mongodb://127.0.0.1:{mongo_port}/?replicaSet=rs0 (embedded)" in embedded.output
    assert embedded.output.count("curl ") == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_line_that_it_prints_works(embedded: Service) -> None:
    line = embedded.output[embedded.output.index("curl ") :]
    ran = subprocess.run(begun("sh", "-c", line), capture_output=True, timeout=10, check=True)
    assert read_report(ran.stdout).items == {"item-1": 10}


async def test_the_mongodb_that_it_names_is_the_one_that_it_serves(embedded: Service, store_id: str) -> None:
    found = re.search(r"mongodb://\S+", embedded.output)
    assert found
    async with listening(embedded, store_id) as socket:
        with MongoClient[dict[str, Any]](found[0]) as client:
            client["store_api"]["stores"].insert_one({"_id": store_id, "items": {"chair": 1}})
        assert await socket.items() == {"chair": 1}


def test_a_second_service_on_the_same_data_says_so_in_one_line(
    embedded: Service, data_dir: Path, tmp_path: Path
) -> None:
    settings = {"DATA_DIR": str(data_dir), "EMBEDDED_MONGO_PORT": str(free_port())}
    with Service(tmp_path, settings) as second:
        assert second.wait() == 1
    assert second.complaints.splitlines() == [f"store_api: DATA_DIR {data_dir} is in use by another service."]
    assert embedded.readiness() == 200


async def test_after_kill_9_nothing_is_left_behind_and_all_data_is_found_again(
    embedded: Service, data_dir: Path, store_id: str
) -> None:
    async with embedded.client() as client:
        body = {"operation": "supply", "item_id": "chair", "quantity": 7}
        assert (await client.post(f"/stores/{store_id}", json=body)).status_code == 200
    everything = everything_of(embedded)
    assert int((data_dir / "db" / "mongod.lock").read_text()) in everything
    assert set(embedded.worker_pids()) < everything
    embedded.tell(signal.SIGKILL)
    assert embedded.wait() == -signal.SIGKILL
    wait_until(lambda: are_gone(everything), "everything has ended")
    embedded.start()
    embedded.wait_until_ready()
    async with embedded.client() as client:
        assert read_report((await client.get(f"/stores/{store_id}")).content).items == {"chair": 7}


def test_told_to_end_it_takes_its_mongodb_along(embedded: Service, data_dir: Path) -> None:
    everything = everything_of(embedded)
    assert embedded.stop() == 0
    wait_until(lambda: are_gone(everything), "everything has ended")
    assert (data_dir / "db" / "mongod.lock").read_text() == ""
    assert msgspec.json.decode(embedded.complaints.splitlines()[-1])["action"] == "stopped"
