"""Rounds of torture: all act and everything is hurt, then all is calm and everything is looked at."""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.torture.account import Book
from tests.torture.actors.listeners import Listener
from tests.torture.calm import Calm
from tests.torture.plan import KILLING_SERVICES, faults_of
from tests.torture.scene import Scene
from tests.torture.story import Story


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says.

    Args:
        seconds: how long it goes on.
        seed: of faults and wishes.
        round: seconds between two calms.
        clients: how many there are.
        faults: whether there are any.
        story: the file for what went wrong.
    """

    seconds: float
    seed: int
    round: float
    clients: int
    faults: bool
    story: Path


class Torture:
    """Goes on, round by round, until it is enough or something is wrong.

    Args:
        wanted: what the command line says.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._story = Story()
        self._book = Book(0)
        self._is_open = asyncio.Event()
        self._is_over = asyncio.Event()
        self._operations = 0
        self._faults = 0

    async def go_on(self) -> bool:
        """Go on for as long as is wanted, or until something is wrong; tells whether nothing was."""
        part, wanted = 0, self._wanted
        with Scene(wanted.seed, wanted.clients, self._story, self._doom) as scene:
            calm, began = Calm(scene), time.monotonic()
            try:
                while (left := wanted.seconds - (time.monotonic() - began)) > 1 and not self._story.wrongs:
                    await self._round(scene, calm, part, min(left, wanted.round))
                    part += 1
            except Exception as error:  # noqa: BLE001  (whatever ends it, the story is told)
                self._story.wrong(f"the torture itself ended: {error!r}")
            for listener in scene.listeners:
                await listener.stop()
            minutes = (time.monotonic() - began) / 60
            self._say(
                f"{self._operations:,} operations, {self._faults} faults, {part} rounds, {minutes:.1f} min"
            )
            self._say(f"done: {dict(scene.harm.done.most_common())}")
            self._say(f"left out, since what they aim at was hurt already: {scene.harm.left_out}")
        for words in scene.lacks:
            self._say(words)
        if self._story.wrongs:
            self._tell()
        self._say("SOMETHING IS WRONG" if self._story.wrongs else "nothing is wrong")
        return not self._story.wrongs

    async def _round(self, scene: Scene, calm: Calm, part: int, seconds: float) -> None:
        book = self._book = Book(part)
        self._story.begin_round()
        self._is_over.clear()
        self._is_open.set()
        wanted = self._wanted
        faults = faults_of(wanted.seed, part, seconds, scene.has) if wanted.faults else []
        some = [*scene.listen_to(book.store("h", 0).name), *scene.listen_to(book.store("m", 1).name)]
        listeners = [*scene.listeners, *some]
        for listener in listeners:
            listener.begin(book)
        actors = [
            asyncio.create_task(go_on(book, self._is_over, self._is_open)) for go_on in scene.everybody()
        ]
        began, done = time.monotonic(), scene.harm.done.copy()
        await asyncio.gather(scene.harm.do_all(faults), asyncio.sleep(seconds))
        tortured = time.monotonic() - began
        await calm.all_is_well()
        self._is_over.set()
        await calm.all_know(actors)
        known = time.monotonic() - began - tortured
        has_killed = any(scene.harm.done[kind] > done[kind] for kind in KILLING_SERVICES)
        sockets = await calm.look(book, listeners, has_killed=has_killed)
        for listener in some:
            await listener.stop()
        self._operations += self._story.operations
        self._faults += (hurt := scene.harm.done.total() - done.total())
        self._say(
            f"round {part}: {self._story.operations:,} operations in {tortured:.0f} s"
            f" ({self._story.operations / tortured:,.0f}/s) under {hurt} faults; the slowest answer took"
            f" {self._story.slowest:.1f} s; all knew after {known:.1f} s of calm, sockets were true after"
            f" {sockets:.2f} s, all was looked at after {time.monotonic() - began - tortured:.1f} s"
        )
        self._count(listeners)

    def _count(self, listeners: list[Listener]) -> None:
        counts = ", ".join(f"{what} {many:,}" for what, many in self._story.counts.most_common())
        self._say(f"    {counts}, frames {sum(each.frames for each in listeners):,}")

    def _doom(self) -> Callable[[], None]:
        self._is_open.clear()
        self._book.doom()
        return self._is_open.set

    def _tell(self) -> None:
        begin = [f"seed {self._wanted.seed}, {self._operations:,} operations"]
        for line in self._story.write(self._wanted.story, begin):
            self._say(line)
        self._say(f"The whole story: {self._wanted.story.resolve()}")

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
