"""The collection that holds the stores: made ready; and whether its server keeps guards."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import OperationFailure, PyMongoError

from store_api.errors import DatabaseUnavailable
from store_api.stock import Change, Written
from store_api.storage import documents
from store_api.storage.driver_errors import NAMESPACE_EXISTS, UNAUTHORIZED, translate

COLLECTION = "stores"
RULES: dict[str, Any] = {
    "validator": documents.VALIDATOR,
    "validationLevel": "strict",
    "validationAction": "error",
}

MOST_UNTOLD = 10
"""How often in a row it may stay open whether the server's guards hold: some 7 to 13 seconds, with
the pauses of the change stream, which begins afresh each time.
"""

_IMPOSSIBLE = Change("", {"guard": -1}, {"guard": 1})
IMPOSSIBLE = (_IMPOSSIBLE, msgspec.structs.replace(_IMPOSSIBLE, found={"guard": 1}, leaves={"guard": 0}))
"""Changes whose guards cannot hold, one of each kind: no store has the empty id."""

_OPEN = frozenset({Written.UNKNOWN, Written.HELD, Written.UNAVAILABLE})


class Guards:
    """Knows whether the server refuses every guarded upsert whose guard does not hold.

    Attributes:
        are_proven: whether it does, as far as is known.
    """

    def __init__(self) -> None:
        self.are_proven = True
        self._untold = 0

    def judge(self, verdicts: Collection[Written]) -> None:
        """Learn it from what became of guarded upserts whose guards cannot hold.

        Raises:
            DatabaseUnavailable: that is open for some of them; it had better be tried again.
        """
        if not _OPEN.isdisjoint(verdicts) and self._untold < MOST_UNTOLD:
            # A fault that passes must not make a process slow for as long as it lives.
            self._untold += 1
            raise DatabaseUnavailable
        self._untold = 0
        self.are_proven = set(verdicts) == {Written.NOT_MATCHED}


async def prepare_collection(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> str | None:
    """Create the collection with its validator, or bring the validator up to date.

    Returns:
        None when that is done; where the user may not do it, what an administrator must run in mongosh.

    Raises:
        DatabaseUnavailable: no primary, or it did not answer.
    """
    command = "collMod"
    try:
        found = await database.list_collections(filter={"name": COLLECTION})
        existing = await found.to_list(1)
        if existing and _are_in_force(existing[0].get("options", {})):
            return None
        if not existing:
            command = "create"
            if await _create(database):
                return None
            command = "collMod"
        await database.command("collMod", COLLECTION, **RULES)
    except PyMongoError as error:
        if not isinstance(error, OperationFailure) or error.code != UNAUTHORIZED:
            raise translate(error, writing=False) from error
        return in_mongosh(database.name, {command: COLLECTION, **RULES})
    return None


async def _create(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> bool:
    try:
        await database.create_collection(COLLECTION, **RULES)
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise
        return False
    return True


def in_mongosh(database: str, command: Mapping[str, Any]) -> str:
    """Write a command as an administrator runs it in mongosh."""
    document = msgspec.json.encode(command).decode()
    return f"db.getSiblingDB({msgspec.json.encode(database).decode()}).runCommand({document})"


def _are_in_force(options: Mapping[str, Any]) -> bool:
    # A level or action that is not named is strict, or an error (MongoDB manual, Schema Validation).
    return "validator" in options and all(options.get(name, rule) == rule for name, rule in RULES.items())
