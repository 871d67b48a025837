"""Reads the ledger; every reading is of what a majority of the replica set holds, and of bounded size."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bson import MaxKey
from pymongo import ASCENDING, DESCENDING
from pymongo.read_concern import ReadConcern

from store_api.errors import HistoryExpired, InvalidInput, LedgerBehind, StoreNotFound
from store_api.ledger.retention import RETENTION
from store_api.ledger.rows import CHECKPOINTS, MOVEMENTS, items_in
from store_api.ledger.states import STATE, STREAM
from store_api.movements.pages import Gathered, Page
from store_api.movements.past import MOST_POINTS, Past, Point, thinned, units_after
from store_api.movements.places import Places
from store_api.movements.wishes import Plan, Wish, last_up_to, plan_of, projection_of, span_of, written
from store_api.sending.primary import Primary
from store_api.stock import Stock
from store_api.storage.clients import Client, Documents
from store_api.storage.driver_errors import translated

MOST_OF_RARE: Final = 500
"""Buckets of an actor beyond which the rows of a store are looked through instead."""

MOST_SAMPLES: Final = 150
"""Places at which a store is looked at that has more buckets than points are wanted."""

FEWEST_AT_ONCE, ROWS_AT_ONCE = 4, 2_000
"""Buckets, and about how many rows of them, that are fetched at once."""

_NO_ONE: Final[Mapping[str, Any]] = {}
_OLDEST_FIRST: Final = [("_id", ASCENDING)]
_NEWEST_FIRST: Final = [("_id", DESCENDING)]
_LATEST: Final = [("t", DESCENDING), ("_id.b", DESCENDING)]


class Reach(NamedTuple):
    """Of which seconds the ledger knows everything; None where of none.

    Args:
        begin, end: the first and the last one.
    """

    begin: int | None
    end: int | None


class MovementReader:
    """The ledger of one database, for those who only read it.

    Args:
        client: the way to the replica set.
        database: its name.
        primary: knows whether there is one; None looks through the client.
    """

    def __init__(self, client: Client, database: str, primary: Primary | None = None) -> None:
        self._primary = Primary(client.delegate) if primary is None else primary
        of = client.get_database(database, read_concern=ReadConcern("majority"))
        self._buckets: Documents = of[MOVEMENTS]
        self._checkpoints: Documents = of[CHECKPOINTS]
        self._states: Documents = of[STATE]
        self._places = Places(self._buckets)

    async def reach(self) -> Reach:
        """Tell of which seconds the ledger knows everything.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        with translated(writing=False):
            return await self._primary.ask(self._reach)

    async def page(self, wish: Wish) -> Page:
        """Read the movements that somebody wants to see.

        With a filter that few rows pass there may be fewer than are wanted, and still more that follow.

        Args:
            wish: what they want.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        with translated(writing=False):
            return await self._primary.ask(lambda: self._page(wish))

    async def stock_at(self, store_id: str, second: int, now: int) -> tuple[Stock, int]:
        """Read what a store held after a second, and the last second of which the ledger has everything.

        Args:
            store_id: the store.
            second: which, since 1970.
            now: the one that it is.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
            InvalidInput: it is not over yet.
            LedgerBehind: not all that happened in it is known yet.
            HistoryExpired: it is not known any more, or never was.
            StoreNotFound: there was no such store.
        """
        with translated(writing=False):
            begin, end = await self._primary.ask(self._reach)
            if begin is None or end is None or second > end:
                if second > now:
                    raise InvalidInput("The moment is in the future.", "at")
                raise LedgerBehind
            if second < begin:
                raise HistoryExpired(written(begin))
            stock = await self._primary.ask(lambda: self._stock_at(store_id, second))
        if stock is None:
            raise StoreNotFound(store_id)
        return stock, end

    async def units(self, store_id: str, since: int, until: int) -> tuple[list[Point], int | None]:
        """Read how many pieces a store held over time, and how far the ledger is.

        The first point is what it held after the first second, or after the first one that is known; of a
        store that changed more often than there are points, some of all changes are told.

        Args:
            store_id: the store.
            since, until: the first and the last second.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        with translated(writing=False):
            begin, end = await self._primary.ask(self._reach)
            first = since if begin is None else max(since, begin)
            if first > until:
                return [], end
            return await self._primary.ask(lambda: self._units(store_id, first, until)), end

    async def _reach(self) -> Reach:
        found = self._states.find({"_id": {"$in": [STREAM, RETENTION]}})
        states = {state["_id"]: state async for state in found}
        stream = states.get(STREAM)
        if stream is None or stream.get("reconciling") is not None:
            return Reach(None, None)
        begin = max(int(stream["begins"]), int(states.get(RETENTION, _NO_ONE).get("before", 0)))
        return Reach(begin, int(stream["until"].time) - 1)

    async def _page(self, wish: Wish) -> Page:
        # Before the rows: whatever was complete then is among them.
        reach = await self._reach()
        bounds = await self._places.bounds_of(wish)
        if bounds is None:
            return Page([], None, reach.end)
        plan = plan_of(wish, bounds, by_actor=await self._is_rare(wish))
        at_once = plan.at_once if plan.in_order else await self._at_once(plan)
        found = self._buckets.find(plan.query, projection_of(wish), batch_size=at_once)
        cursor = found.sort(plan.sort).hint(plan.hint)
        try:
            gathered = Gathered(wish, in_order=plan.in_order)
            async for bucket in cursor:
                if not gathered.take(bucket):
                    break
            else:
                gathered.end()
        finally:
            await cursor.close()
        return Page(gathered.movements[: wish.limit], gathered.next, reach.end)

    async def _at_once(self, plan: Plan) -> int:
        """Tell how many buckets are fetched at once: there may be one row in each, or a thousand."""
        size = {"count": {"$size": "$rows"}}
        first = await self._buckets.find_one(plan.query, size, sort=plan.sort, hint=plan.hint)
        return plan.at_once if first is None else max(FEWEST_AT_ONCE, ROWS_AT_ONCE // max(1, first["count"]))

    async def _is_rare(self, wish: Wish) -> bool:
        """Tell whether an actor has so few rows that they are looked through sooner than those of a store."""
        if wish.actor is None or wish.store_id is None:
            return True
        theirs = {"rows.a": wish.actor}
        found = await self._buckets.count_documents(theirs, limit=MOST_OF_RARE, hint="by actor")
        return int(found) < MOST_OF_RARE

    async def _stock_at(self, store_id: str, second: int) -> Stock | None:
        known = {"_id.s": store_id, "t": {"$lte": second}}
        while True:
            checkpoint = await self._checkpoints.find_one(known, sort=_LATEST)
            stock = await self._replayed(store_id, checkpoint, second)
            # Before old rows go, so do the checkpoints that they follow.
            if checkpoint is None or await self._checkpoints.find_one({"_id": checkpoint["_id"]}, {"_id": 1}):
                return stock

    async def _replayed(
        self, store_id: str, checkpoint: Mapping[str, Any] | None, second: int
    ) -> Stock | None:
        """Carry the rows after a checkpoint over into what it holds."""
        past = Past(checkpoint, second)
        begin = {"s": store_id} if checkpoint is None else {**checkpoint["_id"], "p": MaxKey()}
        later = {"_id": {"$gt": begin, "$lt": {"s": store_id, "b": MaxKey()}}}
        fields = {"t": 1, "gone": 1, "rows.i": 1, "rows.q": 1, "rows.t": 1}
        cursor = self._buckets.find(later, fields, batch_size=100).sort(_OLDEST_FIRST)
        try:
            async for bucket in cursor:
                if not past.take(bucket):
                    break
        finally:
            await cursor.close()
        return past.stock

    async def _units(self, store_id: str, first: int, until: int) -> list[Point]:
        following = await self._places.first_from(first + 1)
        points = [Point(first, await self._units_at(store_id, first, following[1] if following else None))]
        if following is None:
            return points
        later = await self._places.first_from(until + 1)
        span = span_of(store_id, following[1], later[1] if later else None)
        cursor = self._buckets.find({"_id": span}, {"t": 1, "u": 1}).sort(_OLDEST_FIRST)
        found = await cursor.limit(MOST_POINTS + 1).to_list(None)
        if len(found) > MOST_POINTS:
            found = await self._sampled(store_id, found, span)
        points += [Point(int(each["t"]), int(each["u"])) for each in found if each["t"] > first]
        return thinned(points, first, until)

    async def _units_at(self, store_id: str, second: int, batch: int | None) -> int:
        """Tell how many pieces a store held after a second; the first later bucket of all is in a batch."""
        cursor = self._buckets.find(
            {"_id": span_of(store_id, None, batch)},
            {"t": 1, "u": 1, "rows.t": 1, "rows.d": 1},
            batch_size=2,
        ).sort(_NEWEST_FIRST)
        try:
            async for bucket in cursor:
                if (units := units_after(bucket, second)) is not None:
                    return units
        finally:
            await cursor.close()
        known = {"_id.s": store_id, "t": {"$lte": second}}
        checkpoint = await self._checkpoints.find_one(known, sort=_LATEST)
        return 0 if checkpoint is None else sum(items_in(checkpoint).values())

    async def _sampled(
        self, store_id: str, found: list[dict[str, Any]], span: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Look at a store at some places that are as far from each other, in one question."""
        newest = await self._buckets.find_one({"_id": span}, {"t": 1, "u": 1}, sort=_NEWEST_FIRST)
        if newest is None:
            return found
        first, last = found[0]["_id"]["b"], newest["_id"]["b"]
        numbers = sorted({first + (last - first) * step // MOST_SAMPLES for step in range(1, MOST_SAMPLES)})
        looks = [last_up_to(store_id, number) for number in numbers]
        others = [{"$unionWith": {"coll": MOVEMENTS, "pipeline": look}} for look in looks]
        sampled = await self._buckets.aggregate([*last_up_to(store_id, first), *others]).to_list(None)
        return [*sampled, newest]
