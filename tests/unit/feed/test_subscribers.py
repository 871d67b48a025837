"""One subscriber's queue: all frames while it keeps up, each store's newest when not, the last one always."""

import asyncio
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.feed import subscribers as queues
from store_api.feed.subscribers import ReportSubscriber

Offers = list[tuple[str, str]]

offers = st.lists(st.tuples(st.sampled_from("abc"), st.text("xyz", max_size=9)), max_size=60)
# None takes a frame out; what is offered is numbered, so that every frame is another.
steps = st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=80)
limits = st.tuples(st.integers(1, 12), st.integers(1, 60))


async def take_all(subscriber: ReportSubscriber) -> list[str]:
    frames = []
    while subscriber.waiting:
        frame = await subscriber.next()
        assert frame is not None
        frames.append(frame)
    return frames


def numbered(store_ids: str) -> Offers:
    return [(store_id, f"{store_id}{number}") for number, store_id in enumerate(store_ids)]


def with_limits(patch: pytest.MonkeyPatch, frames: int, characters: int) -> None:
    patch.setattr(queues, "MOST_FRAMES", frames)
    patch.setattr(queues, "MOST_BYTES", characters)


@given(offers)
async def test_a_listener_that_keeps_up_gets_every_frame_in_order(offered: Offers) -> None:
    subscriber = ReportSubscriber()
    for store_id, frame in offered:
        subscriber.offer(store_id, frame)
    assert await take_all(subscriber) == [frame for _, frame in offered]
    assert subscriber.skipped == 0


@given(steps, limits)
async def test_the_last_frame_of_every_store_survives_whatever_is_skipped(
    taken_or_offered: list[str | None], limit: tuple[int, int]
) -> None:
    subscriber, offered, got = ReportSubscriber(), dict[str, list[str]](), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        with_limits(patch, *limit)
        for number, step in enumerate(taken_or_offered):
            if step is not None:
                offered.setdefault(step, []).append(f"{step}{number}")
                subscriber.offer(step, f"{step}{number}")
            elif subscriber.waiting:
                got.append(await subscriber.next() or "")
        got += await take_all(subscriber)
    for store_id, frames in offered.items():
        mine = [frame for frame in got if frame[0] == store_id]
        assert mine[-1] == frames[-1]
        assert [frame for frame in frames if frame in mine] == mine
    assert len(got) + subscriber.skipped == sum(map(len, offered.values()))


@given(steps, limits)
async def test_no_more_waits_than_the_limits_or_one_frame_a_store(
    taken_or_offered: list[str | None], limit: tuple[int, int]
) -> None:
    frames, characters = limit
    subscriber, waiting = ReportSubscriber(), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        with_limits(patch, frames, characters)
        for number, step in enumerate(taken_or_offered):
            if step is not None:
                subscriber.offer(step, f"{step}{number}")
                waiting.append(step)
            elif subscriber.waiting:
                await subscriber.next()
            assert subscriber.waiting <= max(frames, len(set(waiting)))


async def test_a_store_stands_where_its_newest_frame_came(monkeypatch: pytest.MonkeyPatch) -> None:
    with_limits(monkeypatch, 3, 10**6)
    subscriber = ReportSubscriber()
    for store_id, frame in numbered("aabab"):
        subscriber.offer(store_id, frame)
    assert await take_all(subscriber) == ["a3", "b4"]
    assert subscriber.skipped == 3


async def test_bytes_count_as_well_as_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    with_limits(monkeypatch, 10**6, 10)
    subscriber = ReportSubscriber()
    subscriber.offer("a", "x" * 6)
    subscriber.offer("a", "y" * 4)
    assert subscriber.waiting == 2
    subscriber.offer("a", "z")
    assert await take_all(subscriber) == ["z"]


async def test_a_frame_larger_than_the_limit_is_sent_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with_limits(monkeypatch, 10, 5)
    subscriber = ReportSubscriber()
    subscriber.offer("a", "x" * 50)
    assert await take_all(subscriber) == ["x" * 50]


async def test_a_listener_that_has_caught_up_gets_every_frame_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with_limits(monkeypatch, 2, 10)
    subscriber = ReportSubscriber()
    for store_id, frame in numbered("aaa"):
        subscriber.offer(store_id, frame)
    assert await take_all(subscriber) == ["a2"]
    for store_id, frame in numbered("bb"):
        subscriber.offer(store_id, frame)
    assert await take_all(subscriber) == ["b0", "b1"]
    assert subscriber.skipped == 2


async def test_falling_behind_on_many_stores_costs_no_more_than_the_frames() -> None:
    def seconds(stores: int) -> float:
        subscriber = ReportSubscriber()
        names = [f"store-{number}" for number in range(stores)]
        began = thread_time()
        for name in names:
            subscriber.offer(name, name)
        return thread_time() - began

    few, many = min(seconds(2_000) for _ in range(3)), min(seconds(20_000) for _ in range(3))
    # Ten times the frames: a cost that grew with the square would be a hundred times.
    assert many < 40 * few + 0.01


async def test_waiting_ends_with_the_next_frame() -> None:
    subscriber = ReportSubscriber()
    waiting = asyncio.create_task(subscriber.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    subscriber.offer("a", "frame")
    assert await waiting == "frame"


async def test_a_closed_listener_is_over_whether_it_waits_or_not() -> None:
    subscriber = ReportSubscriber()
    waiting = asyncio.create_task(subscriber.next())
    await asyncio.sleep(0)
    subscriber.close()
    assert await waiting is None
    subscriber.offer("a", "too late")
    assert await subscriber.next() is None


async def test_whoever_gives_up_waiting_loses_no_frame() -> None:
    subscriber = ReportSubscriber()
    waiting = asyncio.create_task(subscriber.next())
    await asyncio.sleep(0)
    subscriber.offer("a", "frame")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await subscriber.next() == "frame"


async def test_a_frame_goes_past_the_queue_only_while_nothing_waits_in_it() -> None:
    subscriber, written, keeps_up = ReportSubscriber(), list[bytes](), True

    def write(wire: bytes) -> bool:
        if keeps_up:
            written.append(wire)
        return keeps_up

    subscriber.write_at_once = write
    # Before anybody asks for a frame, what was offered first is still to come.
    subscriber.offer("s", "1", wire=b"1")
    assert await subscriber.next() == "1"
    subscriber.offer("s", "2", wire=b"2")
    assert await subscriber.next() == "2"
    asking = asyncio.create_task(subscriber.next())
    await asyncio.sleep(0)
    subscriber.offer("s", "3", wire=b"3")
    keeps_up = False
    subscriber.offer("s", "4", wire=b"4")
    keeps_up = True
    # Room again, but the fourth has not left yet.
    subscriber.offer("s", "5", wire=b"5")
    assert await asking == "4"
    assert await subscriber.next() == "5"
    assert written == [b"3"]
    assert subscriber.sent == 5
