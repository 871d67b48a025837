"""A member falls silent and no connection breaks: what is promised then, however long an election takes."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from tests.faults.callers import Call, told
from tests.faults.calls import SOCKET_SECONDS, Calls, calls_of
from tests.faults.scene import World, world_of
from tests.faults.watching import Follower, until
from tests.support.listening import listening
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


async def the_primary_hangs(world: World) -> None:
    """It is stopped, with its connections open, until another one has taken over."""
    await another_takes_over(world, "hangs", world.members.freeze, world.members.thaw)


async def the_primary_is_cut_off_from_everybody(world: World, network: Network) -> None:
    """All its packets vanish until another one has taken over."""
    await another_takes_over(
        world,
        "cut off from everybody",
        lambda silent: network.cut(silent + 1),
        lambda _: network.heal(),
    )


async def the_primary_is_cut_off_from_the_members(world: World, network: Network) -> None:
    """None of the others hears it until another one has taken over, and the service still writes to it."""
    await another_takes_over(
        world,
        "cut off from the members alone",
        lambda silent: network.cut(silent + 1, *({1, 2, 3} - {silent + 1})),
        lambda _: network.heal(),
    )


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
) -> float:
    """Disturb what is well: the primary stays, and what takes longer is told truly; gives how long at most.

    Args:
        world: whose primary it is.
        what: happens.
        disturb: given the primary, disturbs it.
        calm: undoes that.
        seconds: how long.

    Returns:
        Seconds that a request took meanwhile, at most, without what the machine was late by.
    """
    primary, term = world.members.primary(), _term(world)
    async with calls_of(world) as calls, listening(world.service, calls.hot) as socket:
        follower = Follower(socket, "of the hot store", frozenset({calls.hot}))
        await asyncio.to_thread(disturb, primary)
        disturbed_at = time.monotonic()
        try:
            await asyncio.sleep(seconds)
        finally:
            calm_at = time.monotonic()
            await asyncio.to_thread(calm, primary)
        true_after = await _true_after(world, follower, calls.hot)
        await calls.go_on()
        await follower.stop()
    assert (world.members.primary(), _term(world)) == (primary, term), "an election"
    how = f"a socket is true {true_after:.2f} s after it"
    all_calls = [call for each in calls.callers for call in each.calls]
    during = [call for call in all_calls if call.ended > disturbed_at and call.began < calm_at]
    sys.stdout.write(f"\n{what} for {seconds} s: {_pace(calls, during, calm_at - disturbed_at)}; {how}\n")
    heard = told(calls.callers, calls.silent_at)
    assert heard.keys() <= DEFINITE, heard
    assert true_after < SOCKET_SECONDS + calls.lateness
    wrong = calls.contradictions()
    assert not wrong, wrong
    return max(call.seconds for call in during) - calls.lateness


def _pace(calls: Calls, during: Sequence[Call], seconds: float) -> str:
    """Say how long requests took meanwhile."""
    before = [call.seconds for each in calls.callers for call in each.calls if call.ended < calls.silent_at]
    taken = [call.seconds for call in during]
    return (
        f"median {median(taken):.2f} s ({median(before):.3f} before), the longest {max(taken):.2f} s,"
        f" {len(taken) / seconds:.0f} requests a second, {dict(Counter(call.status for call in during))};"
        f" a late machine: {calls.lateness:.2f} s"
    )


def _term(world: World) -> int:
    with world.primary() as mongo:
        term: int = mongo.admin.command("replSetGetStatus")["term"]
    return term


async def _true_after(world: World, follower: Follower, store_id: str) -> float:
    """Write to a store, and give how long from now until a socket that lived through it all shows that."""
    began, item = time.monotonic(), f"calm-{uuid4()}"
    async with world.service.client() as http:
        body = {"operation": "supply", "item_id": item, "quantity": 1}
        answer = await http.post(f"/stores/{store_id}", json=body)
    assert answer.status_code == 200, answer.text
    await until(lambda: follower.has_seen(item), lambda: "a socket is true", 30.0)
    assert follower.closed is None
    return time.monotonic() - began
