"""The lines that build the driver's clients."""

import os
from typing import Any

# Motor reads it when it is imported. Its default of five threads a core would let a slow database hold up
# the operations on all stores (motor/frameworks/asyncio/__init__.py).
os.environ.setdefault("MOTOR_MAX_WORKERS", "32")

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import ReadPreference
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Client = AsyncIOMotorClient[dict[str, Any]]

Documents = AsyncIOMotorCollection[dict[str, Any]]
"""A collection, for those who keep something else than stores beside them."""

COMMAND_SECONDS = 15.0
"""How long a command may take, retries included: long enough for a fail-over."""

PRIMARY_SECONDS = 5.0
"""How long an operation waits for a primary before it is turned away."""


def connect(url: str) -> Client:
    """Build the client for reads and writes; it connects in the background.

    A name that is no UTF-8, which some drivers write unchecked, is read with replacement characters: one such
    document must not make a reading of many fail.
    """
    return AsyncIOMotorClient(
        url,
        timeoutMS=int(COMMAND_SECONDS * 1000),
        serverSelectionTimeoutMS=int(PRIMARY_SECONDS * 1000),
        connectTimeoutMS=2000,
        heartbeatFrequencyMS=2000,
        tz_aware=True,
        unicode_decode_error_handler="replace",
        appname="store_api",
    )


def connect_watcher(url: str, name: str = "store_api watcher") -> Client:
    """Build the change stream's client: no deadline on commands, since a quiet stream waits by design.

    Args:
        url: the replica set's.
        name: what MongoDB calls it.
    """
    return AsyncIOMotorClient(
        url,
        serverSelectionTimeoutMS=int(PRIMARY_SECONDS * 1000),
        connectTimeoutMS=2000,
        socketTimeoutMS=10_000,
        heartbeatFrequencyMS=2000,
        tz_aware=True,
        unicode_decode_error_handler="replace",
        appname=name,
    )


def durable_documents(client: Client, database: str, name: str) -> Documents:
    """Give a collection read on the primary, whose writes are on a majority's disks when answered."""
    return client.get_database(
        database,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )[name]


def blocking(collection: AsyncIOMotorCollection[dict[str, Any]]) -> Collection[dict[str, Any]]:
    """Give the PyMongo collection that Motor drives: several calls then take one turn of a thread of ours.

    A turn of a thread costs about as much as a small command, and Motor takes one for every call
    (docs/decisions, "The change stream is asked by hand").
    """
    driven: Collection[dict[str, Any]] = collection.delegate
    return driven
