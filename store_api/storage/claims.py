"""Claims in MongoDB: one document for each key of each client, which goes by itself after its time.

    {"_id": {"client": "anonymous", "key": "order-7"}, "store": "abc111", "writer": "k3f9a2xq10",
     "n": 1795692505122, "fingerprint": Binary, "at": ISODate,
     "applied": true, or "refused": {"slug": "out-of-stock", "short": [[item, wanted, available]]}}

That a claim came true is said in it only where its writer is dead. While that lives, it notes once for all up
to which number all its open claims did:

    {"_id": {"writer": "k3f9a2xq10"}, "true": 1795692505120, "at": ISODate}

MongoDB takes old claims away when it comes to it, every minute or later: nothing here depends on when.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bson import Int64
from msgspec import structs
from pymongo.errors import ConnectionFailure, OperationFailure, WriteConcernError

from store_api.claims import Claim, State
from store_api.claims.claim import Refusal
from store_api.errors import DatabaseUnavailable
from store_api.sending.primary import Primary
from store_api.stock import Key
from store_api.storage.clients import Client, Documents, durable_documents, write_durably
from store_api.storage.driver_errors import INDEX_OPTIONS_CONFLICT, UNAUTHORIZED, translated
from store_api.storage.schema import in_mongosh

log = logging.getLogger(__name__)

COLLECTION = "claims"
TTL_INDEX = "old claims go"

MAJORITY_SECONDS = 2.0
"""How long it is waited until a majority has a claim that has just been made, by another or by us."""

PUT_SECONDS = 12.0
"""How long claims that nobody answers are sent again: longer than an election takes."""

PAUSE_SECONDS = 0.02

Result = TypeVar("Result")
Document = dict[str, Any]


def now() -> datetime:
    """Give the time, in UTC."""
    return datetime.now(UTC)


class ClaimCollection:
    """The claims of one database: `claims.Claims` says what is promised.

    Args:
        client: the way to the replica set.
        database: its name.
        primary: knows whether there is one.
        hours: how long a claim is kept.
        clock: gives the time.
    """

    def __init__(
        self,
        client: Client,
        database: str,
        primary: Primary,
        hours: int,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._primary = primary
        self._database = client[database]
        self._claims: Documents = durable_documents(client, database, COLLECTION)
        self._kept = timedelta(hours=hours)
        self._clock = clock
        self._asked_for_help = False

    async def prepare(self) -> None:
        """Let claims go after their time.

        A user who may not say so gets one warning, and the service goes on.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        with translated(writing=False):
            try:
                await self._expire()
            except OperationFailure as error:
                if error.code != UNAUTHORIZED:
                    raise
                self._ask_for_help()

    async def _expire(self) -> None:
        seconds = int(self._kept.total_seconds())
        try:
            await self._claims.create_index("at", name=TTL_INDEX, expireAfterSeconds=seconds)
        except OperationFailure as error:
            if error.code != INDEX_OPTIONS_CONFLICT:
                raise
            # Not collMod, which the role readWrite may not.
            await self._claims.drop_index(TTL_INDEX)
            await self._claims.create_index("at", name=TTL_INDEX, expireAfterSeconds=seconds)

    def _ask_for_help(self) -> None:
        if self._asked_for_help:
            return
        self._asked_for_help = True
        seconds = int(self._kept.total_seconds())
        index = {"key": {"at": 1}, "name": TTL_INDEX, "expireAfterSeconds": seconds}
        to_run = in_mongosh(self._database.name, {"createIndexes": COLLECTION, "indexes": [index]})
        log.warning(
            "May not let old claims go, and goes on without; "
            "an administrator must run in mongosh what is in `run`",
            extra={"action": "claims_not_ours", "run": to_run},
        )

    async def put(self, claims: Sequence[tuple[Claim | None, Claim]]) -> list[Claim | None]:
        """Write claims, each in the place of what is expected there."""
        at = self._clock()
        new = [claim for expected, claim in claims if expected is None]
        others = [(expected, claim) for expected, claim in claims if expected is not None]
        with translated(writing=False):
            # Nearly always there are only new ones.
            is_sure = not new or await self._insist(lambda: self._insert(new, at))
            if others:
                is_sure &= await self._insist(lambda: self._replace(others, at))
            if is_sure:
                return [None] * len(claims)
            return await self._compare(claims)

    async def _insist(self, question: Callable[[], Awaitable[Result]]) -> Result:
        """Ask until there is an answer: what is asked twice finds what the first time did."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + PUT_SECONDS
        while True:
            try:
                return await self._primary.ask(question)
            except (ConnectionFailure, WriteConcernError):
                if clock() > deadline:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _insert(self, claims: Sequence[Claim], at: datetime) -> bool:
        """Insert claims; tells whether all are written."""
        documents = [document_of(claim, at) for claim in claims]
        reply = await write_durably(self._database, {"insert": COLLECTION, "documents": documents})
        return not reply.get("writeErrors")

    async def _replace(self, claims: Sequence[tuple[Claim, Claim]], at: datetime) -> bool:
        """Put claims in the place of others; tells whether all are written."""
        replaced = [_replacing(expected, document_of(claim, at)) for expected, claim in claims]
        reply = await write_durably(self._database, {"update": COLLECTION, "updates": replaced})
        return bool(reply["n"] == len(claims))

    async def _compare(self, claims: Sequence[tuple[Claim | None, Claim]]) -> list[Claim | None]:
        """Give what stands in the place of each claim; None where the claim itself does."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + MAJORITY_SECONDS
        while True:
            found = await self._find([claim.key for _, claim in claims])
            there = [found.get((claim.key.client, claim.key.value)) for _, claim in claims]
            pairs = list(zip(claims, there, strict=True))
            # What was expected may stand there for a majority only: the primary has the new claim already.
            if not any(other in (None, expected) and other != claim for (expected, claim), other in pairs):
                return [None if other == claim else other for (_, claim), other in pairs]
            if clock() > deadline:
                # No majority has them yet, or they are gone: whoever asks again will see.
                raise DatabaseUnavailable
            await asyncio.sleep(PAUSE_SECONDS)

    async def find(self, key: Key) -> Claim | None:
        """Give the claim of a key."""
        with translated(writing=False):
            return (await self._find([key])).get((key.client, key.value))

    async def _find(self, keys: Sequence[Key]) -> dict[tuple[str, str], Claim]:
        rows = await self._rows([_id_of(key) for key in keys])
        claims = {(row["_id"]["client"], row["_id"]["key"]): _claim_of(row) for row in rows}
        writers = {claim.writer for claim in claims.values() if claim.state is State.OPEN}
        noted = await self._rows([{"writer": writer} for writer in writers]) if writers else []
        true = {row["_id"]["writer"]: int(row["true"]) for row in noted}
        return {place: _as_noted(claim, true) for place, claim in claims.items()}

    async def _rows(self, ids: Sequence[Document]) -> list[Document]:
        all_at_once = len(ids) + 1
        return await self._primary.ask(
            lambda: self._claims.find({"_id": {"$in": ids}}, batch_size=all_at_once).to_list(None)
        )

    async def note(self, writer: str, number: int) -> None:
        """Note that every open claim of a writer up to a number came true."""
        what = {"$max": {"true": Int64(number)}, "$set": {"at": self._clock()}}
        update = {"q": {"_id": {"writer": writer}}, "u": what, "upsert": True}
        with translated(writing=False):
            # What a fail-over undoes is proven by the stores, as before.
            await self._primary.ask(
                lambda: self._database.command({"update": COLLECTION, "updates": [update]})
            )


