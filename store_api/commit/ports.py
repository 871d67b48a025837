"""What group commit asks of whoever keeps the stores; the real keeper and the simulation's fit it alike."""

from collections.abc import Collection, Sequence
from typing import Protocol

from store_api.claims import Claim
from store_api.claims.ports import Fenced
from store_api.errors import BrokenDocument
from store_api.stock import Change, Stock, Written

PATIENCE_SECONDS = 0.1
"""How long a write may wait for a store that a transaction of another program holds."""


class Sweepable(Protocol):
    """Stores that what is used up can be swept out of."""

    async def sweep(self, store_id: str, number: int, *, items: bool) -> None:
        """Remove the numbers of writers that are long gone, and the items of which nothing is left.

        Args:
            store_id: of which store.
            number: higher than that of any sweep before.
            items: whether items are looked at; else the store stays as it is where no writer is gone.

        Raises:
            StoreApiError: it could not be done, or nobody knows.
        """
        ...


class Stores(Sweepable, Fenced, Protocol):
    """Stores that guarded changes are written to; every write is durable on a majority."""

    async def apply(
        self,
        change: Change,
        wanted: Collection[str] | None,
        patience: float = PATIENCE_SECONDS,
        claims: Sequence[Claim] = (),
    ) -> Stock | None:
        """Apply one guarded change, whole or not at all.

        Args:
            change: what is written.
            wanted: the items whose quantities the answer needs; None for all.
            patience: seconds that it may wait for a store that a transaction of another program holds.
            claims: made in the same turn: where the change is applied they are there for ever. Where it is
                not, they may be there, or be lost.

        Returns:
            The stock at a moment after the change, or None where its guard did not hold.

        Each change has a number, higher than any before it, and is applied once, however often it is sent.

        Raises:
            StoreHeld: definite, nothing was applied: the store was held for as long as that.
            DatabaseUnavailable: definite, nothing was applied.
            OutcomeUnknown: it may have been applied, or may yet be: `settle` finds out.
            AppliedUnreported: it was applied, but could not be read.
            UnfitDocument: definite, the document cannot take it.
            BrokenDocument: it was applied, but the document cannot be read as a stock.
            NotClaimed: definite, nothing was applied: some claims may be there, another's or these.
        """
        ...

    async def apply_many(self, changes: Sequence[Change], claims: Sequence[Claim] = ()) -> list[Written]:
        """Apply guarded changes of different stores in one command; each is applied whole, or not at all.

        Claims are made in the same turn, as `apply` makes them.

        A store that is held, which is `Written.HELD`, keeps no other from being written.

        Raises:
            DatabaseUnavailable: definite, nothing was applied.
            OutcomeUnknown: any of them may have been applied.
            NotClaimed: definite, nothing was applied.
        """
        ...

    async def settle(self, change: Change) -> Written:
        """Find out what became of a change whose answer nobody had; it is asked once, and raises nothing.

        Returns:
            APPLIED or FENCED for certain: no copy of it that is on its way is ever applied. LOST where
            others have replaced or deleted what would prove it. UNKNOWN where it may be asked again.
        """
        ...

    async def read_many(
        self, store_ids: Sequence[str], wanted: Collection[str] | None = None
    ) -> dict[str, Stock | BrokenDocument]:
        """Read several stores at once; one that does not exist is left out, and a broken one breaks no other.

        Raises:
            DatabaseUnavailable: no primary, or it did not answer.
        """
        ...
