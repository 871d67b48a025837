"""`python late_packets.py QUEUE NAMESPACE...`: packets that come to places late, and in their order.

The kernel asks a program about each packet that iptables sends to a queue (`-j NFQUEUE`), and keeps it until
there is an answer. This program answers after a while, and needs no module that sends packets late (`netem`).
Each line that it reads is how many seconds that is; 0 lets go all that wait. It ends with its input.
"""

import ctypes
import errno
import random
import select
import socket
import struct
import sys
import time
from collections import deque

NETLINK_NETFILTER, CLONE_NEWNET = 12, 0x40000000

PACKET, VERDICT_BATCH, CONFIG = 0x300, 0x303, 0x302
"""Messages of nfnetlink_queue (Linux, nfnetlink_queue.h)."""

COMMAND, PARAMETERS, LONGEST, MASK, FLAGS = 1, 2, 3, 4, 5
BIND, NO_DATA, WHOLE, ACCEPT, VERDICT = 1, 1, 4, 1, 2
REQUEST, ANSWERED, ERROR = 1, 4, 2

PACKETS = 100_000
"""How many may wait in one place."""

ROOM = 16_000_000
"""Bytes of the kernel's questions that may wait for this program."""

SPREAD = 0.2
"""By how much of its time a packet is more or less late than others, at most."""


class Place:
    """Packets that come to one place, and wait.

    Args:
        queue: its number there.
        namespace: of the place, a name of `ip netns`; "" is where this program runs.
        home: the namespace of this program, open.
    """

    def __init__(self, queue: int, namespace: str, home: int) -> None:
        self._queue = queue
        if namespace:
            with open(f"/run/netns/{namespace}") as there:  # noqa: PTH123
                _go_to(there.fileno())
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        # A socket stays where it was made.
        _go_to(home)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, ROOM)  # SO_RCVBUFFORCE
        self._waiting: deque[tuple[float, float, int]] = deque()
        for number, value in (
            (COMMAND, struct.pack("!BxH", BIND, 0)),
            (PARAMETERS, struct.pack("!IB", 0, NO_DATA)),
            (LONGEST, struct.pack("!I", PACKETS)),
        ):
            self._ask(CONFIG, _attribute(number, value))
        # Packets that the sender made large are not cut up for this program, which does not look at them.
        whole = struct.pack("!I", WHOLE)
        self._ask(CONFIG, _attribute(MASK, whole) + _attribute(FLAGS, whole))

    def hear(self) -> None:
        """Take note of the packets that have come."""
        now = time.monotonic()
        while True:
            try:
                said = self.socket.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Packets that this program did not hear of wait for the answer about the next one.
                continue
            at = 0
            while at < len(said):
                size, kind = struct.unpack_from("=IH", said, at)
                if kind == PACKET:
                    # The number is the first that is said of a packet.
                    (number,) = struct.unpack_from("!I", said, at + 24)
                    self._waiting.append((now, 1 + random.uniform(-SPREAD, SPREAD), number))
                at += (size + 3) & ~3

    def let_go(self, seconds: float) -> float:
        """Let go what has waited enough, none before another, and give how long the next must wait."""
        now, last = time.monotonic(), None
        while self._waiting and now >= self._waiting[0][0] + seconds * self._waiting[0][1]:
            last = self._waiting.popleft()[2]
        if last is not None:
            # All up to this one.
            self._send(VERDICT_BATCH, _attribute(VERDICT, struct.pack("!II", ACCEPT, last)), REQUEST)
        return self._waiting[0][0] + seconds * self._waiting[0][1] - now if self._waiting else 60.0

    def _ask(self, kind: int, attributes: bytes) -> None:
        self._send(kind, attributes, REQUEST | ANSWERED)
        _, answer, _, _, _, failed = struct.unpack_from("=IHHIIi", self.socket.recv(65536))
        if answer == ERROR and failed:
            raise OSError(-failed, "the kernel has no queue of packets")

    def _send(self, kind: int, attributes: bytes, flags: int) -> None:
        body = struct.pack("!BBH", socket.AF_UNSPEC, 0, self._queue) + attributes
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body)


def _go_to(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Let packets be late until the input ends."""
    with open("/proc/self/ns/net") as home:  # noqa: PTH123
        places = [Place(int(sys.argv[1]), name, home.fileno()) for name in sys.argv[2:]]
    seconds, pause = 0.0, 60.0
    _say("ready")
    while True:
        found, _, _ = select.select([sys.stdin, *(place.socket for place in places)], [], [], max(pause, 0.0))
        if sys.stdin in found:
            line = sys.stdin.readline()
            if not line:
                return
            seconds = float(line)
        for place in places:
            place.hear()
        pause = min(place.let_go(seconds) for place in places)
        if sys.stdin in found:
            _say("done")


if __name__ == "__main__":
    main()
