"""Keys in thousands of worlds of chance: each is applied once at most, and every answer is the truth.

`SIMULATION_RUNS=20000` plays more of them, and `SIMULATION_SEED=n` plays one.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from store_api.batches.numbers import Numbers
from store_api.claims import Claim, FindingOut
from store_api.claims.open_numbers import OpenNumbers
from store_api.commit.keyed import KeyedOperations
from store_api.commit.store_queue import Flight, StoreQueue
from store_api.stock import Operation
from tests.simulation.invariants import Violation
from tests.simulation.keyed_world import KeyedWorld
from tests.simulation.test_simulation import ONE_SEED, RUNS


def test_each_key_is_applied_once_at_most_and_every_answer_is_the_truth() -> None:
    for seed in range(RUNS) if ONE_SEED is None else [int(ONE_SEED)]:
        try:
            KeyedWorld(seed).play()
        except Violation as violation:
            pytest.fail(f"seed {seed}: {violation}", pytrace=False)


def play(seeds: Iterable[int]) -> None:
    for seed in seeds:
        KeyedWorld(seed).play()


async def without_a_fence(found: FindingOut, operation: Operation, claim: Claim) -> Any:
    stores: Any = found._stores
    documents = stores._end.documents
    number = documents.get(claim.store_id, {}).get("writers", {}).get(claim.writer, 0)
    if await found._claims.find(claim.key) != claim:
        return None
    return await found.replay(operation) if claim.is_proven_by(number) else claim


def claiming_nothing(flight: Flight) -> Iterator[object]:
    """The write goes out unclaimed."""
    return iter(())


async def taking_all_as_claimed(keyed: KeyedOperations, queues: Any) -> None:
    """What could not be claimed with the write goes out all the same."""


def proven_by_more(claim: Claim, found: int) -> bool:
    return found > claim.number and found != claim.number + 1


def proven_by_a_fence(claim: Claim, found: int) -> bool:
    return found >= claim.number


def noting_all(numbers: OpenNumbers) -> dict[str, int]:
    return {
        writer: highest
        for writer, highest in numbers._highest.items()
        if highest > numbers._noted.get(writer, 0)
    }


@pytest.mark.parametrize(
    ("of", "name", "mistake", "first"),
    [
        # It comes to light in one world of 300, a stale claim in one of 150: begun shortly before those.
        (FindingOut, "_end", without_a_fence, 1020),
        (Flight, "unclaimed", claiming_nothing, 0),
        (KeyedOperations, "claim", taking_all_as_claimed, 0),
        (Claim, "is_proven_by", proven_by_more, 0),
        (Claim, "is_proven_by", proven_by_a_fence, 0),
        (StoreQueue, "has_stale_claim", lambda queue: False, 100),
        (Numbers, "leave", lambda numbers, writer: None, 0),
        (OpenNumbers, "to_note", noting_all, 0),
    ],
)
def test_a_mistake_does_not_get_far(
    monkeypatch: pytest.MonkeyPatch, of: type, name: str, mistake: Callable[..., object], first: int
) -> None:
    monkeypatch.setattr(of, name, mistake)
    with pytest.raises(Violation):
        play(range(first, first + 300))
