"""The judge of the torture finds what is wrong, and nothing else: each kind of wrong is planted once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.account import LEFT, RIGHT, RISING, Book, Lane, Operation, Store
from tests.torture.plan import KINDS, TARGETS, faults_of
from tests.torture.story import Story

SUPPLY = Operation("supply", {"a": 4, "b": 1}, {LEFT: 2, RIGHT: 2, RISING: 1})
DEMAND = Operation("demand", {"a": 3}, {LEFT: 1, RIGHT: 1})
CLEAN = Operation("clean", {})
EVERYTHING = {"network", "packets", "late", "clock", "disk"}


def supplied() -> tuple[Store, Lane, dict[str, int]]:
    """Give a store with one lane, after one supply, and what it holds."""
    store = Store("m0-0-1")
    lane = store.lane("a", "b")
    assert lane.applied(SUPPLY, {"a": 4, "b": 1}) is None
    return store, lane, {"a": 4, "b": 1, LEFT: 2, RIGHT: 2, RISING: 1}


def test_what_is_as_all_were_told_is_right() -> None:
    store, lane, found = supplied()
    assert lane.applied(DEMAND, {"a": 1}) is None
    assert lane.refused(Operation("demand", {"a": 2}), {"a": 1}, existed=True) is None
    assert lane.refused(Operation("demand", {"a": 1}, {LEFT: 9}), {LEFT: 1}, existed=True) is None
    found |= {"a": 1, LEFT: 1, RIGHT: 1}
    assert list(store.contradictions(found)) == []
    alone = Store("p0-0-1").lane("a")
    assert alone.refused(CLEAN, None, existed=False) is None
    assert alone.applied(Operation("supply", {"a": 1}), None) is None
    assert alone.applied(CLEAN, {}) is None
    assert list(alone.store.contradictions({})) == []


@pytest.mark.parametrize(
    "change",
    [
        {"a": 0, "b": 0, LEFT: 0, RIGHT: 0, RISING: 0},  # lost
        {"a": 8, "b": 2, LEFT: 4, RIGHT: 4, RISING: 2},  # doubled
        {"b": 0},  # half of it
        {LEFT: 1},
        {RISING: 2},
        {"a": -1},
        {"c": 1},
    ],
    ids=str,
)
def test_what_is_lost_doubled_halved_negative_or_strange_is_found(change: dict[str, int]) -> None:
    store, _, found = supplied()
    assert list(store.contradictions(found)) == []
    assert list(store.contradictions(found | change)) != []


def test_what_nobody_knows_may_be_so_or_so_and_whole() -> None:
    store, lane, before = supplied()
    lane.unknown(DEMAND)
    assert not lane.is_open
    after = before | {"a": 1, LEFT: 1, RIGHT: 1}
    assert list(store.contradictions(before)) == []
    assert list(store.contradictions(after)) == []
    assert list(store.contradictions(after | {LEFT: 2, RIGHT: 2})) != []
    assert list(store.contradictions(before | {LEFT: 1, RIGHT: 1})) != []
    assert list(store.contradictions(before | {"a": -2, LEFT: 0, RIGHT: 0})) != []  # twice


@pytest.mark.parametrize(
    "lie",
    [
        lambda lane: lane.applied(DEMAND, {"a": 2}),
        lambda lane: lane.applied(DEMAND, {}),
        lambda lane: lane.applied(Operation("demand", {"a": 5}), None),
        lambda lane: lane.refused(Operation("demand", {"a": 4}), {"a": 3}, existed=True),
        lambda lane: lane.refused(Operation("demand", {"a": 5}), {"a": 5}, existed=True),
        lambda lane: lane.refused(Operation("demand", {"a": 5}), {}, existed=True),
        lambda lane: lane.refused(Operation("demand", {"a": 5}, {LEFT: 3}), {LEFT: 2}, existed=True),
        lambda lane: lane.refused(SUPPLY, {"a": 4}, existed=True),
        lambda lane: lane.refused(DEMAND, None, existed=True),
        lambda lane: lane.refused(SUPPLY, None, existed=False),
    ],
)
def test_an_answer_that_cannot_be_is_found(lie: Callable[[Lane], str | None]) -> None:
    _, lane, _ = supplied()
    assert lie(lane) is not None


def test_what_was_deleted_does_not_come_back() -> None:
    book = Book(3)
    store = book.store("m", 1)
    lane = store.lane("a", "b")
    lane.applied(SUPPLY, None)
    book.doom()
    assert not lane.is_open
    assert book.store("m", 1) is not store
    assert list(store.contradictions({})) == []
    assert list(store.contradictions({"a": 4})) != []
    # What was on its way may have come after, and once.
    lane.applied(SUPPLY, None)
    assert list(store.contradictions({"a": 4, "b": 1, LEFT: 2, RIGHT: 2, RISING: 1})) == []
    assert list(store.contradictions({"a": 8})) != []


def test_what_is_in_doubt_may_come_back_however_late_that_is_noted() -> None:
    book = Book(3)
    store = book.store("m", 1)
    lane, late = store.lane("a", "b"), store.lane("c")
    lane.unknown(SUPPLY)
    book.doom()
    # In the midst of `unknown`, whose caller had seen a store that was not doomed yet.
    late.doubt = Operation("supply", {"c": 1})
    assert list(store.contradictions({"a": 4, "b": 1, LEFT: 2, RIGHT: 2, RISING: 1, "c": 1})) == []
    assert list(store.contradictions({"a": 8})) != []
    assert list(store.contradictions({"c": 2})) != []


def test_a_write_that_waited_for_no_majority_may_go_and_one_that_did_may_not() -> None:
    store, _, found = supplied()
    store.marks["mark"] = (20, 31)
    for mark, is_wrong in ((20, False), (31, False), (19, True), (32, True)):
        assert any(store.contradictions(found | {"mark": mark})) is is_wrong


def test_the_same_seed_plans_the_same_and_what_a_machine_lacks_changes_nothing_else() -> None:
    faults = faults_of(7, 0, 3600, EVERYTHING)
    assert faults == faults_of(7, 0, 3600, EVERYTHING)
    assert faults != faults_of(8, 0, 3600, EVERYTHING)
    assert faults != faults_of(7, 1, 3600, EVERYTHING)
    assert Counter(fault.kind for fault in faults).keys() == KINDS.keys()
    assert 3.5 < 3600 / len(faults) < 4.5
    assert all(fault.which < TARGETS[KINDS[fault.kind].target] for fault in faults)
    few = faults_of(7, 0, 3600, {"disk"})
    assert few == [fault for fault in faults if KINDS[fault.kind].needs in ("", "disk")]


def test_the_story_tells_what_touches_what_is_wrong(tmp_path: Path) -> None:
    story = Story()
    story.note("m0-0-1", "c1.1a", "a supply", "applied")
    story.note("m0-0-2", "c2.1a", "another supply", "applied")
    story.fault("kill_member 1 begins")
    story.wrong("m0-0-1 c1.1a: holds 4, and not 5")
    told = "\n".join(story.write(tmp_path / "story.txt", ["seed 7"]))
    for part in ("seed 7", "holds 4, and not 5", "kill_member 1 begins", "c1.1a a supply: applied"):
        assert part in told
    assert "another supply" not in told
    assert (tmp_path / "story.txt").read_text().startswith("seed 7")
