"""Runs wrk, the load generator (Debian package `wrk`), and reads what it prints."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: requests a second, latencies in milliseconds, and answers that were not 2xx."""

    rate: float
    median: float
    p99: float
    refused: int
    requests: int


def require_wrk() -> None:
    """Say what is missing, if it is."""
    if shutil.which("wrk") is None:
        raise SystemExit("make bench needs wrk, the load generator: apt-get install wrk")


def run_wrk(
    url: str,
    script: Path,
    data: Path,
    *,
    connections: int,
    seconds: float,
    keyed: bool = False,
    token: str = "",
) -> Measured:
    """Load `url` for so many seconds.

    Args:
        url: the server's.
        script: a Lua file that makes the requests.
        data: a file for the script.
        connections: how many at once.
        seconds: how long; whole seconds.
        keyed: whether each request has an Idempotency-Key of its own.
        token: says with each request who asks; the script finds it in its environment.
    """
    load = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "--timeout", "20s"]
    command = ["wrk", *load, "-s", str(script), url, "--", str(data), *(["keyed"] if keyed else [])]
    environment = {**os.environ, "STORE_API_TOKEN": token}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Measured:
    """Read wrk's report.

    Raises:
        ValueError: sockets failed, so the figures mean nothing.
    """
    if (failed := re.search(r"Socket errors: .*", text)) is not None:
        raise ValueError(failed[0])
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Measured(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", text)[1]),
        median=_milliseconds(_found(r"50%\s+([\d.]+)([a-z]+)", text)),
        p99=_milliseconds(_found(r"99%\s+([\d.]+)([a-z]+)", text)),
        refused=int(refused[1]) if refused else 0,
        requests=int(_found(r"(\d+) requests in", text)[1]),
    )


def _found(pattern: str, text: str) -> re.Match[str]:
    if (found := re.search(pattern, text)) is None:
        raise ValueError(f"wrk printed no {pattern}: {text}")
    return found


def _milliseconds(found: re.Match[str]) -> float:
    return float(found[1]) * _UNITS[found[2]]
