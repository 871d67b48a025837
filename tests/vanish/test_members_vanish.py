"""Members whose packets vanish, with elections as they are deployed; some of it takes a minute."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.scene import World
from tests.faults.vanishing import (
    another_takes_over,
    nobody_takes_over,
    nothing_happens,
    the_primary_hangs,
    the_primary_is_cut_off_from_everybody,
    the_primary_is_cut_off_from_the_members,
    vanishing_world,
)
from tests.support.network import HERE, Network

DEPLOYED_SECONDS = 5.0
"""`ELECTION_MILLISECONDS` of mongo-replica-init."""

HELD_UP_SECONDS = DEPLOYED_SECONDS + 2.0
"""How long a request may take while a member is late or hangs from which another copies."""


@pytest.fixture(scope="module")
def world(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with vanishing_world(network, tmp_path_factory.mktemp("service"), DEPLOYED_SECONDS) as world:
        yield world


async def test_the_primary_hangs(world: World) -> None:
    await the_primary_hangs(world)


async def test_the_primary_is_cut_off_from_everybody(world: World, network: Network) -> None:
    await the_primary_is_cut_off_from_everybody(world, network)


async def test_the_primary_is_cut_off_from_the_members_alone(world: World, network: Network) -> None:
    await the_primary_is_cut_off_from_the_members(world, network)


async def test_the_primary_is_killed(world: World) -> None:
    await another_takes_over(world, "killed", world.members.kill, world.members.start)


async def test_the_primary_is_cut_off_from_the_service_for_12_seconds(world: World, network: Network) -> None:
    await nobody_takes_over(
        world,
        "cut off from the service alone",
        lambda silent: network.cut(silent + 1, HERE),
        lambda _: network.heal(),
        12.0,
    )


async def test_a_primary_that_stands_still_for_a_moment_stays(world: World) -> None:
    """Well within the time-out of an election: nobody gives it up, and nothing is answered wrongly."""
    await nothing_happens(world, "stands still for 2.5 s", world.members.freeze, world.members.thaw, 2.5)


@pytest.mark.parametrize("share", [0.05, 0.15, 0.3], ids="{:.0%} lost".format)
async def test_packets_of_the_primary_are_lost_at_random(
    world: World, network: Network, share: float
) -> None:
    await nothing_happens(
        world,
        f"{share:.0%} of its packets lost, both ways",
        lambda primary: network.lose(primary + 1, share),
        lambda primary: network.lose_nothing(primary + 1),
        10.0,
    )


@pytest.mark.parametrize(
    ("says", "hears"), [(True, False), (False, True)], ids=["out of the primary", "into the primary"]
)
async def test_packets_of_the_primary_are_lost_one_way(
    world: World, network: Network, says: bool, hears: bool
) -> None:
    await nothing_happens(
        world,
        f"20% of the packets lost {'out of' if says else 'into'} the primary",
        lambda primary: network.lose(primary + 1, 0.2, says=says, hears=hears),
        lambda primary: network.lose_nothing(primary + 1),
        10.0,
    )


@pytest.mark.parametrize(
    ("whose", "place_of", "seconds", "says", "hears"),
    [
        ("the primary's packets, both ways,", lambda primary: primary + 1, 0.2, True, True),
        ("what the primary says", lambda primary: primary + 1, 0.2, True, False),
        ("what the primary hears", lambda primary: primary + 1, 0.2, False, True),
        ("what the service says to the members", lambda _: HERE, 0.2, True, False),
    ],
)
async def test_packets_are_late(
    world: World,
    network: Network,
    whose: str,
    place_of: Callable[[int], int],
    seconds: float,
    says: bool,
    hears: bool,
) -> None:
    await nothing_happens(
        world,
        f"{whose} late by {seconds} s",
        lambda primary: network.delay(place_of(primary), seconds, says=says, hears=hears),
        lambda primary: network.delay_nothing(place_of(primary)),
        10.0,
    )


@pytest.mark.parametrize("late", [True, False], ids=["late", "hangs"])
async def test_a_secondary_that_others_copy_from_holds_nobody_up_for_long(
    world: World, network: Network, late: bool
) -> None:
    """The other one copies from it, as members do by chance: a majority waits until it gives it up."""
    primary = world.members.primary()
    slow, other = (primary + 1) % 3, (primary + 2) % 3
    with world.member(other) as mongo:
        address = f"{world.members.addresses[slow]}:{world.members.ports[slow]}"
        mongo.admin.command("replSetSyncFrom", address)
    longest = await nothing_happens(
        world,
        "a secondary's packets, both ways, late by 0.4 s" if late else "a secondary hangs",
        lambda _: network.delay(slow + 1, 0.4) if late else world.members.freeze(slow),
        lambda _: network.delay_nothing(slow + 1) if late else world.members.thaw(slow),
        6.0,
    )
    assert longest < HELD_UP_SECONDS
