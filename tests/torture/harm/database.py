"""What is done to commands on their way, and to the collection itself."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import PyMongoError

from tests.support.mongod import ReplicaSetOfThree
from tests.torture.plan import Fault

SERVICE, WATCHER, LEDGER = "store_api", "store_api watcher", "store_api ledger"
WRITES = ("update", "insert", "bulkWrite", "findAndModify", "delete")
READS = ("find", "aggregate", "getMore")
SELECTION: dict[str, Any] = {
    "serverSelectionTimeoutMS": 1000,
    "connectTimeoutMS": 1000,
    "socketTimeoutMS": 5000,
}
HISTORY_LOST = 286
CODES = (189, 91, 11602, 262, 50)
"""A primary that steps down, one that shuts down, one that changes its part, and two kinds of too late."""


class DatabaseHarm:
    """Lets commands fail, and drops the collection.

    Args:
        members: the set.
        doom: is told that all stores are about to be deleted; gives what to call once they are.
    """

    def __init__(self, members: ReplicaSetOfThree, doom: Callable[[], Callable[[], None]]) -> None:
        self._members = members
        self._doom = doom

    async def break_connections(self, fault: Fault) -> None:
        """Close connections on which commands come, before they are carried out."""
        await self._fail(fault, (*WRITES, *READS), SERVICE, closeConnection=True)

    async def fail_write_concern(self, fault: Fault) -> None:
        """Carry writes out, and answer that a majority may not have them."""
        code = (64, 91)[int(fault.chance * 2)]
        wrong = {"code": code, "errmsg": "waiting for replication timed out"}
        await self._fail(fault, WRITES, SERVICE, writeConcernError=wrong)

    async def fail_commands(self, fault: Fault) -> None:
        """Refuse commands, without carrying them out."""
        code = CODES[int(fault.chance * len(CODES))]
        await self._fail(fault, WRITES if fault.chance < 0.5 else READS, SERVICE, errorCode=code)

    async def hold_commands(self, fault: Fault) -> None:
        """Hold commands back for a while."""
        await self._fail(
            fault, WRITES, SERVICE, blockConnection=True, blockTimeMS=int(fault.chance * 2000) + 50
        )

    async def lose_history(self, fault: Fault) -> None:
        """Let the services' change streams hear that what they stood on is gone."""
        await self._fail(fault, ("getMore", "aggregate"), WATCHER, errorCode=HISTORY_LOST)

    async def lose_history_of_ledger(self, fault: Fault) -> None:
        """Let the keeper's change stream hear that what it stood on is gone."""
        await self._fail(fault, ("getMore", "aggregate"), LEDGER, errorCode=HISTORY_LOST)

    async def drop_collection(self, fault: Fault) -> None:
        """Let another program drop all stores."""
        all_gone = self._doom()
        await asyncio.to_thread(self._drop)
        all_gone()

    def heal(self) -> None:
        """Let no command fail any more; for when all members answer."""
        for index in range(3):
            with MongoClient[dict[str, Any]](self._members.url_of(index), **SELECTION) as mongo:
                mongo.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    async def _fail(self, fault: Fault, commands: tuple[str, ...], program: str, **failure: Any) -> None:
        def say(index: int, mode: object) -> None:
            data = {"failCommands": commands, "appName": program, **failure}
            url = self._members.url_of(index)
            with MongoClient[dict[str, Any]](url, **SELECTION) as mongo, suppress(PyMongoError):
                mongo.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

        try:
            primary = await asyncio.to_thread(self._members.primary, 3.0)
        except TimeoutError:
            return
        await asyncio.to_thread(say, primary, {"times": 1 + int(fault.chance * 40)})
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(say, primary, "off")

    def _drop(self) -> None:
        while True:
            with suppress(PyMongoError), MongoClient[dict[str, Any]](self._members.url, **SELECTION) as mongo:
                stores = mongo["store_api"].get_collection("stores", write_concern=WriteConcern(w="majority"))
                stores.database.command("drop", "stores", writeConcern={"w": "majority"})
                return
