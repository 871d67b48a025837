"""The service in this process, through sanic-testing, and what its answers must look like."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, cast
from uuid import uuid4

from pymongo import MongoClient
from sanic import Sanic
from sanic_testing.reusable import ReusableClient

from store_api.service import create_app
from store_api.settings import Settings
from tests.support.mongod import free_port, wait_until

JSON = {"Content-Type": "application/json"}
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class Api:
    """The service in this process, and its stores as another program sees them."""

    def __init__(self, client: Any, stores: Any) -> None:
        self._client = client
        self.stores = stores

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] = JSON,
        raw: bytes | None = None,
        seconds: float = 5.0,
        *,
        follows: bool = True,
    ) -> Any:
        """Send one request; a body is sent as JSON, `raw` as it is. Its answer may take so many seconds.

        Where the service sends on to another address, that one is asked, if it `follows`.
        """
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        with_body = {} if content is None else {"content": content}
        # The request that Sanic saw is not asked for: gathering it costs a middleware more each time.
        _, response = getattr(self._client, method)(
            path,
            gather_request=False,
            headers=dict(headers),
            timeout=seconds,
            follow_redirects=follows,
            **with_body,
        )
        # What one test is given to keep must not speak for the next one.
        self._client._session.cookies.clear()
        return response

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds that calls make true; `what` names it.

        Raises:
            TimeoutError: it did not in time.
        """
        wait_until(condition, what)


@contextmanager
def served_in_process(mongo_url: str, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Api]:
    """Serve a database of its own, until the block ends.

    Args:
        mongo_url: where MongoDB is.
        settings: more of them.
    """
    Sanic.test_mode = True
    database = f"test_{uuid4().hex}"
    told = {"MONGO_URL": mongo_url, "MONGO_DB": database, "LEDGER": "off", **settings}
    app = create_app(Settings.read(told))
    # Sanic rewrites its own methods when an app starts, which it can do but once in a process.
    app.config.TOUCHUP = False
    loop = asyncio.new_event_loop()
    with MongoClient[dict[str, Any]](mongo_url) as mongo:
        client = ReusableClient(app, port=free_port(), loop=loop)
        client.run()
        try:
            api = Api(client, mongo[database]["stores"])
            wait_until(lambda: api.call("get", "/health/ready").status == 200, "the service is ready")
            yield api
        finally:
            client.stop()
            loop.close()
            mongo.drop_database(database)


def report(response: Any) -> dict[str, int]:
    """Give the quantities of the report that was answered, in its order."""
    return {line["item_id"]: line["quantity"] for line in response.json["store"]["report"]}


def check_problem(response: Any, status: int, kind: str, path: str) -> dict[str, Any]:
    """Make sure that the answer is a problem document of this kind about this path, and give it."""
    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = cast("dict[str, Any]", response.json)
    assert problem["type"] == kind
    assert problem["status"] == status
    assert problem["instance"] == path
    assert problem["title"]
    assert problem["detail"]
    return problem
