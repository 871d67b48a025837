"""Thousands of worlds of chance; each is the same every time, and mistakes come to light in them.

`SIMULATION_RUNS=100000` plays more of them, and `SIMULATION_SEED=n` plays one and tells its story.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import pytest

from store_api.batches.conclude import conclude
from store_api.batches.decide import Decision, decide
from store_api.batches.last_seen import Seen
from store_api.batches.numbers import Numbers
from store_api.commit import round_trip, store_queue
from store_api.commit.held_stores import HeldStores
from store_api.commit.store_queue import StoreQueue
from store_api.errors import OutOfStock, StoreApiError, StoreNotFound
from store_api.stock import (
    Answer,
    Change,
    Operation,
    Report,
    Stamp,
    Written,
    written_by_number,
    written_despite,
)
from tests.simulation import fake_repository
from tests.simulation.fake_documents import number_in
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.invariants import Violation
from tests.simulation.simulation import Simulation

RUNS = int(os.environ.get("SIMULATION_RUNS", "2000"))
ONE_SEED = os.environ.get("SIMULATION_SEED")


def test_whatever_goes_wrong_every_answer_is_the_truth() -> None:
    for seed in range(RUNS) if ONE_SEED is None else [int(ONE_SEED)]:
        simulation = Simulation(seed)
        try:
            simulation.play()
        except Violation as violation:
            story = "" if ONE_SEED is None else "\n".join(["", *simulation.story()])
            pytest.fail(f"seed {seed}: {violation}; SIMULATION_SEED={seed} tells how{story}", pytrace=False)


def test_a_seed_always_tells_the_same_story() -> None:
    first, second = ([story_of(seed) for seed in range(20)] for _ in range(2))
    assert first == second
    assert len({len(story) for story in first}) > 10


def play(seeds: Iterable[int]) -> None:
    for seed in seeds:
        Simulation(seed).play()


def story_of(seed: int) -> list[str]:
    simulation = Simulation(seed)
    simulation.play()
    return list(simulation.story())


def without_guard(operations: Sequence[Operation], seen: Seen | None) -> Decision:
    decision = decide(operations, seen)
    change = decision.change
    return Decision(
        change and Change(change.store_id, change.increments, {}, empties=change.empties), decision.passed
    )


def taking_unknown_for_certain(error: StoreApiError) -> Written:
    written = written_despite(error)
    return Written.UNAVAILABLE if written is Written.UNKNOWN else written


def serving_whoever_waits(*known: Any) -> list[Answer | None]:
    return [Report("store-0", {}) if answer is None else answer for answer in conclude(*known)]


def refusing_without_proof(*known: Any) -> list[Answer | None]:
    return [StoreNotFound("store-0") if answer is None else answer for answer in conclude(*known)]


def keeping_whoever_is_refused(*known: Any) -> list[Answer | None]:
    return [None if isinstance(answer, OutOfStock) else answer for answer in conclude(*known)]


def taking_held_for_unknown(error: StoreApiError) -> Written:
    written = written_despite(error)
    return Written.UNKNOWN if written is Written.HELD else written


def keeping_held_among_others(held: HeldStores, queue: StoreQueue) -> None:
    held._release(queue)


def finding_out_without_a_fence(repository: FakeRepository, change: Change) -> Written:
    document = repository.documents.get(change.store_id)
    if document is None:
        return Written.LOST
    return written_by_number(change.stamp, number_in(document, change.stamp.writer))


def taking_fenced_for_applied(stamp: Stamp, found: int) -> Written:
    return Written.APPLIED if found >= stamp.number else Written.FENCED


def using_a_number_again(numbers: Numbers) -> int:
    return 2


@pytest.mark.parametrize(
    ("room", "name", "mistake"),
    [
        (store_queue, "decide", without_guard),
        (round_trip, "written_despite", taking_unknown_for_certain),
        (store_queue, "conclude", serving_whoever_waits),
        (store_queue, "conclude", refusing_without_proof),
        (store_queue, "conclude", keeping_whoever_is_refused),
        (round_trip, "written_despite", taking_held_for_unknown),
        (HeldStores, "put", keeping_held_among_others),
        (FakeRepository, "_find_out", finding_out_without_a_fence),
        (fake_repository, "written_by_number", taking_fenced_for_applied),
        (Numbers, "next", using_a_number_again),
    ],
)
def test_a_mistake_does_not_get_far(
    monkeypatch: pytest.MonkeyPatch, room: ModuleType | type, name: str, mistake: Callable[..., object]
) -> None:
    monkeypatch.setattr(room, name, mistake)
    with pytest.raises(Violation):
        play(range(100))
