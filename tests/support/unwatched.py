"""What coverage does not watch: it slows Python down two- or threefold, and may have nothing to learn."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from coverage import Coverage

WATCHED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""The variables with which a program is watched, whoever starts it; none where coverage does not run."""


def unwatched(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which coverage does not watch a program that is started."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


@contextmanager
def nobody_watches() -> Iterator[None]:
    """Let coverage, if it runs, watch neither this thread nor the programs that are started meanwhile."""
    watcher = Coverage.current()
    kept = {name: os.environ.pop(name) for name in os.environ.keys() - unwatched(os.environ).keys()}
    if watcher is not None:
        watcher.stop()
    try:
        yield
    finally:
        if watcher is not None:
            watcher.start()
        os.environ.update(kept)
