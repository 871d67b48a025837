"""Fail points: a real mongod fails commands in the way that a test asks for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

WRITES = ("update", "insert")
"""The commands that change a store, one at a time or many at once."""

_COMMAND_NOT_FOUND = 59


@dataclass(frozen=True, slots=True)
class FailPoint:
    """Commands that fail right now.

    Args:
        mongo: where.
        entered: how many commands had failed so since mongod started, when this began.
    """

    mongo: MongoClient[dict[str, Any]]
    entered: int

    async def wait_until_hit(self, times: int = 1) -> None:
        """Wait until so many commands have met it; a blocked one is being held back then."""
        await asyncio.to_thread(
            self.mongo.admin.command,
            {"waitForFailPoint": "failCommand", "timesEntered": self.entered + times, "maxTimeMS": 10_000},
        )


@contextmanager
def failing(
    mongo: MongoClient[dict[str, Any]],
    *commands: str,
    app_name: str = "store_api",
    times: int | None = None,
    **failure: Any,
) -> Iterator[FailPoint]:
    """Let commands of one program fail, and make sure that at least one did.

    Args:
        mongo: any other client.
        commands: their names.
        app_name: the program whose commands fail.
        times: how many of them; None for all.
        failure: how, by the names of mongod's own fail point: `errorCode` and `closeConnection` fail without
            executing, `writeConcernError` after it, `blockConnection` with `blockTimeMS` only delays
            (github.com/mongodb/mongo/wiki/The-failCommand-fail-point).
    """
    mode: object = "alwaysOn" if times is None else {"times": times}
    data = {"failCommands": commands, "appName": app_name, **failure}
    try:
        before = mongo.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
    except OperationFailure as error:
        if error.code == _COMMAND_NOT_FOUND:
            pytest.skip("this MongoDB was started without enableTestCommands")
        raise
    try:
        yield FailPoint(mongo, before["count"])
    finally:
        after = mongo.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert after["count"] > before["count"], "no command met the fail point"
