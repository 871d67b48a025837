import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

from store_api.embedded import EmbeddedMongo
from store_api.errors import EmbeddedMongoError
from tests.support.mongod import found_mongod, free_port, wait_until
from tests.support.programs import begun

SERVICE = """
import signal, sys
from pathlib import Path
from store_api.embedded.mongo import EmbeddedMongo

with EmbeddedMongo(Path(sys.argv[1]), int(sys.argv[2])) as mongo:
    print(mongo.url, flush=True)
    signal.pause()
"""
ROOT = Path(__file__).parents[2]

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")


def embedded(data_dir: Path, port: int | None = None, *extra: str) -> EmbeddedMongo:
    return EmbeddedMongo(data_dir, port or free_port(), found_mongod(), extra=extra)


def write_stock(url: str, quantity: int) -> None:
    with MongoClient[dict[str, Any]](url, w="majority", journal=True) as client:
        stores = client["store_api"]["stores"]
        stores.update_one({"_id": "north"}, {"$set": {"items.chair": quantity}}, upsert=True)


def read_stock(url: str) -> int:
    with MongoClient[dict[str, Any]](url) as client:
        store = client["store_api"]["stores"].find_one({"_id": "north"})
    assert store is not None
    quantity: int = store["items"]["chair"]
    return quantity


def mongods_pid(data_dir: Path) -> int:
    return int((data_dir / "db" / "mongod.lock").read_text())


def ended_cleanly(data_dir: Path) -> bool:
    # mongod empties the file as the last thing of a clean shutdown.
    return (data_dir / "db" / "mongod.lock").read_text() == ""


def cut_power(mongo: EmbeddedMongo, data_dir: Path) -> None:
    """End mongod alone with SIGKILL, then stop: quicker than a clean shutdown's second."""
    os.kill(mongods_pid(data_dir), signal.SIGKILL)
    mongo.stop()


def running_processes() -> Iterator[tuple[int, int]]:
    """Every process that is not a zombie: its id and its parent's."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            yield int(folder.name), int(parent)


def children_of(pid: int) -> set[int]:
    return {child for child, parent in running_processes() if parent == pid}


def are_gone(pids: set[int]) -> bool:
    return pids.isdisjoint(pid for pid, _ in running_processes())


def refusal(mongo: EmbeddedMongo) -> str:
    """The one line with which it says that it cannot start."""
    with pytest.raises(EmbeddedMongoError) as refused, mongo:
        pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


@needs_proc
def test_after_a_clean_stop_no_process_is_left_and_the_data_is_found_again_on_another_port(
    tmp_path: Path,
) -> None:
    before = children_of(os.getpid())
    first = embedded(tmp_path)
    first.stop()
    first.start()
    write_stock(first.url, 7)
    started = children_of(os.getpid()) - before
    assert len(started) == 2
    first.stop()
    first.stop()
    assert are_gone(started)
    assert ended_cleanly(tmp_path)

    second = embedded(tmp_path)
    second.start()
    assert second.url != first.url
    assert read_stock(second.url) == 7
    write_stock(second.url, 8)
    cut_power(second, tmp_path)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_service_leaves_no_process_and_its_next_start_finds_the_data(
    tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    # A group of its own stands for a terminal's: Ctrl-C goes to the whole group.
    with subprocess.Popen(
        begun(sys.executable, "-c", SERVICE, tmp_path, str(port)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as service:
        assert service.stdout is not None
        write_stock(service.stdout.readline().strip(), 7)
        children = children_of(service.pid)
        assert mongods_pid(tmp_path) in children
        assert len(children) == 2
        os.killpg(service.pid, number)

    again = embedded(tmp_path, port)
    again.start()
    wait_until(lambda: are_gone(children), "mongod and its guard are gone")
    assert '"exitCode":0' in (tmp_path / "mongod.log").read_text(), "the first mongod ended cleanly"
    assert read_stock(again.url) == 7
    cut_power(again, tmp_path)


@needs_proc
def test_when_mongod_is_killed_no_guard_is_left_and_the_next_start_finds_the_data(tmp_path: Path) -> None:
    before = children_of(os.getpid())
    mongo = embedded(tmp_path)
    mongo.start()
    write_stock(mongo.url, 7)
    cut_power(mongo, tmp_path)
    assert children_of(os.getpid()) == before
    mongo.start()
    assert read_stock(mongo.url) == 7
    cut_power(mongo, tmp_path)


def test_a_second_service_on_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first = embedded(tmp_path)
    first.start()
    assert refusal(embedded(tmp_path)) == f"DATA_DIR {tmp_path} is in use by another service."
    write_stock(first.url, 7)
    cut_power(first, tmp_path)


def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refusal(embedded(tmp_path, port)).startswith(f"Port {port} is taken by another program;")


def test_another_mongod_on_the_port_is_left_alone(tmp_path: Path, mongo_url: str) -> None:
    port = parse_uri(mongo_url)["nodelist"][0][1]
    with MongoClient[dict[str, Any]](mongo_url) as other:
        config = other["local"]["system.replset"].find_one()
        assert refusal(embedded(tmp_path, port)).startswith(f"Port {port} is taken by another program;")
        assert other["local"]["system.replset"].find_one() == config


def test_a_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert refusal(embedded(file)) == f"DATA_DIR {file} is not a folder."


def test_a_data_dir_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    assert refusal(embedded(folder)) == f"DATA_DIR {folder} cannot be used: Not a directory: {folder}."


def test_a_mongod_that_ends_at_once_is_told_with_its_exit_code_and_log(tmp_path: Path) -> None:
    log = tmp_path / "mongod.log"
    assert refusal(embedded(tmp_path, None, "--nonsense")) == (
        f"mongod ended with exit code 2 while it started; its log: {log}"
    )
    assert "nonsense" in log.read_text()


def test_it_listens_on_the_loopback_alone_without_zlib_and_writes_its_journal_soon(mongo_url: str) -> None:
    with MongoClient[dict[str, Any]](mongo_url) as client:
        options = client.admin.command("getCmdLineOpts")["parsed"]
    assert options["net"]["bindIp"] == "127.0.0.1"
    assert options["net"]["compression"]["compressors"] == "snappy,zstd"
    assert options["storage"]["journal"]["commitIntervalMs"] == 2
