"""Who sends the report of which day: one document a day in MongoDB, claimed before anything is sent.

    {"_id": "2026-01-31", "owner": "...", "lease_until": ..., "claimed_at": ..., "late": false,
     "parts": {"message": {"id": 17, "at": ...}}, "units": "120",
     "stores": [{"store": "abc111", "lines": 2, "pieces": "120"}], "read_at": ..., "sent_at": ...,
     "failed": "...", "not_before": ...}

Leases and waits count by MongoDB's clock alone, so that bots need not agree on the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from typing import Any

from pymongo.errors import DuplicateKeyError

from bot.report.stocktake import EarlierReport, Totals
from store_api.storage.clients import Client, durable_documents
from store_api.storage.driver_errors import translated

COLLECTION = "evening_reports"

LEASE = timedelta(minutes=3)
"""How long a claim holds after its bot was last heard of; longer than any one request takes."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

KEPT = timedelta(days=400)
"""How long the totals of a day are kept."""


class ClaimState(Enum):
    """What came of asking for a day."""

    OURS = auto()
    HELD = auto()
    PUT_OFF = auto()
    SENT = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """A day's claim as it was found.

    Args:
        state: whether we may send, and if not, why.
        parts: what has been sent of it already, by us or by one who died.
        sent_at: when the last part was sent, where all was.
        wait: seconds until it may be had, where it was put off.
    """

    state: ClaimState
    parts: frozenset[str] = field(default=frozenset())
    sent_at: datetime | None = None
    wait: float = 0.0


