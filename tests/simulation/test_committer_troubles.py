"""The committer in trouble, step by step: who is told what, and nobody is left waiting."""

import asyncio

import pytest

from store_api.batches.last_seen import LastSeen
from store_api.commit import Committer, store_queue
from store_api.errors import (
    BrokenDocument,
    NotApplied,
    OutcomeUnknown,
    OutOfStock,
    Overloaded,
)
from store_api.stock import Operation, Reply, Report
from store_api.storage.documents import ITEMS
from tests.simulation.nature import Fate, Nature
from tests.simulation.scenes import Fated, answers_of, demand, now, repository_of, supply
from tests.simulation.virtual_time import in_virtual_time

LONGEST_ELECTION_SECONDS = 15.0
"""How long a set with Compose's settings was seen to take after its primary fell silent without a word."""


@pytest.mark.parametrize("fate", [Fate.RACED, Fate.UNFIT], ids=str)
@in_virtual_time
async def test_a_batch_that_never_gets_through_is_turned_away_and_the_next_has_its_own_chance(
    fate: Fate,
) -> None:
    nature = Fated([fate] * (store_queue.MOST_ROUNDS + 1))
    committer = Committer(repository_of(nature, s={"a": 5}))
    first = committer.answer(demand("s", {"a": 1}))
    await asyncio.sleep(0.5)
    second = committer.answer(demand("s", {"a": 2}))
    turned_away = await first
    assert isinstance(turned_away, Overloaded if fate is Fate.RACED else BrokenDocument)
    assert getattr(turned_away, "applied", False) is False
    nature.fates = [fate]
    assert await second == Report("s", {"a": 3})


@in_virtual_time
async def test_a_document_that_refuses_after_others_came_between_is_not_broken_for_that() -> None:
    fates = [Fate.RACED] * 5 + [Fate.UNFIT, Fate.RACED, Fate.UNFIT, Fate.UNFIT]
    committer = Committer(repository_of(Fated(fates), s={"a": 5}))
    assert await committer.submit(demand("s", {"a": 1})) == Report("s", {"a": 4})


@in_virtual_time
async def test_our_own_fault_leaves_nobody_waiting_and_claims_nothing() -> None:
    repository = repository_of(Fated([Fate.FAULT]), s={"a": 5})
    committer = Committer(repository)
    first = committer.answer(supply("s", {"a": 1}))
    await asyncio.sleep(0.5)
    second = committer.answer(supply("s", {"a": 1}))
    assert isinstance(await first, OutcomeUnknown)
    assert await second == Report("s", {"a": 7})
    await committer.close()


@in_virtual_time
async def test_after_our_own_fault_the_next_batch_has_all_its_chances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_queue, "MOST_ROUNDS", 1)
    repository = repository_of(Fated([Fate.RACED, Fate.FAULT, Fate.RACED]), s={"a": 5})
    committer = Committer(repository)
    first = committer.answer(supply("s", {"a": 1}))
    await asyncio.sleep(0.5)
    second = committer.answer(supply("s", {"a": 1}))
    assert isinstance(await first, OutcomeUnknown)
    assert await second == Report("s", {"a": 7})


@in_virtual_time
async def test_a_demand_is_refused_though_the_memory_has_no_room_for_its_store() -> None:
    repository = repository_of(s={"a": 5, "b": 1})
    refusal, report = await answers_of(
        Committer(repository, last_seen=LastSeen(0)), demand("s", {"a": 6}), demand("s", {"a": 2})
    )
    assert isinstance(refusal, OutOfStock)
    assert report == Report("s", {"a": 3, "b": 1})
    assert repository.commands == ["apply", "read_many", "apply"]


@in_virtual_time
async def test_who_comes_later_does_not_hold_up_a_batch_that_goes_again() -> None:
    committer = Committer(repository_of(s={"x": 50}))
    waited: list[float] = []

    async def timed(operation: Operation) -> Reply:
        began = now()
        answer = await committer.answer(operation)
        waited.append(now() - began)
        return answer

    served, refused = [], []
    for number in range(50):
        # Each asks for an item that nobody has looked at yet, and that is not there.
        refused.append(asyncio.ensure_future(timed(demand("s", {f"item-{number}": 1}, minimal=True))))
        served.append(asyncio.ensure_future(timed(demand("s", {"x": 1}, minimal=True))))
        await asyncio.sleep(0.7)
    assert {type(answer) for answer in await asyncio.gather(*served)} == {Report}
    assert {type(answer) for answer in await asyncio.gather(*refused)} == {OutOfStock}
    # Each step takes a second, and a whole round about four; with newcomers on board it would be 43 seconds.
    assert max(waited) < 20


@in_virtual_time
async def test_who_is_refused_by_a_broken_document_is_told_that_nothing_was_applied() -> None:
    repository = repository_of(Nature(), s={"a": 1})
    committer = Committer(repository)
    # What was seen only in part is not asked for as a whole.
    await committer.submit(demand("s", {"a": 1}, minimal=True))
    repository.put("s", {"_id": "s", ITEMS: {"a": 1, "b": "many"}})
    refused, served = await answers_of(committer, demand("s", {"a": 9}), supply("s", {"a": 1}))
    assert isinstance(refused, BrokenDocument)
    assert isinstance(served, BrokenDocument)
    assert (refused.applied, served.applied) == (False, True)


@in_virtual_time
async def test_a_document_that_cannot_take_a_change_is_read_whole_to_tell_why() -> None:
    repository = repository_of()
    repository.put("s", {"_id": "s", ITEMS: "gone"})
    with pytest.raises(BrokenDocument, match="'items' is not an object"):
        await Committer(repository).submit(supply("s", {"a": 1}, minimal=True))
    assert repository.commands == ["apply", "read_many"]


@in_virtual_time
async def test_refusals_of_what_a_store_never_held_sweep_nothing() -> None:
    repository = repository_of(s={"a": 1})
    committer = Committer(repository)
    for number in range(100):
        with pytest.raises(NotApplied):
            await committer.submit(demand("s", {f"item-{number}": 1}, minimal=True))
    await committer.close()
    assert "sweep" not in repository.commands


@pytest.mark.parametrize("fate", [Fate.REPLY_LOST, Fate.LATE], ids=str)
@in_virtual_time
async def test_a_set_that_takes_long_to_elect_another_primary_leaves_nobody_in_doubt(fate: Fate) -> None:
    repository = repository_of(Fated([fate]), s={"a": 5})
    answer = Committer(repository).answer(demand("s", {"a": 1}))
    await asyncio.sleep(1.5)
    repository.hold("s", LONGEST_ELECTION_SECONDS)
    assert await answer == Report("s", {"a": 4})
