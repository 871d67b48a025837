"""The primary hangs, or its packets vanish, and no connection breaks: every answer is definite, and soon."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.callers import told
from tests.faults.calls import Calls, calls_of
from tests.faults.scene import World, world_of
from tests.support.mongod import ReplicaSetOfThree, wait_until
from tests.support.network import HERE, NO_NAMESPACES, Network, network_of

DEFINITE = {"applied", "not applied"}


def assert_definite(calls: Calls, what: str, healed_at: float | None = None) -> None:
    """Assert that all were told in time what became of what they asked for, and that it is the truth."""
    assert calls.late(what, healed_at) == []
    assert told(calls.callers, calls.silent_at).keys() <= DEFINITE
    assert calls.contradictions() == []


@pytest.fixture(scope="module")
def found() -> Iterator[Network | None]:
    with network_of(3) as network:
        yield network


@pytest.fixture
def network(found: Network | None) -> Network:
    """The network that the members are in."""
    if found is None:
        pytest.skip(NO_NAMESPACES)
    return found


@pytest.fixture(scope="module")
def world(found: Network | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        ReplicaSetOfThree(network=found) as members,
        world_of(members, tmp_path_factory.mktemp("service")) as world,
    ):
        yield world


async def test_when_the_primary_hangs(world: World) -> None:
    silent = world.members.primary()
    async with calls_of(world) as calls:
        world.members.freeze(silent)
        try:
            await asyncio.to_thread(world.members.primary, 30.0)
            await calls.go_on()
        finally:
            world.members.thaw(silent)
        # Now it hears what it was sent before.
        await asyncio.to_thread(world.members.wait_until_whole)
        await calls.go_on()
    assert_definite(calls, "hangs")


async def test_when_packets_of_the_primary_vanish(world: World, network: Network) -> None:
    members = world.members
    silent = members.primary()
    async with calls_of(world) as calls:
        network.cut(silent + 1)
        try:
            await asyncio.to_thread(wait_until, lambda: members.primary() != silent, "another one", 30.0)
            await calls.go_on()
        finally:
            network.heal()
        await asyncio.to_thread(members.wait_until_whole)
        await calls.go_on()
    assert_definite(calls, "cut off from everybody")


@pytest.mark.parametrize("cut", [Network.cut, Network.mute], ids=["cut", "mute"])
async def test_when_packets_between_the_service_and_the_primary_vanish(
    world: World, network: Network, cut: Callable[..., None]
) -> None:
    """Nobody elects another one, and the service can only wait until it hears of this one again."""
    silent = world.members.primary()
    async with calls_of(world) as calls:
        cut(network, silent + 1, HERE)
        try:
            await asyncio.to_thread(wait_until, lambda: world.service.readiness() == 503, "not ready", 30.0)
        finally:
            network.heal()
            healed_at = time.monotonic()
        await calls.go_on()
    assert world.members.primary() == silent
    assert_definite(
        calls, f"{cut.__name__} from the service alone, until {healed_at - calls.silent_at:.2f} s", healed_at
    )
