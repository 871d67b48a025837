"""Stamps the changes of tests that are not about stamps, as the committer stamps all of its own."""

from collections.abc import Collection, Sequence

import msgspec

from store_api.batches.numbers import draw_writer
from store_api.claims import Claim
from store_api.sending.sender import PATIENCE_SECONDS
from store_api.stock import Change, Stamp, Stock, Written
from store_api.storage.writer import StoreWriter


def stamped(change: Change, *, writer: str = "", number: int = 2) -> Change:
    """Stamp a change that is not stamped yet, as the first of a writer of its own: tests write at once."""
    if change.stamp.number:
        return change
    return msgspec.structs.replace(change, stamp=Stamp(writer or draw_writer(), number))


class StampingWriter(StoreWriter):
    """The service's own writer, which gives a number to what has none."""

    async def apply(
        self,
        change: Change,
        wanted: Collection[str] | None,
        patience: float = PATIENCE_SECONDS,
        claims: Sequence[Claim] = (),
    ) -> Stock | None:
        return await super().apply(stamped(change), wanted, patience, claims)

    async def apply_many(self, changes: Sequence[Change], claims: Sequence[Claim] = ()) -> list[Written]:
        writer = draw_writer()
        numbered = enumerate(changes, 1)
        many = [stamped(change, writer=writer, number=2 * number) for number, change in numbered]
        return await super().apply_many(many, claims)
