"""The committer, step by step: who goes out with whom, and what each scene costs."""

import asyncio

import pytest

from store_api.batches.last_seen import TRUSTED
from store_api.commit import Committer, lanes
from store_api.errors import (
    OutOfStock,
    Overloaded,
    StoreNotFound,
)
from store_api.stock import Change, Report
from store_api.storage.documents import ITEMS
from tests.simulation.nature import Nature
from tests.simulation.scenes import answers_of, clean, demand, now, repository_of, supply
from tests.simulation.virtual_time import in_virtual_time


@in_virtual_time
async def test_an_idle_service_writes_at_once_with_one_command() -> None:
    repository = repository_of(Nature(), s={"a": 5})
    assert await Committer(repository).submit(demand("s", {"a": 2})) == Report("s", {"a": 3})
    assert repository.commands == ["apply"]
    assert now() == 0


@in_virtual_time
async def test_what_comes_while_a_write_is_in_flight_goes_out_together() -> None:
    repository = repository_of(s={"a": 5})
    committer = Committer(repository)
    first = committer.answer(demand("s", {"a": 1}))
    await asyncio.sleep(0.5)
    others = await answers_of(
        committer, *[supply("s", {"a": 10})] * 50, demand("s", {"a": 5000}), demand("s", {"a": 9})
    )
    assert await first == Report("s", {"a": 4})
    assert others[:50] == [Report("s", {"a": 495})] * 50
    assert isinstance(others[50], OutOfStock)
    assert others[51] == Report("s", {"a": 495})
    assert repository.commands == ["apply", "apply"]


@in_virtual_time
async def test_a_whole_batch_shares_one_report() -> None:
    committer = Committer(repository_of(s={"a": 5}))
    await committer.submit(supply("s", {"a": 1}))
    first, second = await answers_of(committer, supply("s", {"a": 1}), supply("s", {"b": 1}))
    assert first is second


@in_virtual_time
async def test_many_stores_take_one_write_and_one_reading() -> None:
    repository = repository_of()
    committer = Committer(repository, lanes=1)
    reports = await answers_of(committer, *(supply(f"s{number}", {"a": number}) for number in range(1, 60)))
    assert reports == [Report(f"s{number}", {"a": number}) for number in range(1, 60)]
    # Of the stores that are written to for the first time some are swept.
    assert [command for command in repository.commands if command != "sweep"] == ["apply_many", "read_many"]


@in_virtual_time
async def test_a_slow_store_holds_up_one_lane_which_another_one_replaces_and_so_many_may_be_slow() -> None:
    repository = repository_of()
    committer = Committer(repository, lanes=2)
    slow = committer.answer(supply("slow", {"a": 1}))
    await asyncio.sleep(0.5)
    await answers_of(committer, supply("s1", {"a": 1}))
    assert slow.done()
    await answers_of(committer, *(supply(f"s{number}", {"a": 1}) for number in range(300)))
    assert 2 < repository.most_at_once <= 2 + lanes.MOST_SLOW
    assert not repository.history.violations


@in_virtual_time
async def test_refusals_cost_no_write_once_the_stock_is_known_and_one_reading_proves_them_all() -> None:
    repository = repository_of(s={"a": 5})
    committer = Committer(repository)
    await committer.submit(supply("s", {"a": 1}))
    refusals = await answers_of(committer, *[demand("s", {"a": 7})] * 20)
    assert all(isinstance(refusal, OutOfStock) for refusal in refusals)
    assert repository.commands == ["apply", "read_many"]


@in_virtual_time
async def test_old_news_refuses_nobody_and_serves_nobody() -> None:
    repository = repository_of(s={"a": 5})
    committer = Committer(repository)
    await committer.submit(demand("s", {"a": 5}))
    repository.put("s", {"_id": "s", ITEMS: {"a": 5}})
    assert await committer.submit(demand("s", {"a": 5})) == Report("s", {})
    await committer.submit(supply("s", {"a": 5}))
    repository.put("s", {"_id": "s", ITEMS: {"a": 1}})
    with pytest.raises(OutOfStock) as refusal:
        await committer.submit(demand("s", {"a": 2}))
    assert [short.available for short in refusal.value.shortages] == [1]
    repository.put("s", None)
    for operation in (demand("s", {"a": 1}), clean("s")):
        with pytest.raises(StoreNotFound):
            await committer.submit(operation)


@in_virtual_time
async def test_operations_sent_one_after_the_other_without_waiting_keep_their_order() -> None:
    repository = repository_of()
    committer = Committer(repository)
    answers = await answers_of(
        committer,
        supply("s", {"a": 5}),
        demand("s", {"a": 5}),
        supply("s", {"a": 7}),
        clean("s"),
        demand("s", {"a": 1}),
        supply("s", {"b": 2}),
        demand("s", {"b": 2}),
        clean("s"),
        supply("s", {"c": 1}),
    )
    assert isinstance(answers[4], OutOfStock)
    del answers[4]
    assert [isinstance(answer, Report) for answer in answers] == [True] * 8
    assert repository.documents["s"][ITEMS] == {"c": 1}


