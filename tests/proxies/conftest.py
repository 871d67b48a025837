"""What the tests of proxies share: one service, and each proxy before it."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.browser.conftest import browser, open_page
from tests.conftest import NO_PROXIES
from tests.end_to_end.conftest import mongo, store_id, stores
from tests.proxies.running import FILES, UNNAMED, Proxy, are_missing, running
from tests.support.service import Service
from tests.support.tokens import Documents, tokens_in

__all__ = ["browser", "mongo", "open_page", "store_id", "stores"]

PINGS_SOON = """
import sys
from functools import partial
from store_api import service
service.Sockets = partial(service.Sockets, ping_seconds=0.5)
from store_api.command_line import main
sys.exit(main(sys.argv[1:]))
"""
"""The service as it is, but that its sockets are pinged sooner: the proxies' time-outs are short as well."""


@pytest.fixture(scope="package")
def service(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that lets in whoever has a token, and knows its proxies."""
    settings = {
        "MONGO_URL": mongo_url,
        "MONGO_DB": f"test_{uuid4().hex}",
        "AUTH": "tokens",
        "LEDGER": "on",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with ExitStack() as stack:
        service = Service(tmp_path_factory.mktemp("service"), settings)
        service.command = [sys.executable, "-c", PINGS_SOON]
        stack.enter_context(service)
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)
    assert service.log("fault") == []


@pytest.fixture(scope="package")
def proxies(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Proxy]]:
    """All proxies before it. Where one is missing their tests are skipped, but not in CI."""
    if are_missing():
        if os.environ.get("CI"):
            pytest.fail(NO_PROXIES)
        pytest.skip(NO_PROXIES)
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(name, service.port, tmp_path_factory.mktemp(name)))
            for name in (*FILES, UNNAMED)
        }


@pytest.fixture
def tokens(service: Service, mongo: MongoClient[dict[str, Any]]) -> Documents:
    return tokens_in(mongo[service.database])