class Claims:
    """The claims of one database, as one bot makes them.

    Every call may be made again after any failure. All raise DatabaseUnavailable and OutcomeUnknown.

    Args:
        client: connected or not.
        database: its name.
        owner: a name that no other bot has.
    """

    def __init__(self, client: Client, database: str, owner: str) -> None:
        self._reports = durable_documents(client, database, COLLECTION)
        self._owner = owner

    async def claim(self, day: date, *, again: bool = False) -> Claim:
        """Ask for a day; it is given to one bot at a time, and not after it was sent.

        Args:
            day: whose report it is.
            again: whether one that failed for good may be tried once more.
        """
        key, free = day.isoformat(), {"$lt": ["$lease_until", "$$NOW"]}
        mine = {"$eq": ["$owner", self._owner]}
        may_be_had = {"$and": [{"$or": [free, mine]}, {"$eq": [_MILLISECONDS_LEFT, 0]}]}
        open_to_us: dict[str, Any] = {"_id": key, "sent_at": None, "$expr": may_be_had}
        if not again:
            open_to_us["failed"] = None
        with translated(writing=True):
            await self._make_sure_of(key)
            taken = await self._reports.update_one(
                open_to_us,
                [
                    {"$set": {"owner": self._owner, "lease_until": _lease(), "claimed_at": "$$NOW"}},
                    {"$unset": ["failed", "not_before"]},
                ],
            )
            found = await self._reports.aggregate(
                [{"$match": {"_id": key}}, {"$set": {"milliseconds_left": _MILLISECONDS_LEFT}}]
            ).to_list(1)
        return _claim_of(found[0] if found else {}, ours=taken.matched_count == 1)

    async def renew(self, day: date) -> bool:
        """Prolong our lease; False once somebody else has taken the day over."""
        with translated(writing=True):
            renewed = await self._reports.update_one(self._ours(day), [{"$set": {"lease_until": _lease()}}])
        return renewed.matched_count == 1

    async def note_sent(self, day: date, part: str, message_id: int) -> None:
        """Write down that a part was sent, so that whoever takes over does not send it again."""
        with translated(writing=True):
            await self._reports.update_one(
                self._ours(day), [{"$set": {f"parts.{part}": {"id": message_id, "at": "$$NOW"}}}]
            )

    async def note_totals(
        self, day: date, totals: Mapping[str, Totals], read_at: datetime, *, late: bool
    ) -> None:
        """Write down what the day's message told, and of when, for the next one to compare with."""
        stores = [
            # As text, because a sum may be larger than any number of MongoDB's.
            {"store": store_id, "lines": one.items, "pieces": str(one.units)}
            for store_id, one in totals.items()
        ]
        units = str(sum(one.units for one in totals.values()))
        with translated(writing=True):
            await self._reports.update_one(
                self._ours(day),
                {"$set": {"stores": stores, "units": units, "read_at": read_at, "late": late}},
            )

    async def finish(self, day: date) -> None:
        """Close the day: nobody sends it again. What is older than 400 days goes."""
        with translated(writing=True):
            await self._reports.update_one(self._ours(day), [{"$set": {"sent_at": "$$NOW"}}])
            await self._reports.delete_many({"_id": {"$lt": (day - KEPT).isoformat()}})

    async def fail(self, day: date, reason: str) -> None:
        """Give the day up: nobody tries again by itself."""
        with translated(writing=True):
            await self._reports.update_one(
                self._ours(day), {"$set": {"failed": reason, "lease_until": LONG_AGO}}
            )

    async def put_off(self, day: date, seconds: float) -> None:
        """Let nobody have the day for so long, not even a bot that starts; then anybody may."""
        until = {"$add": ["$$NOW", int(seconds * 1000)]}
        with translated(writing=True):
            await self._reports.update_one(
                self._ours(day), [{"$set": {"not_before": until, "lease_until": LONG_AGO}}]
            )

    async def release(self, day: date) -> None:
        """Let another bot, or the next start of this one, have the day at once."""
        with translated(writing=True):
            await self._reports.update_one(self._ours(day), {"$set": {"lease_until": LONG_AGO}})

    async def last_sent(self, before: date | None = None) -> EarlierReport | None:
        """Find the last report that reached the user, before a day or at all."""
        query: dict[str, Any] = {"parts.message": {"$exists": True}, "stores": {"$exists": True}}
        if before is not None:
            query["_id"] = {"$lt": before.isoformat()}
        with translated(writing=False):
            document = await self._reports.find_one(query, sort=[("_id", -1)])
        return None if document is None else _earlier(document)

    async def history(self, days: int, before: date | None = None) -> list[tuple[date, int]]:
        """List the last days that were reported, the oldest first, and the units of all stores then."""
        query: dict[str, Any] = {"units": {"$exists": True}, "parts.message": {"$exists": True}}
        if before is not None:
            query["_id"] = {"$lt": before.isoformat()}
        with translated(writing=False):
            found = await self._reports.find(query, {"units": 1}, sort=[("_id", -1)], limit=days).to_list(
                None
            )
        return [(date.fromisoformat(row["_id"]), int(row["units"])) for row in reversed(found)]

    async def _make_sure_of(self, key: str) -> None:
        """Let there be a document, with a lease that is over, whoever else does so at the same time."""
        try:
            await self._reports.update_one(
                {"_id": key},
                {"$setOnInsert": {"lease_until": LONG_AGO, "parts": {}}},
                upsert=True,
            )
        except DuplicateKeyError:
            return

    def _ours(self, day: date) -> dict[str, Any]:
        return {"_id": day.isoformat(), "owner": self._owner}


_MILLISECONDS_LEFT: dict[str, Any] = {
    "$max": [0, {"$subtract": [{"$ifNull": ["$not_before", LONG_AGO]}, "$$NOW"]}]
}


def _lease() -> dict[str, Any]:
    return {"$add": ["$$NOW", int(LEASE.total_seconds() * 1000)]}


def _claim_of(document: dict[str, Any], *, ours: bool) -> Claim:
    parts = frozenset(document.get("parts", {}))
    if ours:
        return Claim(ClaimState.OURS, parts)
    if document.get("sent_at") is not None:
        return Claim(ClaimState.SENT, parts, document["sent_at"])
    if document.get("failed") is not None:
        return Claim(ClaimState.FAILED, parts)
    wait = document.get("milliseconds_left", 0) / 1000
    return Claim(ClaimState.PUT_OFF if wait else ClaimState.HELD, parts, wait=wait)


def _earlier(document: dict[str, Any]) -> EarlierReport:
    stores = {row["store"]: Totals(row["lines"], int(row["pieces"])) for row in document["stores"]}
    return EarlierReport(date.fromisoformat(document["_id"]), stores, document.get("read_at"))
