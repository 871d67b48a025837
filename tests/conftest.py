"""What all tests share: a real MongoDB for the session, and a database of its own for each test."""

import gc
import os
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from pymongo import MongoClient

from store_api.storage.clients import Client, connect, connect_sender
from tests.support import open_files
from tests.support.mongod import replica_set_of_one
from tests.support.network import NO_NAMESPACES
from tests.support.prometheus import NO_PROMETHEUS
from tests.support.unwatched import nobody_watches

# Wherever the tests are started from, what Hypothesis remembers stays with them.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis"))
open_files.allow_many()
# How long one example takes says how busy the machine is. Every test has a time limit of its own.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

TESTS = Path(__file__).parent
UNWATCHED = ("browser", "faults", "house", "load", "monitoring", "proxies", "replica_init", "simulation")
"""Folders that drive whole programs for long, simulate, or only read: coverage learns nothing new there."""

NO_PROXIES = "NO PROXIES: nginx, HAProxy and Caddy were not tested; install Debian's packages of these names"
NO_BROWSER = "NO BROWSER: the dashboard was not tested; install Debian's package chromium-headless-shell"


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    """The URL of a replica set: TEST_MONGO_URL, else an embedded MongoDB that lives for the session."""
    given = os.environ.get("TEST_MONGO_URL")
    if given:
        yield given
        return
    with replica_set_of_one() as url:
        yield url


@pytest.fixture
def database_name(mongo_url: str) -> Iterator[str]:
    """The name of a database that is this test's alone, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture(scope="session")
def other_program(mongo_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A plain client, which knows nothing of the service."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        yield client


@pytest.fixture(scope="session")
async def client(mongo_url: str) -> AsyncIterator[Client]:
    """The service's own client, connected."""
    client = connect(mongo_url)
    await client.admin.command("ping")
    yield client
    client.close()


def pytest_sessionstart() -> None:
    """Do not begin where the tests cannot go on."""
    open_files.require_enough()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import all tests, and what they need, without anybody who looks on: each worker takes seconds for it.

    Coverage sees what is run as modules are imported in the programs that the tests start. And what is there
    when all are imported stays: the garbage collector need not look through it ever again.
    """
    gc.disable()
    try:
        with nobody_watches():
            return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage look away from whole folders, and where a test is marked so."""
    folder = item.path.relative_to(TESTS).parts[0]
    looks_away = folder in UNWATCHED or item.get_closest_marker("unwatched")
    with nobody_watches() if looks_away else nullcontext():
        return (yield)


@pytest.fixture(scope="session")
def sender_client(mongo_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """The service's own client for guarded writes."""
    with connect_sender(mongo_url) as client:
        yield client


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, at the very end, what was skipped because this machine lacks something."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for lack in (NO_BROWSER, NO_NAMESPACES, NO_PROMETHEUS, NO_PROXIES):
        if any(lack in reason for reason in skipped):
            terminalreporter.write_sep("!", lack, red=True, bold=True)
