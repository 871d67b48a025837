"""What is done to members of the set and to the network between them."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.support.mongod import ReplicaSetOfThree
from tests.support.network import HERE, Network
from tests.support.programs import begun
from tests.torture.plan import Fault

STUTTER_SECONDS = 0.03
LOST = 0.25
"""Of the packets."""

LEAST_LATE, MOST_LATE = 0.05, 0.4
"""Seconds."""

ROOM = "6g"
WITHOUT_ROOM = 200_000
"""Bytes that a full disk still takes."""


class Disk:
    """A disk in memory that can be full.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> bool:
        """Make it; False where this system or this user may not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return _done("mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(self.folder))

    def fill(self) -> None:
        """Leave next to no room."""
        found = os.statvfs(self.folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        _done("mount", "-o", f"remount,size={used + WITHOUT_ROOM}", str(self.folder))

    def free(self) -> None:
        """Give room again."""
        _done("mount", "-o", f"remount,size={ROOM}", str(self.folder))

    def remove(self) -> None:
        """Take it away, with all that is on it."""
        _done("umount", "--lazy", str(self.folder))


def _done(*words: str) -> bool:
    return subprocess.run(begun(*words), capture_output=True).returncode == 0


def can_be_late(network: Network) -> bool:
    """Whether this kernel lets a program hold packets back."""
    try:
        network.delay(1, 0.0)
    except OSError:
        return False
    finally:
        network.delay_nothing(1)
    return True


class MembersHarm:
    """Hurts members: each fault ends by itself, and no member has two at once.

    Args:
        members: the set.
        network: that they are in, if they are in one.
        disk: of the last member, if it can be full.
        clock: the words that let a program begin with a wrong clock, by minutes.
    """

    def __init__(
        self,
        members: ReplicaSetOfThree,
        network: Network | None,
        disk: Disk | None,
        clock: Callable[[int], list[str]],
    ) -> None:
        self._members = members
        self._network = network
        self._disk = disk
        self._clock = clock

    async def kill_member(self, fault: Fault) -> None:
        """End it as a power cut would."""
        await asyncio.to_thread(self._members.kill, fault.which)
        await asyncio.sleep(fault.seconds)
        await self._start(fault.which)

    async def stop_member(self, fault: Fault) -> None:
        """End it cleanly."""
        await asyncio.to_thread(self._members.stop, fault.which)
        await asyncio.sleep(fault.seconds)
        await self._start(fault.which)

    async def halt_member(self, fault: Fault) -> None:
        """Let it hang."""
        self._members.freeze(fault.which)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._members.thaw(fault.which)

    async def stutter_member(self, fault: Fault) -> None:
        """Let it hang again and again for a moment: whatever it says comes late."""
        for _ in range(int(fault.seconds / STUTTER_SECONDS / 2)):
            self._members.freeze(fault.which)
            await asyncio.sleep(STUTTER_SECONDS)
            self._members.thaw(fault.which)
            await asyncio.sleep(STUTTER_SECONDS)

    async def step_down(self, fault: Fault) -> None:
        """Let it step down, if it is the primary."""

        def ask() -> None:
            url = self._members.url_of(fault.which)
            with _member(url) as mongo, suppress(PyMongoError):
                mongo.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2})

        await asyncio.to_thread(ask)

    async def cut_off(self, fault: Fault) -> None:
        """Let every packet between it and everybody vanish."""
        await self._cut(fault, Network.cut)

    async def cut_from_service(self, fault: Fault) -> None:
        """Let every packet between it and the services vanish."""
        await self._cut(fault, Network.cut, HERE)

    async def mute_to_service(self, fault: Fault) -> None:
        """Let services and clients hear nothing of it, though it hears them: all its answers are lost."""
        await self._cut(fault, Network.mute, HERE)

    async def cut_pair(self, fault: Fault) -> None:
        """Let every packet between it and another member vanish."""
        await self._cut(fault, Network.cut, self._neighbour(fault))

    async def mute_pair(self, fault: Fault) -> None:
        """Let another member hear nothing of it."""
        await self._cut(fault, Network.mute, self._neighbour(fault))

    async def lose_packets(self, fault: Fault) -> None:
        """Let a quarter of its packets be lost, one way or both."""
        assert self._network is not None
        says, hears = _ways(fault)
        lose = partial(self._network.lose, fault.which + 1, LOST, says=says, hears=hears)
        await self._disturb(fault, lose, self._network.lose_nothing)

    async def late_packets(self, fault: Fault) -> None:
        """Let its packets come late, one way or both."""
        assert self._network is not None
        says, hears = _ways(fault)
        late = LEAST_LATE + (MOST_LATE - LEAST_LATE) * (fault.chance * 7 % 1)
        delay = partial(self._network.delay, fault.which + 1, late, says=says, hears=hears)
        await self._disturb(fault, delay, self._network.delay_nothing)

    async def fill_disk(self, fault: Fault) -> None:
        """Leave the last member's disk no room; it dies of that, and comes back when there is room."""
        assert self._disk is not None
        self._disk.fill()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._disk.free()
            await asyncio.to_thread(self._members.kill, 2)
        await self._start(2)

    async def wrong_clock_of_member(self, fault: Fault) -> None:
        """Let it run with a clock that is wrong by minutes."""
        await asyncio.to_thread(self._members.kill, fault.which)
        words = self._clock(int(fault.chance * 20) - 10)
        await asyncio.to_thread(self._members.start, fault.which, by=words)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._members.kill, fault.which)
        await self._start(fault.which)

    def _neighbour(self, fault: Fault) -> int:
        return (fault.which + (1 if fault.chance < 0.5 else 2)) % 3 + 1

    async def _cut(self, fault: Fault, how: Callable[..., None], *others: int) -> None:
        assert self._network is not None
        how(self._network, fault.which + 1, *others)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._network.join(fault.which + 1, *others)

    async def _disturb(self, fault: Fault, begin: Callable[[], None], end: Callable[[int], None]) -> None:
        # In a thread: everybody goes on meanwhile.
        await asyncio.to_thread(begin)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            await asyncio.to_thread(end, fault.which + 1)

    async def _start(self, index: int) -> None:
        await asyncio.to_thread(self._members.start, index)


def _ways(fault: Fault) -> tuple[bool, bool]:
    """Whether it hurts what a member says, and what it hears."""
    # Another part of the chance than the one that says whether it is the primary.
    return [(True, False), (False, True), (True, True), (True, True)][int(fault.chance * 16 % 4)]


def _member(url: str) -> "MongoClient[dict[str, Any]]":
    return MongoClient(url, serverSelectionTimeoutMS=500, connectTimeoutMS=500, socketTimeoutMS=8000)
