"""Does what the plan says, one fault at a time to each that is hurt."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.mongod import ReplicaSetOfThree
from tests.torture.plan import KINDS, TARGETS, Fault
from tests.torture.story import Story

TO_PRIMARY = 0.5
"""How often a fault of members meets the primary, at least."""

LAST_MEMBER = 2


class Harm:
    """Does faults.

    Args:
        members: the set, whose primary many faults look for.
        story: is told.
        doers: each has methods by the names of kinds.

    Attributes:
        done: how many faults were done, by kind.
        left_out: how many were not, since their target was hurt already.
    """

    def __init__(self, members: ReplicaSetOfThree, story: Story, doers: Sequence[object]) -> None:
        self.done: Counter[str] = Counter()
        self.left_out = 0
        self._members = members
        self._story = story
        self._doers = doers
        self._busy = {
            (target, which): asyncio.Lock() for target, many in TARGETS.items() for which in range(many)
        }

    async def do_all(self, faults: Sequence[Fault]) -> None:
        """Do these faults at their times, and wait until all have ended.

        Raises:
            ExceptionGroup: some could not be done or undone.
        """
        began = time.monotonic()
        async with asyncio.TaskGroup() as doing:
            for fault in faults:
                await asyncio.sleep(began + fault.at - time.monotonic())
                doing.create_task(self._do(fault))

    async def _do(self, fault: Fault) -> None:
        target = KINDS[fault.kind].target
        if target == "member":
            fault = await self._aimed(fault)
        lock = self._busy[target, fault.which]
        if lock.locked():
            # Its target is hurt already.
            self.left_out += 1
            return
        async with lock:
            how: Any = next(getattr(each, fault.kind) for each in self._doers if hasattr(each, fault.kind))
            self._story.fault(f"{fault.kind} {fault.which} for {fault.seconds:.1f} s begins")
            self.done[fault.kind] += 1
            await how(fault)
            self._story.fault(f"{fault.kind} {fault.which} has ended")

    async def _aimed(self, fault: Fault) -> Fault:
        if fault.kind == "fill_disk":
            return replace(fault, which=LAST_MEMBER)
        if fault.chance < TO_PRIMARY:
            try:
                return replace(fault, which=await asyncio.to_thread(self._members.primary, 0.2))
            except TimeoutError:
                pass
        return fault
