"""How far the ledger is, as each process sees it: a number always, a line where it falls behind."""

import asyncio
import logging
import sys
from typing import Any

import pytest
from bson import Timestamp
from pymongo import MongoClient

from store_api.keeping.attending import LedgerAttendant
from store_api.keeping.program import Task
from store_api.storage.clients import Client

SECONDS = 1_795_692_505


class Scene:
    """An attendant with a clock of the test's, and a ledger that is wherever the test says."""

    def __init__(self, states: Any, attendant_of: Any) -> None:
        self.now = float(SECONDS)
        self.attendant: LedgerAttendant = attendant_of(lambda: self.now)
        self._states = states

    def is_until(self, seconds: int) -> None:
        until = {"$set": {"until": Timestamp(seconds, 1)}}
        self._states.update_one({"_id": "stream"}, until, upsert=True)


@pytest.fixture
def scene(
    client: Client, other_program: MongoClient[dict[str, Any]], mongo_url: str, database_name: str
) -> Scene:
    task = Task(mongo_url, database_name, 400)
    return Scene(
        other_program[database_name]["ledger_state"],
        lambda now: LedgerAttendant(task, client, client, now),
    )


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.action for record in caplog.records if hasattr(record, "action")]


async def test_a_ledger_that_lags_by_more_than_a_minute_is_said_once_and_that_it_caught_up(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await scene.attendant.look()
    assert scene.attendant.lag == 0.0  # there is none yet
    scene.is_until(SECONDS)
    for later, told in ((0, []), (60, []), (61, ["ledger_behind"]), (90, ["ledger_behind"])):
        scene.now = SECONDS + later
        await scene.attendant.look()
        assert scene.attendant.lag == later
        assert actions(caplog) == told
    (line,) = caplog.records
    assert (line.levelname, line.__dict__["lag"]) == ("ERROR", 61.0)
    scene.is_until(SECONDS + 89)
    await scene.attendant.look()
    assert scene.attendant.lag == 1.0
    scene.is_until(SECONDS + 95)
    await scene.attendant.look()
    assert scene.attendant.lag == 0.0  # MongoDB's clock is ahead of ours
    assert actions(caplog) == ["ledger_behind", "ledger_caught_up"]


async def test_a_keeper_that_cannot_be_started_stops_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    running = asyncio.create_task(scene.attendant.run())
    async with asyncio.timeout(10):
        while "ledger_failed" not in actions(caplog):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
