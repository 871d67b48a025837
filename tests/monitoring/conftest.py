"""A service of two workers behind tokens, and two real Prometheus: each asks a worker of its own."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from websockets.asyncio.client import connect

from tests.support.listening import served_by
from tests.support.mongod import wait_until
from tests.support.prometheus import Prometheus, prometheus, shown_configuration
from tests.support.relay import relay_to
from tests.support.service import Service, needs_proc
from tests.support.tokens import bearer, let_in, tokens_in

SUPPLIES, SHORT, CLEANS, AGAIN, REFUSED = 60, 7, 3, 2, 5

pytestmark = needs_proc


@dataclass(frozen=True, slots=True)
class Watched:
    """The service and who watches it.

    Args:
        service: of two workers.
        eyes: the Prometheus of the first worker, and that of the second.
        text: what the service said on /metrics, when all had been done.
    """

    service: Service
    eyes: tuple[Prometheus, Prometheus]
    text: str


@pytest.fixture(scope="package")
async def watched(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """Serve, look on, and do a bit of everything that is counted."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "WORKERS": "2"}
    settings |= {"AUTH": "tokens", "LEDGER": "on"}
    token = tmp_path_factory.mktemp("token") / "token"
    with MongoClient[dict[str, Any]](mongo_url) as mongo, ExitStack() as running:
        tokens = tokens_in(mongo[settings["MONGO_DB"]])
        token.write_text(let_in(tokens, ["metrics"]))
        service = running.enter_context(Service(tmp_path_factory.mktemp("service"), settings))
        service.wait_until_ready()
        eyes = []
        for worker in service.worker_pids():
            port = running.enter_context(relay_to(service, worker))
            configuration = shown_configuration(f"127.0.0.1:{port}", token)
            folder = tmp_path_factory.mktemp("prometheus")
            eyes.append(running.enter_context(prometheus(folder, configuration)))
        for eye in eyes:
            wait_until(partial(is_scraped, eye), "scraped")
        await do_everything(service, let_in(tokens, ["read", "supply", "demand", "clean"]))
        async with service.client() as client:
            text = (await client.get("/metrics", headers=bearer(token.read_text()))).text
        yield Watched(service, (eyes[0], eyes[1]), text)
        running.close()
        mongo.drop_database(settings["MONGO_DB"])


def is_scraped(eye: Prometheus) -> bool:
    """Whether a Prometheus has figures."""
    return eye.number("up") == 1


async def do_everything(service: Service, token: str) -> None:
    """Write, listen, be short of stock, and be refused, by way of both workers."""
    first, second = service.worker_pids()
    url = f"ws://127.0.0.1:{service.port}/ws/stores/north"
    connecting = [connect(url, proxy=None, additional_headers=bearer(token)) for _ in range(2)]
    async with (
        served_by(service, connecting[0], first) as one,
        served_by(service, connecting[1], second) as other,
    ):
        for worker in (first, second):
            async with service.client() as client:
                client.headers.update(bearer(token))
                with service.only(worker):
                    await client.get("/health/live")
                for count in range(SUPPLIES // 2):
                    body = {"operation": "supply", "item_id": f"item-{count}", "quantity": 2}
                    key = {"Idempotency-Key": f"{worker}-{count}"}
                    assert (await client.post("/stores/north", json=body, headers=key)).is_success
        for socket in (one, other):
            while (await socket.items()) != {f"item-{count}": 4 for count in range(SUPPLIES // 2)}:
                pass
    async with service.client() as client:
        for _ in range(REFUSED):
            await client.get("/stores", headers=bearer("sapi_nobody"))
        client.headers.update(bearer(token))
        for _ in range(SHORT):
            body = {"operation": "demand", "item_id": "item-0", "quantity": 5000}
            assert (await client.post("/stores/north", json=body)).status_code == 409
        for _ in range(AGAIN):
            body = {"operation": "supply", "item_id": "item-0", "quantity": 2}
            answer = await client.post("/stores/north", json=body, headers={"Idempotency-Key": f"{first}-0"})
            assert answer.headers["idempotent-replayed"] == "true"
        for _ in range(CLEANS):
            assert (await client.post("/stores/north/clean")).is_success
