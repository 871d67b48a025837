"""`python mongo-replica-init` as an operator runs it, against members that the tests started."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.mongod import ReplicaSetOfThree, wait_until
from tests.support.programs import begun
from tests.support.service import ROOT

PROGRAM = ROOT / "mongo-replica-init"
SECONDS = 60.0


class Run(NamedTuple):
    """How it ended, and what it said."""

    exit_code: int
    said: list[str]
    complaint: str


class Running:
    """The program on its way; a context manager that leaves no process behind.

    Args:
        variables: its whole environment, but for PATH and the like.
        arguments: its arguments.
    """

    def __init__(self, variables: Mapping[str, str], arguments: tuple[str, ...] = ()) -> None:
        ours = {"MONGO_HOSTS", "REPLICA_SET", "MONGO_DB", "SECRETS_DIR", "WAIT_SECONDS"}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        self.said: list[str] = []
        self._process = subprocess.Popen(
            begun(sys.executable, PROGRAM, *arguments),
            env={**inherited, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self.end()

    def wait_until_said(self, part: str) -> None:
        """Wait until it says a line with these words in it."""
        wait_until(lambda: any(part in line for line in self.said), f"it says {part!r}", 30.0)

    def end(self) -> Run:
        """Wait until it ended."""
        exit_code = self._process.wait(SECONDS)
        self._reader.join()
        assert self._process.stderr is not None
        if not self._process.stderr.closed:
            self._complaint = self._process.stderr.read()
            self._process.stderr.close()
        return Run(exit_code, self.said, self._complaint)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.said.append(line.rstrip("\n"))


def variables_for(members: ReplicaSetOfThree, secrets: Path | None = None, **others: str) -> dict[str, str]:
    """Write the environment for a set, with quick elections; secrets where it asks for a key."""
    variables = {
        "MONGO_HOSTS": members.hosts,
        "ELECTION_MILLISECONDS": "1000",
        "WAIT_SECONDS": "30",
        **others,
    }
    return variables if secrets is None else {**variables, "SECRETS_DIR": str(secrets)}


def run(variables: Mapping[str, str], *arguments: str) -> Run:
    """Run the program to its end."""
    with Running(variables, arguments) as running:
        return running.end()


def make_secrets(folder: Path, members: ReplicaSetOfThree, **others: str) -> None:
    """Let the program make the secrets of a set."""
    made = run({"MONGO_HOSTS": members.hosts, **others}, "make-secrets", str(folder))
    assert made.exit_code == 0, made.complaint


def forget_what_is_newer(folder: Path) -> None:
    """Make of a folder of secrets one of the time when there was no first token, and the bot had no user."""
    for name in ("first-token", "bot-password.env", "bot/.env"):
        (folder / name).unlink()
    (folder / "bot").rmdir()


def url_from(file: Path) -> str:
    """Read the URL that the program left for the service, or for other programs."""
    name, _, url = file.read_text().strip().partition("=")
    assert name == "MONGO_URL"
    return url


@contextmanager
def with_key_file(secrets: Path) -> Iterator[ReplicaSetOfThree]:
    """Start three members with a keyFile.

    They were told to have no localhost exception: what works here works from another machine.
    """
    flags = ("--keyFile", str(secrets / "keyFile"), "--setParameter", "enableLocalhostAuthBypass=false")
    with ReplicaSetOfThree(flags, initiated=False) as members:
        make_secrets(secrets, members)
        members.start(0, 1, 2)
        yield members
