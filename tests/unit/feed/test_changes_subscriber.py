"""One subscriber to changes: each in a frame while it keeps up, merged by store when not, and none lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import BrokenDocument
from store_api.feed import changes_subscriber
from store_api.feed import subscribers as queues
from store_api.feed.changes_subscriber import ChangesSubscriber
from store_api.reports import encoding
from store_api.reports.encoding import broken_frame_of, changes_frames_of
from store_api.stock import Stock
from tests.support.feed_world import BROKEN_TOLD, quantities

some_lines = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=3)
# None takes a frame out.
steps = st.lists(st.none() | st.tuples(st.sampled_from("ab"), some_lines), max_size=60)


def frame_of(store_id: str, lines: Stock) -> str:
    (part,) = changes_frames_of(store_id, lines)
    return part.frame


def offer(subscriber: ChangesSubscriber, store_id: str, **lines: int) -> None:
    subscriber.offer(store_id, frame_of(store_id, lines), lines)


async def take_all(subscriber: ChangesSubscriber) -> list[tuple[str, Stock]]:
    frames = []
    while subscriber.waiting:
        frames.append(quantities(await subscriber.next() or ""))
    return frames


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> ChangesSubscriber:
    """Somebody who has fallen behind as soon as two frames wait."""
    monkeypatch.setattr(queues, "MOST_FRAMES", 1)
    return ChangesSubscriber()


@given(steps, st.integers(0, 5), st.integers(50, 300))
async def test_nothing_that_was_said_is_lost_whatever_is_merged(
    taken_or_offered: list[tuple[str, Stock] | None], most_frames: int, most_bytes: int
) -> None:
    subscriber, said, heard = ChangesSubscriber(), dict[str, Stock](), dict[str, Stock]()
    got = offers = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "MOST_FRAMES", most_frames)
        patch.setattr(queues, "MOST_BYTES", most_bytes)
        for step in [*taken_or_offered, *[None] * len(taken_or_offered)]:
            if step is not None:
                offers += 1
                offer(subscriber, step[0], **step[1])
                said.setdefault(step[0], {}).update(step[1])
            elif subscriber.waiting:
                got += 1
                store_id, lines = quantities(await subscriber.next() or "")
                heard.setdefault(store_id, {}).update(lines)
            assert subscriber.waiting <= max(most_frames, 2)
    assert heard == said
    assert got + subscriber.skipped == offers


async def test_while_it_keeps_up_the_frame_itself_is_handed_on() -> None:
    subscriber, frame = ChangesSubscriber(), frame_of("a", {"x": 1})
    subscriber.offer("a", frame, {"x": 1})
    assert await subscriber.next() is frame


async def test_merged_lines_have_their_newest_quantity_and_come_and_gone_is_gone(
    behind: ChangesSubscriber,
) -> None:
    offer(behind, "a", x=1, y=5)
    offer(behind, "a", x=0)
    offer(behind, "b", z=2)
    offer(behind, "a")
    assert await take_all(behind) == [("a", {"x": 0, "y": 5}), ("b", {"z": 2})]
    assert behind.skipped == 2


async def test_merging_leaves_alone_what_others_wait_for(behind: ChangesSubscriber) -> None:
    shared = {"x": 1}
    behind.offer("a", "frame", shared)
    offer(behind, "a", x=2)
    offer(behind, "a", y=3)
    assert shared == {"x": 1}


async def test_a_store_that_changes_all_the_time_keeps_its_place(behind: ChangesSubscriber) -> None:
    offer(behind, "busy", x=1)
    offer(behind, "calm", x=1)
    offer(behind, "busy", x=2)
    assert await take_all(behind) == [("busy", {"x": 2}), ("calm", {"x": 1})]


async def test_who_has_caught_up_gets_every_change_again(behind: ChangesSubscriber) -> None:
    offer(behind, "a", x=1)
    offer(behind, "a", x=2)
    assert await take_all(behind) == [("a", {"x": 2})]
    for quantity in (3, 4):
        offer(behind, "a", x=quantity)
        assert await take_all(behind) == [("a", {"x": quantity})]


async def test_whole_reports_come_before_all_changes_and_stay_however_large(
    behind: ChangesSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MOST_BYTES", 200)
    whole = [frame_of(store_id, {"x" * 300: 1}) for store_id in "ab"]
    for store_id, frame in zip("ab", whole, strict=True):
        behind.offer(store_id, frame)
    for quantity in (1, 2):
        offer(behind, "a", x=quantity)
    assert [await behind.next() for _ in "ab"] == whole
    assert await take_all(behind) == [("a", {"x": 2})]


async def test_who_would_need_more_lines_than_are_kept_is_let_go_as_too_slow(
    behind: ChangesSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_subscriber, "MOST_MERGED_LINES", 3)
    offer(behind, "a", x=1, y=1)
    offer(behind, "b", x=1)
    offer(behind, "a", x=2)
    assert (behind.too_slow, behind.waiting) == (False, 2)
    offer(behind, "b", y=1)
    assert (behind.too_slow, behind.waiting) == (True, 0)
    offer(behind, "b", y=2)
    assert (behind.waiting, await behind.next()) == (0, None)


async def test_lines_that_were_taken_do_not_count_any_more(
    behind: ChangesSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_subscriber, "MOST_MERGED_LINES", 3)
    for _ in range(5):
        offer(behind, "a", x=1, y=1)
        offer(behind, "b", x=1)
        assert len(await take_all(behind)) == 2
    assert not behind.too_slow


async def test_one_change_of_more_lines_is_sent_all_the_same(
    behind: ChangesSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_subscriber, "MOST_MERGED_LINES", 1)
    monkeypatch.setattr(queues, "MOST_BYTES", 1)
    offer(behind, "a", x=1, y=1, z=0)
    assert await take_all(behind) == [("a", {"x": 1, "y": 1, "z": 0})]


# "ab" says lines, "AB" that the store is broken; None takes a frame out.
@given(st.lists(st.none() | st.sampled_from("abAB"), max_size=60), st.integers(0, 5))
async def test_a_broken_store_is_told_in_its_place_whatever_is_merged(
    taken_or_offered: list[str | None], most_frames: int
) -> None:
    subscriber, said = ChangesSubscriber(), {"a": list[Stock](), "b": list[Stock]()}
    heard: dict[str, list[Stock]] = {"a": [], "b": []}
    got = offers = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "MOST_FRAMES", most_frames)
        for step in [*taken_or_offered, *[None] * len(taken_or_offered)]:
            if step is not None:
                offers += 1
                store_id = step.lower()
                if step == store_id:
                    said[store_id].append({"x": offers})
                    offer(subscriber, store_id, x=offers)
                else:
                    said[store_id].append(BROKEN_TOLD)
                    subscriber.offer_broken(store_id, broken_frame_of(BrokenDocument(store_id, "odd")))
            elif subscriber.waiting:
                got += 1
                whose, lines = quantities(await subscriber.next() or "")
                heard[whose].append(lines)
            assert subscriber.waiting <= max(most_frames, 4)
    for store_id, frames in said.items():
        position = 0
        for lines in heard[store_id]:
            position = frames.index(lines, position)
        assert heard[store_id][-1:] == frames[-1:]
    assert got + subscriber.skipped == offers


async def test_a_merged_change_that_is_large_comes_in_parts_before_what_changed_since(
    behind: ChangesSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "LARGEST_PART", 100)
    offer(behind, "a", x=1, y=1)
    offer(behind, "b", x=1)
    offer(behind, "a", x=2, z=2)
    first = await behind.next() or ""
    offer(behind, "a", x=3)
    stock, frames = dict[str, int](), [first, *[await behind.next() or "" for _ in range(behind.waiting)]]
    of_a = [frame for frame in frames if quantities(frame)[0] == "a"]
    for frame in of_a:
        stock |= quantities(frame)[1]
    assert stock == {"x": 3, "y": 1, "z": 2}
    assert ['"more":true' in frame for frame in of_a] == [True, True, False, False]
    assert max(map(len, frames)) <= 100
