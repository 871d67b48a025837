"""The programs that take part: started once, each with a MongoDB of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.scenes import fill
from bench.tokens import make_tokens
from store_api.embedded import EmbeddedMongo

MODULES = {
    "ceiling": "bench.peers.bare_sanic",
    "store_api": "store_api",
    "no_ledger": "store_api",
    "one_token": "store_api",
    "many_tokens": "store_api",
    "direct": "bench.peers.direct",
    "unwatched": "bench.peers.unwatched",
    "fastapi_motor": "bench.peers.fastapi_motor",
    "fastapi_models": "bench.peers.fastapi_models",
}
TOKENS = {"one_token": 1, "many_tokens": 10_000}
"""Who asks each caller for a token, and how many there are."""

SETTINGS = {"no_ledger": {"LEDGER": "off"}}
"""What contestants are told beside where they are."""

START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A contestant as it is asked.

    Args:
        url: where it is.
        token: what it wants to be sent; empty where it asks nobody who they are.
    """

    url: str
    token: str = ""


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
) -> Iterator[dict[str, Asked]]:
    """Run several contestants, and give how each is asked.

    Each has a MongoDB of its own, with the same stores: a change stream reads whatever is written to its
    mongod, so that on a common one all would pay for everybody who watches.
    """
    with ExitStack() as stack:
        asked = {}
        for number, name in enumerate(names):
            mongo = stack.enter_context(EmbeddedMongo(folder / name, first_mongo_port + number))
            settings = {"MONGO_URL": mongo.url, "MONGO_DB": "bench", **SETTINGS.get(name, {})}
            with MongoClient[dict[str, Any]](mongo.url) as client:
                fill(client[settings["MONGO_DB"]])
                token = ""
                if name in TOKENS:
                    token = make_tokens(client[settings["MONGO_DB"]], TOKENS[name])
                    settings["AUTH"] = "tokens"
            port = first_port + number
            stack.enter_context(running(name, port, settings))
            asked[name] = Asked(f"http://127.0.0.1:{port}", token)
        yield asked


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
