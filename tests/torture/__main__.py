"""`python -m tests.torture --minutes 60 --seed 7`: tortures everything, and tells what went wrong."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.torture.account import Book
from tests.torture.calm import Calm
from tests.torture.plan import faults_of
from tests.torture.scene import Scene
from tests.torture.story import Story

ROUND_SECONDS = 90.0
CLIENTS = 96
NO_FAULTS = 0


class Torture:
    """Rounds of torture, each with its calm.

    Args:
        options: what the command line says.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._story = Story()
        self._book = Book(0)
        self._is_open = asyncio.Event()
        self._is_over = asyncio.Event()
        self._operations = 0
        self._faults = 0

    async def go_on(self) -> bool:
        """Go on for as long as was said, or until something is wrong; tells whether nothing was."""
        began, part = time.monotonic(), 0
        with Scene(self._options.seed, self._options.clients, self._story, self._doom) as scene:
            calm = Calm(scene)
            scene.token  # noqa: B018
            left = self._options.minutes * 60
            while left > 1 and not self._story.wrongs:
                await self._round(scene, calm, part, min(left, self._options.round))
                part += 1
                left = self._options.minutes * 60 - (time.monotonic() - began)
            for listener in scene.listeners:
                await listener.stop()
            seconds = time.monotonic() - began
            sys.stdout.write(
                f"{self._operations:,} operations, {self._faults} faults, {part} rounds in {seconds / 60:.1f} minutes:"
                f" {'nothing is wrong' if not self._story.wrongs else 'SOMETHING IS WRONG'}\n"
                f"done: {dict(scene.harm.done)}\n"
            )
        return not self._story.wrongs

    def tell(self) -> None:
        """Write the story of what is wrong, and say where it is."""
        begin = [f"seed {self._options.seed}, {self._operations:,} operations"]
        file = Path(self._options.story)
        lines = self._story.write(file, begin)
        sys.stdout.write("\n".join(lines) + f"\nThe whole story: {file.resolve()}\n")

    async def _round(self, scene: Scene, calm: Calm, part: int, seconds: float) -> None:
        book = self._book = Book(part)
        self._story.begin_round()
        self._is_over.clear()
        self._is_open.set()
        faults = [] if self._options.no_faults else faults_of(self._options.seed, part, seconds, scene.has)
        some = [*scene.listen_to(book.store("h", 0).name), *scene.listen_to(book.store("m", 1).name)]
        listeners = [*scene.listeners, *some]
        for listener in listeners:
            listener.begin(book)
        actors = [
            asyncio.create_task(actor.go_on(book, self._is_over, self._is_open))
            for actor in (*scene.clients, *scene.foreign, *scene.guests, scene.evening)
        ]
        began, done = time.monotonic(), scene.harm.done.total()
        await asyncio.gather(scene.harm.do_all(faults), asyncio.sleep(seconds))
        tortured = time.monotonic() - began
        await calm.all_is_well()
        self._is_over.set()
        await calm.all_know(actors)
        sockets = await calm.look(book, listeners)
        for listener in some:
            await listener.stop()
        hurt = scene.harm.done.total() - done
        self._operations += self._story.operations
        self._faults += hurt
        told = ", ".join(f"{what} {many:,}" for what, many in self._story.counts.most_common())
        sys.stdout.write(
            f"round {part}: {self._story.operations:,} operations in {tortured:.0f} s, {hurt} faults; the slowest"
            f" answer took {self._story.slowest:.1f} s; all in calm after {time.monotonic() - began - tortured:.1f} s,"
            f" sockets true after {sockets:.2f} s, {sum(each.frames for each in listeners):,} frames; {told};"
            f" {len(self._story.wrongs)} wrong\n"
        )
        sys.stdout.flush()

    def _doom(self) -> Callable[[], None]:
        self._is_open.clear()
        self._book.doom()
        return self._is_open.set


def main() -> int:
    """Torture, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=float, default=ROUND_SECONDS, help="seconds between two calms")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--no-faults", action="store_true", help="only to see how quick it is")
    parser.add_argument("--story", default="torture-story.txt", help="the file for what went wrong")
    options = parser.parse_args()
    sys.stdout.write(f"torture of {options.minutes:g} minutes, seed {options.seed}\n")
    torture = Torture(options)
    if asyncio.run(torture.go_on()):
        return 0
    torture.tell()
    return 1


if __name__ == "__main__":
    sys.exit(main())
