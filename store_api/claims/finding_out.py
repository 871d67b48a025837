"""Finds out what became of an operation whose key somebody has claimed before."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from msgspec import structs

from store_api.claims.claim import Claim, State, refused
from store_api.claims.ports import Claims, Fenced
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    KeyInFlight,
    KeyReused,
    OutcomeUnknown,
)
from store_api.stock import Operation, OperationKind, Replayed, Reply, Report, Stamp

log = logging.getLogger(__name__)

OWNER_SECONDS = 1.0
"""How long the owner of a claim may take before it is taken for dead. It does no harm when it is not."""

IN_FLIGHT_SECONDS = 5.0
"""How long it is tried to find out."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Between two looks at a claim, in seconds: it doubles up to the longest."""


class FindingOut:
    """Finds out, by reading, by waiting for a living owner, or by fencing a dead one.

    Args:
        claims: where claims are kept.
        stores: which prove what became of open claims.
        is_ours: tells whether a writer is, or was, this process: nobody need wait for it.

    Attributes:
        found: how often what was found: "replayed", "fenced", "unknown", "reused", "in_flight".
    """

    def __init__(self, claims: Claims, stores: Fenced, is_ours: Callable[[str], bool]) -> None:
        self._claims = claims
        self._stores = stores
        self._is_ours = is_ours
        self.found: Counter[str] = Counter()

    async def find_out(self, operation: Operation, claim: Claim) -> Reply | Claim | None:
        """Find out what became of an operation.

        Args:
            operation: the operation as it is asked for again, under a key.
            claim: what was found under its key.

        Returns:
            The answer; or the claim, which is void: the operation was not applied and never will be, and
            whoever takes the claim's place may carry it out; None where there is no claim any more.
        """
        if operation.key is None or claim.key.fingerprint != operation.key.fingerprint:
            self.found["reused"] += 1
            return KeyReused()
        clock = asyncio.get_running_loop().time
        began = clock()
        pause = SHORTEST_PAUSE
        current: Claim | None = claim
        while current is not None and current.state is State.OPEN:
            if clock() > began + IN_FLIGHT_SECONDS:
                self.found["in_flight"] += 1
                return KeyInFlight()
            try:
                if clock() >= began + OWNER_SECONDS or self._is_ours(current.writer):
                    ended = await self._end(operation, current)
                    if ended is not None:
                        return ended
                await asyncio.sleep(pause)
                current = await self._claims.find(claim.key)
            except DatabaseUnavailable:
                await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
        if current is None:
            return None
        self.found["replayed"] += 1
        return Replayed(refused(current)) if current.refusal else await self.replay(operation)

    async def _end(self, operation: Operation, claim: Claim) -> Reply | Claim | None:
        """Fence an open claim; gives None where it has changed meanwhile."""
        creates = operation.kind is OperationKind.SUPPLY
        found = await self._stores.fence(claim.store_id, Stamp(claim.writer, claim.number), creates=creates)
        if await self._claims.find(claim.key) != claim:
            return None
        is_applied = found is not None and claim.is_proven_by(found)
        what = "unknown" if found is None else "replayed" if is_applied else "fenced"
        self.found[what] += 1
        log.info(
            "Found out what became of an operation by its key",
            extra={"action": "claim_fenced", "number": claim.number, "found": what},
        )
        if found is None:
            # Whoever deleted the store took the proof along.
            return OutcomeUnknown()
        if not is_applied:
            return claim
        # Its owner can note it no more.
        await self._claims.put([(claim, structs.replace(claim, state=State.APPLIED))])
        return await self.replay(operation)

    async def replay(self, operation: Operation) -> Reply:
        """Answer again one that was applied: with the store as it is now."""
        store_id = operation.store_id
        wanted = operation.items if operation.minimal else None
        try:
            stock = (await self._stores.read_many([store_id], wanted)).get(store_id, {})
        except DatabaseUnavailable:
            return Replayed(AppliedUnreported())
        if isinstance(stock, BrokenDocument):
            return Replayed(BrokenDocument(store_id, stock.reason, applied=True))
        if operation.minimal:
            return Replayed(Report.of_items(store_id, stock, operation.items))
        return Replayed(Report.of(store_id, stock))
