"""The programs that take part: started once, each with a MongoDB of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.scenes import fill
from store_api.embedded import EmbeddedMongo

MODULES = {
    "ceiling": "bench.peers.bare_sanic",
    "store_api": "store_api",
    "direct": "bench.peers.direct",
    "unwatched": "bench.peers.unwatched",
    "fastapi_motor": "bench.peers.fastapi_motor",
    "fastapi_models": "bench.peers.fastapi_models",
}
START_SECONDS = 30.0


@contextmanager
def running(name: str, port: int, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a contestant on a port until it is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", MODULES[name]],
        env={**os.environ, "PORT": str(port), **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_answer(process, port)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def all_running(
    names: list[str], folder: Path, first_port: int, first_mongo_port: int
) -> Iterator[dict[str, tuple[str, subprocess.Popen[bytes]]]]:
    """Run several contestants; gives the address and the process of each.

    Each has a MongoDB of its own, with the same stores: a change stream reads whatever is written to its
    mongod, so that on a common one all would pay for everybody who watches.
    """
    with ExitStack() as stack:
        addresses = {}
        for number, name in enumerate(names):
            mongo = stack.enter_context(EmbeddedMongo(folder / name, first_mongo_port + number))
            settings = {"MONGO_URL": mongo.url, "MONGO_DB": "bench"}
            with MongoClient[dict[str, Any]](mongo.url) as client:
                fill(client[settings["MONGO_DB"]])
            port = first_port + number
            process = stack.enter_context(running(name, port, settings))
            addresses[name] = (f"http://127.0.0.1:{port}", process)
        yield addresses


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            # A peer without this route is ready when it says so.
            if connection.getresponse().status in (200, 404, 405):
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise SystemExit(f"{process.args!r} did not answer in {START_SECONDS} s")
