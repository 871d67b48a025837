import asyncio
import logging

import pytest

from store_api.batches.numbers import Numbers
from store_api.commit import sweeper
from store_api.commit.sweeper import Sweeper
from store_api.errors import OutcomeUnknown


class RecordingStores:
    """Notes what is to be swept, and takes its time for it.

    Args:
        fails: whether it fails in the end.
    """

    def __init__(self, *, fails: bool = False) -> None:
        self.swept: list[str] = []
        self._fails = fails

    async def sweep(self, store_id: str, number: int, *, items: bool) -> None:
        self.swept.append(store_id if items else f"writers of {store_id}")
        await asyncio.sleep(0)
        if self._fails:
            raise OutcomeUnknown


def used_up(count: int) -> dict[str, int]:
    return {f"item-{number}": 0 for number in range(count)}


def held(count: int) -> dict[str, int]:
    return {f"held-{number}": 1 for number in range(count)}


async def swept_after(*notes: dict[str, int], complete: bool) -> list[str]:
    repository = RecordingStores()
    subject = Sweeper(repository, Numbers())
    for stock in notes:
        subject.note("s", stock, complete=complete)
    await subject.close()
    return repository.swept


async def test_a_store_is_swept_when_much_of_it_is_used_up() -> None:
    assert await swept_after(used_up(69), complete=True) == []
    assert await swept_after(used_up(71), complete=True) == ["s"]
    assert await swept_after({**used_up(163), **held(837)}, complete=True) == []
    assert await swept_after({**used_up(164), **held(836)}, complete=True) == ["s"]


async def test_what_is_seen_of_a_store_bit_by_bit_adds_up() -> None:
    bits = [{f"item-{number}": 0, "held": 7} for number in range(64)]
    assert await swept_after(*bits[:63], complete=False) == []
    assert await swept_after(*bits, complete=False) == ["s"]
    assert await swept_after(*bits, *bits[:63], complete=False) == ["s"]


async def test_who_sees_the_whole_store_knows_better_than_the_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeper, "ZEROS_TO_SWEEP", 4)
    repository = RecordingStores()
    subject = Sweeper(repository, Numbers())
    subject.note("s", used_up(3), complete=False)
    subject.note("s", held(1), complete=True)
    subject.note("s", used_up(3), complete=False)
    await subject.close()
    assert repository.swept == []


async def test_stores_are_counted_apart_and_each_is_swept_by_one_at_a_time() -> None:
    repository = RecordingStores()
    subject = Sweeper(repository, Numbers())
    for _ in range(5):
        subject.note("s1", used_up(100), complete=True)
        subject.note("s2", used_up(40), complete=False)
    await subject.close()
    assert repository.swept == ["s1", "s2"]
    subject.note("s1", used_up(100), complete=True)
    await subject.close()
    assert repository.swept == ["s1", "s2", "s1"]


async def test_a_sweep_that_fails_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    subject = Sweeper(RecordingStores(fails=True), Numbers())
    subject.note("s", used_up(100), complete=True)
    await subject.close()
    logged = [
        (record.levelno, getattr(record, "action", None), getattr(record, "error", None))
        for record in caplog.records
    ]
    assert logged == [(logging.WARNING, "sweep_failed", "OutcomeUnknown")]


async def test_of_the_stores_that_a_writer_begins_to_write_to_some_are_swept() -> None:
    repository = RecordingStores()
    subject = Sweeper(repository, Numbers())
    for number in range(20):
        subject.note_first(f"s{number}")
    await subject.close()
    assert repository.swept == ["writers of s7", "writers of s15"]
