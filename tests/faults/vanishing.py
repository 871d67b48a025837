"""A member falls silent and no connection breaks: what is promised then, however long an election takes."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.callers import told
from tests.faults.calls import Calls, calls_of
from tests.faults.scene import World, world_of
from tests.support.mongod import ReplicaSetOfThree, wait_until
from tests.support.network import Network

DEFINITE = {"applied", "not applied"}


@contextmanager
def vanishing_world(network: Network | None, folder: Path, election_seconds: float) -> Iterator[World]:
    """Start a service on a set whose members are in the places 1 to 3 of a network."""
    with (
        ReplicaSetOfThree(network=network, election_seconds=election_seconds) as members,
        world_of(members, folder) as world,
    ):
        yield world


def assert_definite(calls: Calls, what: str, healed_at: float | None = None) -> None:
    """Assert that all were told in time what became of what they asked for, and that it is the truth."""
    late = calls.late(what, healed_at)
    assert not late, late
    heard = told(calls.callers, calls.silent_at)
    assert heard.keys() <= DEFINITE, heard
    wrong = calls.contradictions()
    assert not wrong, wrong


async def another_takes_over(
    world: World, what: str, silence: Callable[[int], None], heal: Callable[[int], None]
) -> None:
    """Let the primary fall silent until another one is there and all is well, and then be heard again.

    Args:
        world: whose primary it is.
        what: happens.
        silence: given the primary, silences it.
        heal: undoes that.
    """
    members = world.members
    silent = members.primary()
    async with calls_of(world) as calls:
        # In a thread: the callers go on meanwhile.
        await asyncio.to_thread(silence, silent)
        calls.silent_at = time.monotonic()
        try:
            await asyncio.to_thread(wait_until, lambda: members.primary(30.0) != silent, "another one", 30.0)
            await calls.go_on()
        finally:
            await asyncio.to_thread(heal, silent)
        # Now it hears what it was sent before.
        await asyncio.to_thread(members.wait_until_whole)
        await calls.go_on()
    assert_definite(calls, what)


async def nobody_takes_over(
    world: World, what: str, silence: Callable[[int], None], heal: Callable[[int], None], seconds: float = 0.0
) -> None:
    """Let the service alone not hear the primary, until it says so and for some time more.

    Args:
        world: whose service it is.
        what: happens.
        silence: given the primary, silences it.
        heal: undoes that.
        seconds: how long at least.
    """
    silent = world.members.primary()
    async with calls_of(world) as calls:
        # In a thread: the callers go on meanwhile.
        await asyncio.to_thread(silence, silent)
        calls.silent_at = time.monotonic()
        try:
            await asyncio.to_thread(wait_until, lambda: world.service.readiness() == 503, "not ready", 30.0)
            await asyncio.sleep(max(0.0, calls.silent_at + seconds - time.monotonic()))
        finally:
            await asyncio.to_thread(heal, silent)
            healed_at = time.monotonic()
        await calls.go_on()
    assert world.members.primary() == silent
    assert_definite(calls, f"{what}, until {healed_at - calls.silent_at:.2f} s", healed_at)


async def nothing_happens(
    world: World, what: str, disturb: Callable[[int], None], calm: Callable[[int], None], seconds: float
) -> None:
    """Disturb a primary that is well: it stays the primary, and whatever takes longer is told truly.

    Args:
        world: whose primary it is.
        what: happens.
        disturb: given the primary, disturbs it.
        calm: undoes that.
        seconds: how long.
    """
    members = world.members
    primary = members.primary()
    with world.primary() as mongo:
        term = mongo.admin.command("replSetGetStatus")["term"]
    async with calls_of(world) as calls:
        await asyncio.to_thread(disturb, primary)
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.to_thread(calm, primary)
        await calls.go_on()
    with world.primary() as mongo:
        assert (members.primary(), mongo.admin.command("replSetGetStatus")["term"]) == (primary, term)
    longest = max(call.seconds for each in calls.callers for call in each.calls)
    heard = told(calls.callers, calls.silent_at)
    sys.stdout.write(f"\n{what}: the longest request took {longest:.2f} s; {dict(heard)}\n")
    assert heard.keys() <= DEFINITE, heard
    wrong = calls.contradictions()
    assert not wrong, wrong
