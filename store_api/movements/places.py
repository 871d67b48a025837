"""Finds the place of a moment in the ledger, and the moment of a place: each by a few looks at one index."""

from typing import Any

from store_api.movements.wishes import Bounds, Wish
from store_api.storage.clients import Documents

_FIELDS = {"t": 1, "_id.b": 1}


class Places:
    """Looks up in the ledger of one database where and when its batches are.

    Seconds never fall as batches grow, so that either of them can be searched for by the other.

    Args:
        buckets: the ledger's rows.
    """

    def __init__(self, buckets: Documents) -> None:
        self._buckets = buckets

    async def bounds_of(self, wish: Wish) -> Bounds | None:
        """Tell where the rows of a wish are; None where there are none."""
        bounds = Bounds(begin=wish.since)
        if wish.since is not None and not wish.by_time:
            found = await self.first_from(wish.since)
            if found is None:
                return None
            bounds = bounds._replace(first=found[1])
        if wish.until is not None and (found := await self.first_from(wish.until + 1)) is not None:
            # A batch may have begun before that second, and has rows of ours then.
            second, batch = found
            bounds = bounds._replace(last=batch)
            if wish.by_time:
                bounds = bounds._replace(end=await self._end_of(batch, second))
        if wish.by_time and wish.after is not None:
            bounds = await self._beyond(wish, wish.after.batch, bounds)
        return bounds.after(wish)

    async def first_from(self, second: int) -> tuple[int, int] | None:
        """Give the second and the batch of the first bucket from a second on; None where there is none."""
        return await self._look({"t": {"$gte": second}})

    async def _look(self, query: dict[str, Any], way: int = 1) -> tuple[int, int] | None:
        order = [("t", way), ("_id.b", way)]
        found = await self._buckets.find_one(query, _FIELDS, sort=order, hint="by time")
        return None if found is None else (int(found["t"]), int(found["_id"]["b"]))

    async def _end_of(self, batch: int, second: int) -> int | None:
        """Give a second after which there is nothing of a batch, which has a bucket in another one."""
        later = await self._look({"t": {"$gte": second}, "_id.b": {"$gt": batch}})
        return None if later is None else later[0]

    async def _beyond(self, wish: Wish, batch: int, bounds: Bounds) -> Bounds:
        """Begin, or end, near the batch that was seen last, which the index of time knows by its second.

        The addresses of following pages name a second that is near enough.
        """
        if wish.descending:
            if wish.until is not None:
                found = await self.first_from(wish.until - 1)
                if found is not None and found[1] <= batch:
                    return bounds
            end = await self._second_of(batch + 1) - 1
            return bounds._replace(end=end if bounds.end is None else min(end, bounds.end))
        if wish.since is not None:
            found = await self.first_from(wish.since + 2)
            if found is None or found[1] >= batch:
                return bounds
        begin = await self._second_of(batch) - 1
        return bounds._replace(begin=begin if bounds.begin is None else max(begin, bounds.begin))

    async def _second_of(self, batch: int) -> int:
        """Find the first second from which on there is nothing of an earlier batch than this one."""
        first, last = await self._look({}), await self._look({}, -1)
        if first is None or last is None:
            return 0
        low, high = first[0], last[0] + 1
        while low < high:
            middle = (low + high) // 2
            found = await self.first_from(middle)
            if found is None or found[1] >= batch:
                high = middle
            else:
                low = middle + 1
        return high
