"""The driver tries a write again: what its second try meets says nothing of the first one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from store_api.errors import OutcomeUnknown
from store_api.stock import Change, Written
from store_api.storage.clients import Client
from store_api.storage.writer import StoreWriter
from tests.integration.conftest import Documents
from tests.support.fail_points import failing

RETRYING = "retrying"
TRY_AGAIN: dict[str, Any] = {
    "writeConcernError": {"code": 91, "errmsg": "shutting down", "errorLabels": ["RetryableWriteError"]},
    "errorLabels": ["RetryableWriteError"],
}
"""The write was applied, and the driver is told to try again."""


class SecondTry(CommandListener):
    """Lets the try after an insert that was applied end with an error of this code.

    Attributes:
        tries: how many inserts were sent.
    """

    def __init__(self, mongo: MongoClient[dict[str, Any]]) -> None:
        self.code = 0
        self.tries = 0
        self._mongo = mongo

    def started(self, event: CommandStartedEvent) -> None:
        self.tries += event.command_name == "insert"

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name == "insert" and self.tries == 1:
            data = {"failCommands": ["insert"], "appName": RETRYING, "errorCode": self.code}
            self._mongo.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture
def second_try(other_program: MongoClient[dict[str, Any]]) -> SecondTry:
    return SecondTry(other_program)


@pytest.fixture
async def retrying(mongo_url: str, shared_database: str, second_try: SecondTry) -> AsyncIterator[StoreWriter]:
    client: Client = AsyncIOMotorClient(
        mongo_url, appname=RETRYING, heartbeatFrequencyMS=500, event_listeners=[second_try]
    )
    await client.admin.command("ping")
    yield StoreWriter(client, shared_database)
    client.close()


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize("code", [18, 211])
async def test_a_second_try_that_is_refused_leaves_the_outcome_unknown(
    retrying: StoreWriter,
    second_try: SecondTry,
    other_program: MongoClient[dict[str, Any]],
    stores: Documents,
    store_id: str,
    code: int,
    many: bool,
) -> None:
    second_try.code = code
    change = Change(store_id, {"chair": 1}, {}, creates=True)
    with failing(other_program, "insert", app_name=RETRYING, **TRY_AGAIN):
        if many:
            assert await retrying.apply_many([change]) == [Written.UNKNOWN]
        else:
            with pytest.raises(OutcomeUnknown):
                await retrying.apply(change, None)
    assert second_try.tries == 2
    assert stores.find_one({"_id": store_id}) == {"_id": store_id, "items": {"chair": 1}, "rev": 1}