def _as_noted(claim: Claim, true: Mapping[str, int]) -> Claim:
    if claim.state is State.OPEN and claim.number <= true.get(claim.writer, 0):
        return structs.replace(claim, state=State.APPLIED)
    return claim


def _id_of(key: Key) -> Document:
    return {"client": key.client, "key": key.value}


def _replacing(claim: Claim, document: Document) -> Document:
    """Build the update that replaces a claim as it was, or one that went as its write was undone."""
    as_it_was = {"writer": claim.writer, "n": claim.number, "applied": None, "refused": None}
    return {"q": {"_id": _id_of(claim.key), **as_it_was}, "u": document, "upsert": True}


def document_of(claim: Claim, at: datetime) -> Document:
    """Build the document of a claim that is made at a time."""
    document = {
        "_id": _id_of(claim.key),
        "store": claim.store_id,
        "writer": claim.writer,
        "n": Int64(claim.number),
        "fingerprint": claim.key.fingerprint,
        "at": at,
    }
    if claim.state is State.APPLIED:
        document["applied"] = True
    if claim.refusal is not None:
        short = [
            [item, Int64(wanted), Int64(available)] for item, wanted, available in claim.refusal.shortages
        ]
        document["refused"] = {"slug": claim.refusal.slug, "short": short}
    return document


def _claim_of(document: Mapping[str, Any]) -> Claim:
    key = Key(document["_id"]["client"], document["_id"]["key"], bytes(document["fingerprint"]))
    refused = document.get("refused")
    state = State.REFUSED if refused else State.APPLIED if document.get("applied") else State.OPEN
    refusal = None
    if refused:
        short = tuple((item, int(wanted), int(available)) for item, wanted, available in refused["short"])
        refusal = Refusal(refused["slug"], short)
    return Claim(key, document["store"], document["writer"], int(document["n"]), state, refusal)
