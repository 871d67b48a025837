"""Frames past the queues: in order, together, and never to who does not keep up or is going away."""

import asyncio
from dataclasses import dataclass, field

from websockets.protocol import State

from store_api.web.socket_writers import LONGEST_PAUSE_SECONDS, MOST_UNSENT, SocketWriter, SocketWriters


@dataclass
class Line:
    """A connection: what a transport and a websocket's protocol tell, and what was written."""

    state: State = State.OPEN
    closing: bool = False
    unsent: int = 0
    written: list[bytes] = field(default_factory=list)

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(socket_writers: SocketWriters, line: Line) -> SocketWriter:
    return socket_writers.open(line, line, lambda: line.unsent)


async def test_the_frames_of_one_turn_go_out_in_one_write_to_each_client() -> None:
    socket_writers, lines = SocketWriters(Clock()), [Line(), Line()]
    first, second = (opened(socket_writers, line) for line in lines)
    assert first.write(b"1")
    assert second.write(b"1")
    assert first.write(b"2")
    assert lines[0].written == []
    await asyncio.sleep(0)
    assert first.write(b"3")
    await asyncio.sleep(0)
    assert [line.written for line in lines] == [[b"12", b"3"], [b"1"]]


async def test_what_is_waiting_counts_as_unsent() -> None:
    line = Line()
    socket_writer = opened(SocketWriters(Clock()), line)
    assert socket_writer.write(b"x" * (MOST_UNSENT + 1))
    assert not socket_writer.write(b"y")
    await asyncio.sleep(0)
    line.unsent = MOST_UNSENT + 1
    assert not socket_writer.write(b"y")
    line.unsent = MOST_UNSENT
    assert socket_writer.write(b"y")


async def test_nothing_is_written_to_who_is_going_away() -> None:
    for line in (Line(state=State.CLOSING), Line(state=State.CLOSED), Line(closing=True)):
        assert not opened(SocketWriters(Clock()), line).write(b"x")
    for change in ("state", "closing"):
        line = Line()
        assert opened(SocketWriters(Clock()), line).write(b"x")
        setattr(line, change, State.CLOSING if change == "state" else True)
        await asyncio.sleep(0)
        assert line.written == []


async def test_one_who_goes_away_costs_the_others_nothing() -> None:
    socket_writers, gone, stays = SocketWriters(Clock()), Line(), Line()
    assert opened(socket_writers, gone).write(b"x")
    assert opened(socket_writers, stays).write(b"x")
    gone.closing = True
    await asyncio.sleep(0)
    assert stays.written == [b"x"]


async def test_after_a_write_that_took_long_what_follows_waits_for_as_long_and_goes_out_together() -> None:
    clock, line = Clock(), Line()
    socket_writers = SocketWriters(clock)

    class Slow(Line):
        def write(self, data: bytes) -> None:
            clock.now += 0.002
            super().write(data)

    slow = Slow()
    socket_writer, other = opened(socket_writers, slow), opened(socket_writers, line)
    assert socket_writer.write(b"1")
    assert other.write(b"1")
    await asyncio.sleep(0)
    assert (slow.written, line.written) == ([b"1"], [b"1"])
    assert socket_writer.write(b"2")
    await asyncio.sleep(0)
    assert socket_writer.write(b"3")
    assert slow.written == [b"1"]
    while len(slow.written) == 1:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert slow.written == [b"1", b"23"]
    clock.now += LONGEST_PAUSE_SECONDS
    assert socket_writer.write(b"4")
    await asyncio.sleep(0)
    assert slow.written == [b"1", b"23", b"4"]


async def test_what_is_refused_and_goes_another_way_overtakes_nothing() -> None:
    line = Line()
    socket_writer = opened(SocketWriters(Clock()), line)
    assert socket_writer.write(b"1")
    line.unsent = MOST_UNSENT
    assert not socket_writer.write(b"2")
    assert line.written == [b"1"]
    await asyncio.sleep(0)
    assert line.written == [b"1"]
