"""The collection that holds the stores: created with its validator, or brought up to date."""

from collections.abc import Mapping
from typing import Any

import msgspec
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import OperationFailure, PyMongoError

from store_api.storage import documents
from store_api.storage.driver_errors import NAMESPACE_EXISTS, UNAUTHORIZED, translate

COLLECTION = "stores"
RULES: dict[str, Any] = {
    "validator": documents.VALIDATOR,
    "validationLevel": "strict",
    "validationAction": "error",
}


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
