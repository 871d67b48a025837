"""Real mongods for tests: a replica set of one, as the service embeds it, and one of three to be hurt."""

import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from pymongo import MongoClient

from store_api.embedded import EmbeddedMongo, find_mongod, mongod_arguments
from store_api.embedded.guarded_process import MongodProcess
from store_api.settings import EMBEDDED_REPLICA_SET
from tests.support.elections import ELECTION_SECONDS, SOON_GIVEN_UP, settings_for
from tests.support.hello import hello
from tests.support.network import Network

INITIATE_SECONDS = 30.0
"""How long a set may take to begin: it asks all members and writes to disk, on a machine that does more."""

LOOK_SECONDS = 0.03
"""How often members are asked what they are."""

JOURNAL_MILLISECONDS = 30
"""How often mongods write their journal that idle most of the time: every 2 ms, as deployed, takes 5 % of a
core, and this half of it. Whoever waits for the journal waits no longer: it is written at once.
"""

TEST_COMMANDS = ("--setParameter", "enableTestCommands=1")
NOWHERE_ELSE: Mapping[int, Path] = MappingProxyType({})

found_mongod = cache(find_mongod)


def free_port() -> int:
    """Give a port on 127.0.0.1 that nobody listens on.

    Below the ports that systems give to outgoing connections (from 32768 on Linux), so that a connection of
    the test itself cannot take it while its server is down.
    """
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(
    condition: Callable[[], bool], what: str, seconds: float = 10.0, *, every: float = 0.01
) -> None:
    """Poll until the condition holds, with a question `every` so many seconds.

    Raises:
        TimeoutError: it did not in time; `what` names it.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(every)


@contextmanager
def replica_set_of_one() -> Iterator[str]:
    """Run an embedded MongoDB with test commands (fail points) in a temporary folder, and give its URL."""
    with (
        tempfile.TemporaryDirectory(prefix="store_api-test-") as folder,
        EmbeddedMongo(Path(folder), free_port(), found_mongod(), extra=TEST_COMMANDS) as mongo,
    ):
        with MongoClient[dict[str, Any]](mongo.url) as client:
            client.admin.command({"setParameter": 1, "journalCommitInterval": JOURNAL_MILLISECONDS})
        yield mongo.url


class ReplicaSetOfThree:
    """Three members on 127.0.0.1 that elect within about 1 s; a context manager.

    Members are told apart by index, 0 to 2. Test commands are enabled; everything goes when it is left.

    Args:
        extra: further flags of each member.
        initiated: whether they become a set when it is entered; else they are three mongods that none began.
        network: whose first three places they are in, as deployed, since time is measured there; None for
            this machine's own.
        elsewhere: where members keep their data that keep it on a disk of their own.
        election_seconds: how long they wait for a primary before they elect another.
    """

    def __init__(
        self,
        extra: Sequence[str] = (),
        *,
        initiated: bool = True,
        network: Network | None = None,
        elsewhere: Mapping[int, Path] = NOWHERE_ELSE,
        election_seconds: float = ELECTION_SECONDS,
    ) -> None:
        self._network = network
        self._elsewhere = elsewhere
        self.election_seconds = election_seconds
        self.addresses = ["127.0.0.1"] * 3 if network is None else network.addresses[1:]
        self.ports = [free_port() for _ in range(3)]
        self._initiated = initiated
        self._extra = (*TEST_COMMANDS, *SOON_GIVEN_UP, *extra)
        self._processes: dict[int, MongodProcess] = {}
        self._frozen: set[int] = set()
        self._resources = ExitStack()

    @property
    def url(self) -> str:
        """The replica set's URL, which names all members."""
        return f"mongodb://{self.hosts}/?replicaSet={EMBEDDED_REPLICA_SET}"

    @property
    def hosts(self) -> str:
        """All members as host:port, separated by commas."""
        return ",".join(self._host(index) for index in range(3))

    def __enter__(self) -> Self:
        """Start all members and wait for a primary and two secondaries, unless nobody is to begin the set."""
        with ExitStack() as resources:
            folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="store_api-test-"))
            self._folder = Path(folder)
            resources.callback(self._stop_all)
            if self._initiated:
                self.start(0, 1, 2)
                members = [{"_id": index, "host": self._host(index)} for index in range(3)]
                settings = settings_for(self.election_seconds)
                config = {"_id": EMBEDDED_REPLICA_SET, "members": members, "settings": settings}
                with MongoClient[dict[str, Any]](self.url_of(0), timeoutMS=INITIATE_SECONDS * 1000) as first:
                    first.admin.command({"replSetInitiate": config})
                self.wait_until_whole()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all members and remove their data."""
        self._resources.close()

    def start(self, *indices: int, by: Sequence[str] = ()) -> None:
        """Start members that do not run, all at once, and wait until they answer.

        Args:
            indices: which.
            by: the beginning of their command lines, as `env` and variables.
        """
        for index in indices:
            folder = self._elsewhere.get(index, self._folder / str(index))
            folder.mkdir(exist_ok=True)
            log = self._folder / f"{index}.log"
            arguments = mongod_arguments(
                found_mongod(), port=self.ports[index], dbpath=folder, log=log, extra=self._extra
            )
            if self._network is None:
                arguments[arguments.index("--journalCommitInterval") + 1] = str(JOURNAL_MILLISECONDS)
            else:
                address = self.addresses[index]
                arguments = [address if word == "127.0.0.1" else word for word in arguments]
                arguments = [*self._network.within(index + 1), *arguments]
            self._processes[index] = MongodProcess([*by, *arguments], log)
        for index in indices:
            wait_until(partial(self._answers, index), f"member {index} answers", 30.0)

    def kill(self, *indices: int) -> None:
        """End members at once, as a power cut would (SIGKILL)."""
        for index in indices:
            # One that ended by itself has no process id any more.
            if self._processes[index].exit_code() is None:
                os.kill(self._processes[index].pid, signal.SIGKILL)
        for index in indices:
            self._processes.pop(index).stop()
            self._frozen.discard(index)

    def stop(self, index: int) -> None:
        """End a member cleanly (SIGTERM): a primary steps down first."""
        self._processes.pop(index).stop()

    def freeze(self, index: int) -> None:
        """Let a member hang, with its connections open (SIGSTOP), until it is thawed."""
        os.kill(self._processes[index].pid, signal.SIGSTOP)
        self._frozen.add(index)

    def thaw(self, index: int) -> None:
        """Let a frozen member go on."""
        os.kill(self._processes[index].pid, signal.SIGCONT)
        self._frozen.discard(index)

    def primary(self, seconds: float = 10.0) -> int:
        """Wait until a running member is the primary, and give its index; frozen ones are not asked."""
        found: list[int] = []

        def look() -> bool:
            asked = self._processes.keys() - self._frozen
            found[:] = [index for index in asked if self._hello(index).get("isWritablePrimary")]
            return len(found) == 1

        wait_until(look, "one primary", seconds, every=LOOK_SECONDS)
        return found[0]

    def url_of(self, index: int) -> str:
        """Give the URL of one member alone, whatever its part."""
        return f"mongodb://{self._host(index)}/?directConnection=true"

    def is_whole(self) -> bool:
        """Tell whether there is a primary, and every other running member has its data and follows it.

        Who still copies knows the primary already, and cannot be elected: a set that loses its primary then
        has none for ever.
        """
        answers = [self._hello(index) for index in self._processes]
        primaries = sum(bool(hello.get("isWritablePrimary")) for hello in answers)
        return primaries == 1 and all(
            hello.get("primary") and (hello.get("secondary") or hello.get("isWritablePrimary"))
            for hello in answers
        )

    def wait_until_whole(self) -> None:
        """Wait until there is a primary and every other running member follows it."""
        wait_until(self.is_whole, "a primary that all follow", 30.0, every=LOOK_SECONDS)

    def _host(self, index: int) -> str:
        return f"{self.addresses[index]}:{self.ports[index]}"

    def _hello(self, index: int) -> dict[str, Any]:
        return hello(self.addresses[index], self.ports[index])

    def _answers(self, index: int) -> bool:
        if (exit_code := self._processes[index].exit_code()) is not None:
            raise ChildProcessError(f"member {index} ended with exit code {exit_code}")
        with socket.socket() as probe:
            return probe.connect_ex((self.addresses[index], self.ports[index])) == 0

    def _stop_all(self) -> None:
        # By force: their data is removed anyway, and a clean end takes a second each.
        self.kill(*self._processes)
