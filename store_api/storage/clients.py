"""The driver's clients: those that read, those that write, and those that watch."""

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

# Motor reads it when it is imported. Its default of five threads a core would let a slow database hold up
# the operations on all stores (motor/frameworks/asyncio/__init__.py).
os.environ.setdefault("MOTOR_MAX_WORKERS", "32")

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import MongoClient, ReadPreference
from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, PyMongoError, WriteConcernError
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser_shared import SRV_SCHEME
from pymongo.write_concern import WriteConcern

from store_api.sending.primary import PRIMARY_SECONDS, members_are_known
from store_api.sending.sender import MAJORITY
from watchers.members import Members

log = logging.getLogger(__name__)

Client = AsyncIOMotorClient[dict[str, Any]]

Documents = AsyncIOMotorCollection[dict[str, Any]]
"""A collection, for those who keep something else than stores beside them."""

COMMAND_SECONDS = 15.0
"""How long a command may take, retries included: long enough for a fail-over."""

ANSWER_SECONDS = 5.0
"""How long a write waits for its answer on a connection: longer than MongoDB is told that it may take."""

LOOKUP_SECONDS = 2.0
"""How long until a name that DNS does not know is looked up again."""


_OPTIONS: dict[str, Any] = {
    "connectTimeoutMS": 2000,
    "heartbeatFrequencyMS": 2000,
    "tz_aware": True,
    # A name that is no UTF-8, which some drivers write unchecked, is read with replacement characters: one
    # such document must not make a reading of many fail.
    "unicode_decode_error_handler": "replace",
}
"""What every client here has."""


def connect(url: str) -> Client:
    """Build the client for reads and writes; it connects in the background."""
    members = Members(known=not url.startswith(SRV_SCHEME))
    client: Client = AsyncIOMotorClient(
        url,
        timeoutMS=int(COMMAND_SECONDS * 1000),
        serverSelectionTimeoutMS=int(PRIMARY_SECONDS * 1000),
        **_OPTIONS,
        appname="store_api",
        event_listeners=[members],
    )
    members.replica_set = client.delegate.options.replica_set_name
    return client


async def look_for_primary(client: Client, *, announce: bool = True) -> None:
    """Let the driver begin to look for a primary; from then on it looks by itself.

    The members that a URL of mongodb+srv:// stands for are looked up again until DNS names them.

    Args:
        client: the driver's.
        announce: whether it is said that MongoDB is not there yet; who says so in other words need not.
    """
    said: set[type[BaseException | None]] = set()
    while True:
        try:
            await client.admin.command("ping")
        except PyMongoError as error:
            if members_are_known(client.delegate) or not isinstance(error, ConfigurationError):
                if announce:
                    log.warning(
                        "MongoDB is not there yet",
                        extra={"action": "database_awaited", "error": type(error).__name__},
                    )
                return
            # Which name it was, and what DNS said. Its words differ from time to time, in seconds and ports.
            if (kind := type(error.__cause__)) not in said:
                said.add(kind)
                log.warning(
                    "MongoDB's members cannot be looked up: %s", error, extra={"action": "members_not_found"}
                )
            await asyncio.sleep(LOOKUP_SECONDS)
        else:
            return


def connect_sender(url: str) -> "MongoClient[dict[str, Any]]":
    """Build the client for numbered writes: no deadline on commands, since each tells MongoDB its own.

    Nor does the driver send them again: a number lets us do so, and costs MongoDB less.
    """
    return MongoClient(
        url,
        connect=False,
        retryWrites=False,
        socketTimeoutMS=int(ANSWER_SECONDS * 1000),
        serverSelectionTimeoutMS=int(PRIMARY_SECONDS * 1000),
        **_OPTIONS,
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
        socketTimeoutMS=10_000,
        serverSelectionTimeoutMS=int(PRIMARY_SECONDS * 1000),
        **_OPTIONS,
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


async def until_a_majority_has_all(client: Client, documents: Documents) -> None:
    """Wait until a majority has whatever the primary had when this was called.

    Args:
        client: the way to the primary.
        documents: of its, read there as a majority has them.
    """
    async with await client.start_session(causal_consistency=True) as session:
        # Its answer names that moment, and the next reading in the session waits for it.
        await client.admin.command("ping", session=session)
        await documents.find_one({}, {"_id": 1}, session=session)


async def write_durably(
    database: AsyncIOMotorDatabase[dict[str, Any]], command: Mapping[str, Any]
) -> dict[str, Any]:
    """Carry out all statements of a command, and wait until they are on a majority's disks.

    Args:
        database: whose.
        command: what is written.

    Raises:
        WriteConcernError: no majority is known to have it. A primary that the others have given up says so
            when it notices; the next one may never have heard of what it wrote.
    """
    reply: dict[str, Any] = await database.command({**command, "ordered": False, "writeConcern": MAJORITY})
    if (concern := reply.get("writeConcernError")) is not None:
        raise WriteConcernError("no majority has it", concern.get("code"), reply)
    return reply


def blocking(collection: AsyncIOMotorCollection[dict[str, Any]]) -> Collection[dict[str, Any]]:
    """Give the PyMongo collection that Motor drives: several calls then take one turn of a thread of ours.

    A turn of a thread costs about as much as a small command, and Motor takes one for every call
    (docs/decisions, "The change stream is asked by hand").
    """
    driven: Collection[dict[str, Any]] = collection.delegate
    return driven
