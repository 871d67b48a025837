"""An embedded mongod that ends is started again, for ever, and can be stopped at any moment of it."""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from store_api.embedded import EmbeddedMongo, KeptRunning
from store_api.embedded.guarded_process import MongodProcess
from tests.integration.test_embedded import (
    are_gone,
    children_of,
    mongods_pid,
    needs_proc,
    read_stock,
    write_stock,
)
from tests.support.mongod import found_mongod, free_port, wait_until
from tests.support.programs import begun
from tests.support.service import command_line

pytestmark = needs_proc

PROGRAM = """#!/bin/sh
case "$(cat {mood})" in
    refuses) exit 14 ;;
    hangs) exec sleep 1000 ;;
    *) exec {mongod} "$@" ;;
esac
"""
PAUSES = (0.0, 0.05, 0.1)

Logged = Callable[[str], list[logging.LogRecord]]


@dataclass(frozen=True, slots=True)
class Moody:
    """An embedded MongoDB whose mongod starts, or does not, as a test says."""

    folder: Path
    mongo: EmbeddedMongo

    @classmethod
    def within(cls, folder: Path) -> "Moody":
        """Make one that starts."""
        program = folder / "mongod"
        program.write_text(PROGRAM.format(mood=folder / "mood", mongod=found_mongod()))
        program.chmod(0o755)
        moody = cls(folder, EmbeddedMongo(folder / "data", free_port(), program))
        moody.now("starts")
        return moody

    @property
    def data(self) -> Path:
        """What mongod keeps."""
        return self.folder / "data" / "db"

    def now(self, mood: str) -> None:
        """Choose what the next start does."""
        (self.folder / "mood").write_text(mood)

    def hit(self, number: int = signal.SIGKILL) -> int:
        """Send mongod a signal, and give its process id."""
        victim = mongods_pid(self.folder / "data")
        os.kill(victim, number)
        return victim


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moody]:
    """One that is kept running."""
    moody = Moody.within(tmp_path_factory.mktemp("moody"))
    with KeptRunning(moody.mongo, PAUSES):
        write_stock(moody.mongo.url, 7)
        yield moody


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """Gives the log lines so far of an action."""
    with caplog.at_level(logging.INFO):
        yield lambda action: [line for line in caplog.records if getattr(line, "action", "") == action]


@pytest.mark.parametrize(
    ("number", "how"), [(signal.SIGKILL, "signal 9 (Killed)"), (signal.SIGTERM, "exit code 0")]
)
def test_however_it_ends_it_is_back_on_the_same_port_with_all_that_was_acknowledged(
    kept: Moody, logged: Logged, number: int, how: str
) -> None:
    children = children_of(os.getpid())
    write_stock(kept.mongo.url, number)
    kept.hit(number)
    wait_until(lambda: bool(logged("mongod_back")), "it is back")
    assert read_stock(kept.mongo.url) == number
    write_stock(kept.mongo.url, 7)
    assert [vars(line)["ended_with"] for line in logged("mongod_died")] == [how]
    # Another mongod and another guard, and nothing of those before.
    assert len(children_of(os.getpid())) == len(children)


def test_one_that_does_not_start_is_tried_again_and_told_each_time(kept: Moody, logged: Logged) -> None:
    kept.now("refuses")
    kept.hit()
    wait_until(lambda: len(logged("mongod_not_back")) >= 3, "three were in vain")
    kept.now("starts")
    wait_until(lambda: bool(logged("mongod_back")), "it is back")
    assert read_stock(kept.mongo.url) == 7
    told = logged("mongod_not_back")
    # It had died before, a moment ago: the pauses are still the longest.
    assert {vars(line)["next_start_in"] for line in told} <= set(PAUSES[1:])
    said = f"mongod ended with exit code 14 while it started; its log: {kept.folder}/data/mongod.log"
    assert {line.getMessage() for line in told} == {said}


@pytest.mark.parametrize("emptied", [False, True])
def test_data_that_is_gone_is_not_replaced_by_an_empty_database(
    kept: Moody, logged: Logged, emptied: bool
) -> None:
    victim = mongods_pid(kept.folder / "data")
    kept.data.rename(kept.folder / "elsewhere")
    if emptied:
        kept.data.mkdir()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(logged("mongod_not_back")) >= 2, "two were in vain")
    assert kept.data.exists() is emptied
    assert not emptied or not list(kept.data.iterdir())
    assert "is gone" in logged("mongod_not_back")[-1].getMessage()
    if emptied:
        kept.data.rmdir()
    (kept.folder / "elsewhere").rename(kept.data)
    wait_until(lambda: bool(logged("mongod_back")), "it is back")
    assert read_stock(kept.mongo.url) == 7


@pytest.mark.parametrize("mood", ["refuses", "hangs"])
def test_it_can_be_stopped_while_it_is_being_started_again(tmp_path: Path, logged: Logged, mood: str) -> None:
    before = children_of(os.getpid())
    moody = Moody.within(tmp_path)
    with KeptRunning(moody.mongo, (0.0, 0.01, 1000.0)):
        moody.now(mood)
        victim = moody.hit()
        if mood == "hangs":
            wait_until(lambda: len(children_of(os.getpid()) - before - {victim}) == 2, "another is there")
        else:
            wait_until(lambda: len(logged("mongod_not_back")) == 2, "it waits for long")
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert children_of(os.getpid()) == before


def test_the_pauses_grow_to_the_last_one(tmp_path: Path, logged: Logged) -> None:
    moody = Moody.within(tmp_path)
    with KeptRunning(moody.mongo, PAUSES):
        moody.now("refuses")
        moody.hit()
        wait_until(lambda: len(logged("mongod_not_back")) >= 3, "three were in vain")
    assert [vars(line)["next_start_in"] for line in logged("mongod_not_back")[:3]] == [0.05, 0.1, 0.1]


def test_a_mongod_that_hangs_is_ended_by_force(tmp_path: Path) -> None:
    before = children_of(os.getpid())
    deaf = ["sh", "-c", "trap '' TERM; exec sleep 1000"]
    process = MongodProcess(deaf, tmp_path / "log", stop_seconds=0.1)
    wait_until(lambda: command_line(process.pid).startswith(b"sleep"), "it runs, and hears no SIGTERM")
    assert process.stop() == -signal.SIGKILL
    assert are_gone({process.pid})
    assert children_of(os.getpid()) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk on which an embedded MongoDB has just room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=340m", "tmpfs", str(disk)]
    if subprocess.run(begun(*command), capture_output=True).returncode:
        pytest.skip("needs root, to mount a small disk")
    yield disk
    subprocess.run(begun("umount", disk), check=True)


def test_a_full_disk_is_named_and_once_there_is_room_it_is_back(small_disk: Path, logged: Logged) -> None:
    data = small_disk / "data"
    with KeptRunning(EmbeddedMongo(data, port := free_port(), found_mongod()), PAUSES):
        url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        write_stock(url, 7)
        os.kill(mongods_pid(data), signal.SIGKILL)
        with suppress(OSError), (small_disk / "filling").open("wb") as filling:
            while True:
                filling.write(bytes(10**6))
        wait_until(lambda: bool(logged("mongod_not_back")), "it was in vain")
        said = rf"The disk of DATA_DIR {data} has only \d+ MB left; mongod's log: {data}/mongod\.log"
        assert re.fullmatch(said, logged("mongod_not_back")[0].getMessage())
        (small_disk / "filling").unlink()
        wait_until(lambda: bool(logged("mongod_back")), "it is back")
        assert read_stock(url) == 7
        os.kill(mongods_pid(data), signal.SIGKILL)
