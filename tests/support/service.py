"""The served program: started on a free port, watched through what it says, stopped, killed or halted."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import msgspec
import pytest

from bot.settings import BotSettings
from store_api.settings import Settings
from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 15.0

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP, who trust nobody: who trusts whom everybody trusts reads 140 certificates first,
20 ms each time.
"""

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")


class Service:
    """`python -m store_api` with these settings; a context manager that leaves no process behind.

    It leads a session of its own, runs in `folder` (where there is no `.env`), and is no terminal's.

    Args:
        folder: gets what the program says.
        settings: environment variables; a PORT is chosen unless there is one.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.settings = {"PORT": str(free_port()), **settings}
        self.port = int(self.settings["PORT"])
        self.workers = int(self.settings.get("WORKERS", "1"))
        self.command = [sys.executable, "-m", "store_api"]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, without waiting for anything."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def url(self) -> str:
        """Where it serves HTTP."""
        return f"http{'s' * (self.tls is not None)}://127.0.0.1:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What a client needs to trust it, as its certificate stands now; None where it speaks plain HTTP."""
        chain = self.settings.get("TLS_CERT")
        return None if chain is None else ssl.create_default_context(cafile=chain)

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.settings.get("MONGO_DB", "store_api")

    @property
    def pid(self) -> int:
        """The main process's id."""
        return self._running().pid

    @property
    def output(self) -> str:
        """What it has said on standard output so far."""
        return (self._folder / "stdout").read_text()

    @property
    def complaints(self) -> str:
        """What it has said on standard error so far."""
        return (self._folder / "stderr").read_text()

    def log(self, action: str | None = None) -> list[dict[str, Any]]:
        """Give its log lines so far, of one action or of all.

        Raises:
            msgspec.DecodeError: a line is not JSON.
        """
        lines = [msgspec.json.decode(line) for line in self.complaints.splitlines()]
        return [line for line in lines if action is None or line["action"] == action]

    def start(self) -> None:
        """Start it, or start it again; `wait_until_ready` follows."""
        with (self._folder / "stdout").open("wb") as output, (self._folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                begun(*self.command),
                cwd=self._folder,
                env=environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until every worker answers that it is ready.

        Raises:
            ChildProcessError: it ended.
            TimeoutError: it is not, in time.
        """
        wait_until(lambda: self.readiness() == 200, f"ready; it said {self.complaints}", seconds)
        if self.workers > 1:
            wait_until(lambda: len(self.worker_pids()) == self.workers, "all workers run")
            for worker in self.worker_pids():
                with self.only(worker):
                    wait_until(lambda: self.readiness() == 200, "a worker is ready", seconds)

    def readiness(self) -> int:
        """Ask `/health/ready` on a new connection; 0 when nobody answers."""
        if (exit_code := self._running().poll()) is not None:
            raise ChildProcessError(f"the service ended with {exit_code}: {self.complaints}")
        connection = self._connection()
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    def tell(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the main process, or as a terminal does, to its whole group."""
        if group:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the main process to end, and give its exit code; kill everything if it takes too long."""
        try:
            return self._running().wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._running().wait()
            raise

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, wait for that and give its exit code."""
        self.tell(number)
        return self.wait()

    def kill(self) -> None:
        """End it at once, as a power cut would (SIGKILL)."""
        self.tell(signal.SIGKILL)
        self.wait()

    def client(self) -> httpx.AsyncClient:
        """Make a general HTTP client for it."""
        return httpx.AsyncClient(base_url=self.url, timeout=20.0, trust_env=False, verify=self.tls or NO_TLS)

    # Workers, by way of /proc

    def worker_pids(self) -> list[int]:
        """List the processes that serve, where there are several."""
        return sorted(pid for pid in children_of(self.pid) if b"spawn_main" in command_line(pid))

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """Let just this worker take new connections: the others are halted meanwhile."""
        others = [pid for pid in self.worker_pids() if pid != worker]
        try:
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: all(_state(pid) == "T" for pid in others), "the other workers are halted")
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    def _connection(self) -> HTTPConnection:
        if (tls := self.tls) is None:
            return HTTPConnection("127.0.0.1", self.port, timeout=1.0)
        return HTTPSConnection("127.0.0.1", self.port, timeout=1.0, context=tls)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process


def run_python(
    folder: Path, settings: Mapping[str, str], *arguments: str, seconds: float = 30.0
) -> "subprocess.CompletedProcess[str]":
    """Run a program of ours to its end, in a folder that has no `.env`."""
    return subprocess.run(
        begun(sys.executable, *arguments),
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Give this process's environment with these settings of the service or the bot, and none but these."""
    ours = {setting.metadata["variable"] for kind in (Settings, BotSettings) for setting in fields(kind)}
    rest = {name: value for name, value in os.environ.items() if name not in ours}
    # A keeper of the ledger is a process more, which most tests have no use for.
    return {**rest, "PYTHONPATH": str(ROOT), "LEDGER": "off", **settings}


def new_store_id() -> str:
    """Make up the id of a store that nobody else uses."""
    return f"store-{uuid4().hex[:12]}"


def children_of(parent: int) -> set[int]:
    """List a process's children that run."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, its_parent = _stat(int(folder.name))
            if int(its_parent) == parent and state != "Z":
                found.add(int(folder.name))
    return found


def are_gone(pids: set[int]) -> bool:
    """Whether none of these processes runs any more."""
    return all(_state(pid) in ("Z", "X") for pid in pids)


def _stat(pid: int) -> tuple[str, str]:
    state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    return state, parent


def _state(pid: int) -> str:
    try:
        return _stat(pid)[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def command_line(pid: int) -> bytes:
    """Give a process's command line, its words parted by zero bytes; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
