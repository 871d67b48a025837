"""A dashboard whose packets vanish for a while: its socket heals, and what it shows is true again at once."""

import asyncio
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from tests.support.listening import Report, Socket
from tests.support.network import Network
from tests.support.service import Service, new_store_id

CUT_SECONDS = 15
"""Linux by itself would then be silent for up to 15 s more."""

HEALED_SECONDS = 5.0


@pytest.fixture(scope="module")
def service(network: Network, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"MONGO_URL": mongo_url, "HOST": "0.0.0.0", "AUTH": "off"}  # noqa: S104  (a network of ours)
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service


async def test_a_socket_that_was_cut_off_shows_the_truth_soon(service: Service, network: Network) -> None:
    store_id, supply = new_store_id(), {"operation": "supply", "item_id": "chair", "quantity": 1}
    plug = await asyncio.to_thread(network.connected, 1, (network.addresses[0], service.port))
    url = f"ws://{network.addresses[0]}:{service.port}/ws/stores/{store_id}"
    async with (
        connect(url, sock=plug, proxy=None, ping_interval=None) as connection,
        service.client() as http,
    ):
        socket = Socket(connection)
        await http.post(f"/stores/{store_id}", json=supply)
        assert await socket.items() == {"chair": 1}
        network.cut(1)
        try:
            for _ in range(CUT_SECONDS):
                await http.post(f"/stores/{store_id}", json=supply)
                await asyncio.sleep(1.0)
        finally:
            network.heal()
        async with asyncio.timeout(HEALED_SECONDS):
            await socket.until(Report(store_id, {"chair": 1 + CUT_SECONDS}))
