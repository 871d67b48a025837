"""An event loop without I/O whose clock jumps: what waits an hour costs nothing, and chance plays no part."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class NothingWillEverHappen(Exception):
    """Everything waits for something else."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Runs callbacks in order, and moves its clock to the next timer whenever there is none to run."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        # What the base class asks for I/O, and for how long; the loop itself knows that there is none.
        self._selector = self

    def time(self) -> float:
        """Give the virtual time, in seconds from 0."""
        return self._now

    def select(self, timeout: float | None) -> list[object]:
        """Let the time go by until the next timer.

        Raises:
            NothingWillEverHappen: there is none.
        """
        if timeout is None:
            raise NothingWillEverHappen
        self._now += timeout
        return []

    def _process_events(self, event_list: list[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody has to be woken."""


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in virtual time.

    Raises:
        NothingWillEverHappen: it waits for ever.
    """
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def in_virtual_time(
    test: Callable[Arguments, Coroutine[Any, Any, Result]],
) -> Callable[Arguments, Result]:
    """Make a test out of a coroutine, in virtual time."""

    @wraps(test)
    def run_test(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return run(test(*args, **kwargs))

    return run_test
