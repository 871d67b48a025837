"""Whose turn it is: this machine's network changes under no browser, which would drop whatever it loads.

Chromium ends every connection with ERR_NETWORK_CHANGED when an interface comes or goes, and with several
processes of tests at once it is another one that makes a network.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

FOLDER = Path(tempfile.gettempdir())


def browsing(folder: Path = FOLDER) -> AbstractContextManager[None]:
    """Let nobody change the network meanwhile; waits while somebody does, or wants to."""
    return _turn(folder, fcntl.LOCK_SH)


def changing_the_network(folder: Path = FOLDER) -> AbstractContextManager[None]:
    """Let no browser load anything meanwhile; waits for those that do, and whoever comes later waits."""
    return _turn(folder, fcntl.LOCK_EX)


@contextmanager
def _turn(folder: Path, kind: int) -> Iterator[None]:
    with ExitStack() as resources:
        # Whoever waits keeps out who comes later.
        with _held(folder, "next", fcntl.LOCK_EX):
            resources.enter_context(_held(folder, "network", kind))
        yield


@contextmanager
def _held(folder: Path, name: str, kind: int) -> Iterator[None]:
    path = folder / f"store_api-tests-{os.getuid()}-{name}.lock"
    with path.open("w") as file:
        fcntl.flock(file, kind)
        yield