@in_virtual_time
async def test_an_operation_whose_client_goes_away_is_carried_out_and_so_is_its_batch() -> None:
    repository = repository_of(s={"a": 5})
    committer = Committer(repository)
    gone = [asyncio.create_task(committer.submit(supply("s", {"a": 10}))) for _ in range(2)]
    await asyncio.sleep(0.5)
    waiting = committer.answer(supply("s", {"a": 100}))
    gone.append(asyncio.create_task(committer.submit(supply("s", {"a": 10}))))
    await asyncio.sleep(0.1)
    for task in gone:
        task.cancel()
    assert await waiting == Report("s", {"a": 135})
    assert [task.cancelled() for task in gone] == [True] * 3


@in_virtual_time
async def test_beyond_the_bound_operations_are_turned_away_until_there_is_room_again() -> None:
    repository = repository_of(s={"a": 5})
    committer = Committer(repository, most_waiting=3)
    answers = await answers_of(committer, *[supply("s", {"a": 1})] * 4)
    assert [type(answer) for answer in answers] == [Report, Report, Report, Overloaded]
    assert await committer.submit(supply("s", {"a": 1})) == Report("s", {"a": 9})


@in_virtual_time
async def test_close_waits_for_every_answer_and_every_sweep() -> None:
    repository = repository_of(s=dict.fromkeys(map(str, range(100)), 1))
    committer = Committer(repository)
    futures = [committer.answer(demand("s", {str(number): 1})) for number in range(100)]
    futures.append(committer.answer(clean("t")))
    await committer.close()
    assert all(future.done() for future in futures)
    assert repository.commands.count("sweep") == 1
    assert repository.documents["s"][ITEMS] == {}


@in_virtual_time
async def test_a_change_by_another_between_decision_and_write_decides_anew() -> None:
    repository = repository_of(s={"a": 5})
    committer = Committer(repository)
    await committer.submit(supply("s", {"a": 1}))
    late = committer.answer(demand("s", {"a": 6}))
    repository.change_by_another(Change("s", {"a": -2}, {"a": 2}))
    refusal = await late
    assert isinstance(refusal, OutOfStock)
    assert [short.available for short in refusal.shortages] == [4]


@in_virtual_time
async def test_what_nobody_has_looked_at_is_taken_to_be_there() -> None:
    repository = repository_of(s={"a": 5, "b": 5})
    committer = Committer(repository)
    await committer.submit(demand("s", {"a": 1}, minimal=True))
    assert await committer.submit(demand("s", {"b": 2}, minimal=True)) == Report("s", {"b": 3})
    assert repository.commands == ["apply", "apply"]


@in_virtual_time
async def test_a_store_that_nobody_else_writes_to_is_not_read_again() -> None:
    repository = repository_of(s={"a": 5}, t={"a": 5})
    committer = Committer(repository, lanes=1)
    for _ in range(3):
        await answers_of(committer, demand("s", {"a": 1}), supply("t", {"a": 1}))
    assert repository.commands == ["apply_many", "read_many", "apply_many", "apply_many"]
    assert await committer.submit(demand("s", {"a": 1})) == Report("s", {"a": 1})


@in_virtual_time
async def test_one_who_writes_in_between_costs_one_round_and_nobody_anything_else() -> None:
    repository = repository_of(Nature(), s={"a": 5})
    committer = Committer(repository)
    await committer.submit(demand("s", {"a": 1}))
    assert repository.change_by_another(Change("s", {"a": 10}, {}))
    repository.commands.clear()
    assert await committer.submit(demand("s", {"a": 2})) == Report("s", {"a": 12})
    assert repository.commands == ["apply", "read_many", "apply"]
    assert await committer.submit(supply("s", {"a": 88})) == Report("s", {"a": 100})
    assert repository.change_by_another(Change("s", {"a": 10}, {}))
    repository.commands.clear()
    # Not trusted any more, it costs no further round that others write; found as it was left, it is again.
    assert await committer.submit(demand("s", {"a": 10})) == Report("s", {"a": 100})
    assert repository.commands == ["apply"]
    for number in range(1, TRUSTED + 2):
        assert await committer.submit(demand("s", {"a": 1})) == Report("s", {"a": 100 - number})
    assert repository.change_by_another(Change("s", {"a": 1}, {}))
    repository.commands.clear()
    assert await committer.submit(demand("s", {"a": 1})) == Report("s", {"a": 100 - TRUSTED - 1})
    assert repository.commands == ["apply", "read_many", "apply"]


@in_virtual_time
async def test_whoever_is_answered_and_comes_again_goes_out_with_those_who_wait() -> None:
    repository = repository_of(s={"a": 1000})
    committer = Committer(repository)

    async def client() -> None:
        for _ in range(6):
            await committer.submit(demand("s", {"a": 1}))

    alone = asyncio.create_task(client())
    await asyncio.sleep(0.5)
    await asyncio.gather(alone, *(client() for _ in range(9)))
    # The first goes alone once; from then on all ten go together.
    assert repository.commands == ["apply"] * 7
