"""A program that is told to stop while it still begins ends at once, as process 1 of a container, too."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import ROOT, Service, children_of, environment, needs_proc
from tests.support.unwatched import unwatched

SECONDS = 5.0
"""On a machine that does much else; a twentieth of it is usual."""

INIT = str(ROOT / "mongo-replica-init")
TOLD = re.compile(r"mongo-replica-init: told to stop \(SIG(TERM|INT)\); run it again\n")
CASES = {
    "service": (("-m", "store_api"), 0),
    "tokens": (("-m", "store_api", "tokens", "list"), 143),
    "bot": (("-m", "bot"), 0),
    "bot --once": (("-m", "bot", "--once"), 143),
    "bot --dry-run": (("-m", "bot", "--dry-run", "out"), 143),
    "init": ((INIT,), 143),
}
"""How each program is called, and its exit code when SIGTERM came before it was done."""

pytestmark = needs_proc


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where somebody listens and never answers: the worst that a program may wait for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def settings_for(silent: str) -> dict[str, str]:
    return {
        "MONGO_URL": f"mongodb://{silent}/?replicaSet=rs0",
        "MONGO_HOSTS": silent,
        "PORT": str(free_port()),
        "BOT_TOKEN": "123456:ABCDEFGH",
        "SPECIAL_USER": "1",
        "TELEGRAM_API": f"http://{silent}",
    }


def takes(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    return is_in("SigCgt", pid, number)


def is_in(mask: str, pid: int, number: signal.Signals) -> bool:
    """Whether a signal is in one of the masks that the kernel keeps of a process."""
    bits = re.search(rf"^{mask}:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bits is not None and bool(int(bits[1], 16) >> (number - 1) & 1)


def start(folder: Path, settings: dict[str, str], *command: str) -> "subprocess.Popen[bytes]":
    """Start a program without coverage, which would take SIGTERM before any line of ours."""
    with (folder / "stderr").open("wb") as errors:
        return subprocess.Popen(
            begun(*command),
            cwd=folder,
            env=unwatched(environment(settings)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


@pytest.mark.parametrize("after", [0.0, 0.3, 1.5], ids="told after {} s".format)
@pytest.mark.parametrize("program", CASES)
def test_it_ends_at_once_and_without_a_word_of_pythons(
    tmp_path: Path, silent: str, program: str, after: float
) -> None:
    arguments, exit_code = CASES[program]
    for number, wanted in ((signal.SIGTERM, {exit_code}), (signal.SIGINT, {130, exit_code})):
        process = start(tmp_path, settings_for(silent), sys.executable, *arguments)
        try:
            wait_until(lambda pid=process.pid: takes(pid, signal.SIGTERM), "it can be told", 10.0)  # type: ignore[misc]
            time.sleep(after)
            process.send_signal(number)
            assert process.wait(SECONDS) in wanted
        finally:
            process.kill()
            process.wait()
        said = (tmp_path / "stderr").read_text()
        assert "Traceback" not in said
        assert "KeyboardInterrupt" not in said
        if program == "init":
            assert TOLD.search(said)


@pytest.mark.parametrize("program", CASES)
def test_it_ends_at_once_as_process_1_of_a_container(tmp_path: Path, silent: str, program: str) -> None:
    unshare = ("unshare", "--pid", "--fork", "--kill-child")
    if not shutil.which("unshare") or subprocess.run(begun(*unshare, "true"), capture_output=True).returncode:
        pytest.skip("it takes a right that this user lacks to be process 1")
    arguments, exit_code = CASES[program]
    outer = start(tmp_path, settings_for(silent), *unshare, sys.executable, *arguments)
    try:
        wait_until(lambda: len(children_of(outer.pid)) == 1, "it runs", 10.0)
        (inner,) = children_of(outer.pid)
        wait_until(lambda: takes(inner, signal.SIGTERM), "it can be told", 10.0)
        os.kill(inner, signal.SIGTERM)
        assert outer.wait(SECONDS) == exit_code
    finally:
        outer.kill()
        outer.wait()


def test_ctrl_c_while_the_workers_begin_leaves_no_trace(tmp_path: Path, silent: str) -> None:
    with Service(tmp_path, {**settings_for(silent), "WORKERS": "2"}) as service:
        wait_until(lambda: len(service.worker_pids()) == 2, "its workers begin", 20.0)
        # Python's own handler would show where it was; it is in place before any line of ours runs.
        assert all(is_in("SigBlk", pid, signal.SIGINT) for pid in service.worker_pids())
        service.tell(signal.SIGINT, group=True)
        assert service.wait() == 0
        assert "Traceback" not in service.complaints
        assert "KeyboardInterrupt" not in service.complaints
