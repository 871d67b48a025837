"""A network of our own: members in network namespaces, and packets between any two of them that vanish.

No connection breaks and no port refuses: whoever is cut off hears nothing, as behind a switch that died. Each
place knows the others' hardware addresses by heart; who is cut off is known by one that nobody has.
"""

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.support.programs import begun
from tests.support.turns import changing_the_network

NO_NAMESPACES = "NO NETWORK NAMESPACES: vanishing packets were not tested; it takes root and iproute2"

HERE = 0
"""The place of whoever is in no namespace, such as this process and the services that it starts."""

LATE_PACKETS = Path(__file__).with_name("late_packets.py")

NOWHERE = "02:00:00:00:00:ff"

_NETWORK = 0x40000000
"""CLONE_NEWNET: a namespace of networks (Linux, setns(2))."""


class Network:
    """Places that are joined by a bridge, see `network_of`.

    Args:
        places: how many namespaces there are.

    Attributes:
        addresses: of each place, HERE first.
    """

    def __init__(self, places: int) -> None:
        mark = os.getpid() % 250 + 1
        self.addresses = [f"10.231.{mark}.{number + 1}" for number in range(places + 1)]
        self._names = [f"store-api-{os.getpid()}-{number}" for number in range(places + 1)]
        self._bridge = f"sapi{os.getpid()}"
        self._devices = [self._bridge, *(f"sapi{os.getpid()}v{place}" for place in range(1, places + 1))]
        self._rules: dict[tuple[str, int], list[list[str]]] = {}
        self._late: dict[int, subprocess.Popen[str]] = {}

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make everything, and remove it.

        Raises:
            OSError: this system or this user has no namespaces.
        """
        with ExitStack() as resources:
            _ip("link", "add", self._bridge, "address", _hardware(HERE), "type", "bridge")
            resources.callback(_ip, "link", "del", self._bridge)
            _ip("address", "add", f"{self.addresses[HERE]}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "addrgenmode", "none", "up")
            for place in range(1, len(self.addresses)):
                resources.enter_context(self._place(place))
            # This machine's own place has rules that no namespace takes with it.
            resources.callback(self._calm)
            self.heal()
            yield

    def within(self, place: int) -> Sequence[str]:
        """Give the beginning of a command line that runs in a place."""
        return () if place == HERE else ("ip", "netns", "exec", self._names[place])

    def connected(self, place: int, address: tuple[str, int]) -> socket.socket:
        """Connect from a place to an address; whoever has the socket talks from there."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._connect, place, address).result()

    def _connect(self, place: int, address: tuple[str, int]) -> socket.socket:
        """Go to a place with this thread, which is no good for anything else then, and connect."""
        with open(f"/run/netns/{self._names[place]}") as there:  # noqa: PTH123
            if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), _NETWORK):
                raise OSError(ctypes.get_errno(), "setns")
        return socket.create_connection(address, 5.0)

    def lose(self, place: int, share: float, *, says: bool = True, hears: bool = True) -> None:
        """Let a share of a place's packets vanish at random.

        Args:
            place: whose.
            share: of the packets.
            says: whether of those that it sends.
            hears: whether of those that come to it.
        """
        chance = ("-m", "statistic", "--mode", "random", "--probability", str(share), "-j", "DROP")
        self._rule(place, ("lose", place), ("filter", *chance), says=says, hears=hears)

    def lose_nothing(self, place: int) -> None:
        """Undo `lose`."""
        self._unrule(("lose", place))

    def delay(self, place: int, seconds: float, *, says: bool = True, hears: bool = True) -> None:
        """Let a place's packets come late, by a fifth more or less, and in their order.

        Args:
            place: whose.
            seconds: how late, each way.
            says: whether those that it sends.
            hears: whether those that come to it.

        Raises:
            OSError: this kernel asks no program about packets.
        """
        # One of its own for each that is late: also this machine's own place has only one row of them.
        queue = os.getpid() % 8000 * 8 + place
        names = ["" if other == HERE else name for other, name in enumerate(self._names)]
        program = subprocess.Popen(
            begun(sys.executable, "-I", "-S", LATE_PACKETS, str(queue), *names),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._late[place] = program
        if not _hear(program, None, "ready"):
            self.delay_nothing(place)
            raise OSError("packets cannot be late")
        _hear(program, str(seconds), "done")
        waits = ("mangle", "-j", "NFQUEUE", "--queue-num", str(queue), "--queue-bypass")
        self._rule(place, ("delay", place), waits, says=says, hears=hears)

    def delay_nothing(self, place: int) -> None:
        """Undo `delay`: what waits goes on at once, before anything that comes later."""
        if program := self._late.pop(place, None):
            _hear(program, "0", "done")
            self._unrule(("delay", place))
            # It has let go what came before there was no rule any more.
            _hear(program, "0", "done")
            program.communicate()

    def cut(self, place: int, *others: int) -> None:
        """Let every packet between a place and these others vanish; without others, between it and all."""
        for other in others or range(len(self.addresses)):
            if other != place:
                self._know(place, other, NOWHERE)
                self._know(other, place, NOWHERE)

    def mute(self, place: int, other: int) -> None:
        """Let what a place sends to another vanish: it hears, and whatever it says is not heard."""
        self._know(place, other, NOWHERE)

    def join(self, place: int, *others: int) -> None:
        """Let packets between a place and these others arrive again; without others, between it and all."""
        for other in others or range(len(self.addresses)):
            if other != place:
                self._know(place, other, _hardware(other))
                self._know(other, place, _hardware(place))

    def heal(self) -> None:
        """Let all packets arrive."""
        for place in range(len(self.addresses)):
            for other in range(len(self.addresses)):
                if other != place:
                    self._know(place, other, _hardware(other))

    @contextmanager
    def _place(self, place: int) -> Iterator[None]:
        name, device = self._names[place], self._devices[place]
        _ip("netns", "add", name)
        try:
            inside = ("name", "eth0", "netns", name, "address", _hardware(place))
            _ip("link", "add", device, "type", "veth", "peer", *inside)
            # No address that the kernel gives it a second later: that would be one more change.
            _ip("link", "set", device, "master", self._bridge, "addrgenmode", "none", "up")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "address", "add", f"{self.addresses[place]}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            yield
        finally:
            _ip("netns", "del", name)

    def _rule(
        self, place: int, name: tuple[str, int], rule: Sequence[str], *, says: bool, hears: bool
    ) -> None:
        """Add a rule to where a place's packets arrive: who sends one is told if it is kept back there."""
        others = [other for other in range(len(self.addresses)) if other != place]
        table, *rest = rule
        where = [(other, "-s", self.addresses[place]) for other in others if says] + [(place,)] * hears
        for there, *of in where:
            device = self._bridge if there == HERE else "eth0"
            words = ["INPUT", "-i", device, *of, *rest]
            _run(*self.within(there), "iptables", "-t", table, "-A", *words)
            self._rules.setdefault(name, []).append(
                [*self.within(there), "iptables", "-t", table, "-D", *words]
            )

    def _unrule(self, name: tuple[str, int]) -> None:
        for undo in self._rules.pop(name, []):
            _run(*undo)

    def _calm(self) -> None:
        for place in list(self._late):
            self.delay_nothing(place)
        for name in list(self._rules):
            self._unrule(name)

    def _know(self, place: int, other: int, hardware: str) -> None:
        device = self._bridge if place == HERE else "eth0"
        within = () if place == HERE else ("-n", self._names[place])
        known = (self.addresses[other], "lladdr", hardware, "nud", "permanent", "dev", device)
        _ip(*within, "neighbour", "replace", *known)


def _hardware(place: int) -> str:
    return f"02:00:00:00:00:{place + 1:02x}"


def _hear(program: "subprocess.Popen[str]", line: str | None, answer: str) -> bool:
    """Tell a program a line, and hear whether it answers so."""
    assert program.stdin is not None
    assert program.stdout is not None
    with suppress(BrokenPipeError):
        if line is not None:
            program.stdin.write(f"{line}\n")
            program.stdin.flush()
    return program.stdout.readline() == f"{answer}\n"


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*arguments: str) -> None:
    # In a session of its own: a Ctrl-C for those who made the network must not keep it from being mended.
    done = subprocess.run(begun(*arguments), capture_output=True, text=True, start_new_session=True)
    if done.returncode:
        raise OSError(f"{' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def network_of(places: int) -> Iterator[Network | None]:
    """Make a network; None where this system or this user has no namespaces."""
    network = Network(places)
    with ExitStack() as resources:
        try:
            with changing_the_network():
                resources.enter_context(network.made())
        except OSError:
            yield None
            return
        try:
            yield network
        finally:
            with changing_the_network():
                resources.close()
