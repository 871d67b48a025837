"""The collection that holds the stores: created with its validator, or brought up to date."""

import logging
from collections.abc import Mapping
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import OperationFailure, PyMongoError

from store_api import documents
from store_api.driver_errors import NAMESPACE_EXISTS, UNAUTHORIZED, translate

log = logging.getLogger(__name__)

COLLECTION = "stores"
RULES: dict[str, Any] = {
    "validator": documents.VALIDATOR,
    "validationLevel": "strict",
    "validationAction": "error",
}


async def prepare_collection(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> None:
    """Create the collection with its validator, or bring the validator up to date.

    A user who may do neither gets one warning, and the service goes on.

    Raises:
        DatabaseUnavailable: no primary, or it did not answer.
    """
    try:
        await _prepare(database)
    except PyMongoError as error:
        if not isinstance(error, OperationFailure) or error.code != UNAUTHORIZED:
            raise translate(error, writing=False) from error
        log.warning(
            "May not create the collection or change its validator; an administrator must run "
            "db.createCollection or collMod with the validator of store_api/documents.py",
            extra={"action": "validator_not_ours"},
        )


async def _prepare(database: "AsyncIOMotorDatabase[dict[str, Any]]") -> None:
    found = await database.list_collections(filter={"name": COLLECTION})
    existing = await found.to_list(1)
    if existing and _are_in_force(existing[0].get("options", {})):
        return
    if not existing:
        try:
            await database.create_collection(COLLECTION, **RULES)
        except OperationFailure as error:
            if error.code != NAMESPACE_EXISTS:
                raise
        else:
            return
    await database.command("collMod", COLLECTION, **RULES)


def _are_in_force(options: Mapping[str, Any]) -> bool:
    # A level or action that is not named is strict, or an error (MongoDB manual, Schema Validation).
    return "validator" in options and all(options.get(name, rule) == rule for name, rule in RULES.items())
