"""The primary hangs, or its packets vanish, and no connection breaks: every answer is definite, and soon.

The same with elections as they are deployed, and more of it: `make vanish-check`.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.scene import World
from tests.faults.vanishing import (
    nobody_takes_over,
    the_primary_hangs,
    the_primary_is_cut_off_from_everybody,
    the_primary_is_cut_off_from_the_members,
    vanishing_world,
)
from tests.support.elections import ELECTION_SECONDS
from tests.support.network import HERE, NO_NAMESPACES, Network, network_of


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
    with vanishing_world(found, tmp_path_factory.mktemp("service"), ELECTION_SECONDS) as world:
        yield world


async def test_when_the_primary_hangs(world: World) -> None:
    await the_primary_hangs(world)


async def test_when_packets_of_the_primary_vanish(world: World, network: Network) -> None:
    await the_primary_is_cut_off_from_everybody(world, network)


async def test_when_packets_between_the_members_and_the_primary_vanish(
    world: World, network: Network
) -> None:
    """What the service writes at a primary that none of the others hears is none of theirs."""
    await the_primary_is_cut_off_from_the_members(world, network)


@pytest.mark.parametrize("cut", [Network.cut, Network.mute], ids=["cut", "mute"])
async def test_when_packets_between_the_service_and_the_primary_vanish(
    world: World, network: Network, cut: Callable[..., None]
) -> None:
    """Nobody elects another one, and the service can only wait until it hears of this one again."""
    await nobody_takes_over(
        world,
        f"{cut.__name__} from the service alone",
        lambda silent: cut(network, silent + 1, HERE),
        lambda _: network.heal(),
    )
