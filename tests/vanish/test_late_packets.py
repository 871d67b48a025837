"""What makes packets late, or loses them one way, does just that: a round trip before, during and after."""

import socket
import time
from collections.abc import Iterator
from statistics import median
from threading import Thread
from typing import NamedTuple

import pytest

from tests.support.network import HERE, Network

LATE, SPREAD, BUSY = 0.2, 0.2, 0.15
"""Seconds; by what share of it a packet may be more or less late; and how late a busy machine is itself."""

PLACE = 1


class Line(NamedTuple):
    """Both ends of a connection."""

    there: socket.socket
    here: socket.socket


@pytest.fixture
def line(network: Network) -> Iterator[Line]:
    """A connection from a place to this one, which says again there what it hears."""
    with socket.create_server((network.addresses[HERE], 0)) as door:
        there = network.connected(PLACE, door.getsockname())
        here, _ = door.accept()
    with there, here:
        for end in (there, here):
            end.settimeout(20.0)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Line(there, here)


def trips(line: Line) -> list[float]:
    """Send something there and back some times, and give how long each took."""
    found = []
    for number in range(6):
        began = time.monotonic()
        line.there.sendall(bytes([number]))
        line.here.sendall(line.here.recv(1))
        assert line.there.recv(1) == bytes([number])
        found.append(time.monotonic() - began)
    return found


@pytest.mark.parametrize(
    ("place", "says", "hears", "ways"),
    [(PLACE, True, True, 2), (PLACE, True, False, 1), (PLACE, False, True, 1), (HERE, True, False, 1)],
    ids=["both ways", "what it says", "what it hears", "what this place says"],
)
def test_a_round_trip_takes_as_much_longer_as_packets_are_late(
    network: Network, line: Line, place: int, says: bool, hears: bool, ways: int
) -> None:
    before = trips(line)
    network.delay(place, LATE, says=says, hears=hears)
    try:
        during = trips(line)
    finally:
        network.delay_nothing(place)
    after = trips(line)
    assert max(median(before), median(after)) < BUSY, (before, after)
    assert min(during) > ways * LATE * (1 - SPREAD), during
    assert median(during) < ways * LATE * (1 + SPREAD) + BUSY, during


def test_much_that_is_late_comes_whole_and_nothing_waits_when_it_is_over(
    network: Network, line: Line
) -> None:
    """More than goes into the pipe at once, and both ends of it are on their way when it ends."""
    much = bytes(range(256)) * 4_000
    network.delay(PLACE, LATE)
    sender = Thread(target=line.there.sendall, args=(much,))
    sender.start()
    heard = bytearray()
    while len(heard) < len(much) // 2:
        heard += line.here.recv(1 << 16)
    network.delay_nothing(PLACE)
    over = time.monotonic()
    while len(heard) < len(much):
        heard += line.here.recv(1 << 16)
    sender.join()
    assert heard == much
    assert time.monotonic() - over < 1.0


@pytest.mark.parametrize(("says", "hears"), [(True, False), (False, True)], ids=["out", "in"])
def test_packets_are_lost_one_way(network: Network, line: Line, says: bool, hears: bool) -> None:
    lost, heard = (line.there, line.here) if says else (line.here, line.there)
    network.lose(PLACE, 1.0, says=says, hears=hears)
    try:
        lost.sendall(b"a")
        heard.settimeout(0.5)
        with pytest.raises(TimeoutError):
            heard.recv(1)
        # Nor is heard that this one has come; but it has.
        heard.sendall(b"b")
        assert lost.recv(1) == b"b"
    finally:
        network.lose_nothing(PLACE)
    heard.settimeout(20.0)
    assert heard.recv(1) == b"a"
