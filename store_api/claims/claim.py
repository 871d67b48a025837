"""A claim: whose key is whose, and what became of the operation that it names; pure.

Whoever carries an operation out claims its key first, with the number of the write that it goes out in. While
a claim is open, the store says what became of it: it was applied if its writer's number there has come as far
as the claim's, or past it, and no fence stands there. That is so because every claim whose write was not
applied gets another number, or ends as refused, before its writer writes to that store again; where that
cannot be done, the writer goes on under another id (`batches/numbers.py`).
"""

from enum import Enum

import msgspec

from store_api.errors import NotApplied, OutOfStock, QuantityOverflow, Shortage, StoreNotFound
from store_api.stock import Key, Replayed, Reply, Report

MOST_SHORTAGES = 100
"""Short items that a claim remembers of a refusal."""


class State(Enum):
    """What is known of a claimed operation, from its claim alone."""

    OPEN = "open"
    APPLIED = "applied"
    REFUSED = "refused"


class Refusal(msgspec.Struct, frozen=True):
    """What a client was told that was refused.

    Args:
        slug: the kind of error.
        shortages: what was short, as item, wanted and available pieces.
    """

    slug: str
    shortages: tuple[tuple[str, int, int], ...] = ()


class Claim(msgspec.Struct, frozen=True):
    """One key, and the operation that it names.

    Args:
        key: the client's.
        store_id: the store that the operation is about.
        writer: who carries it out.
        number: the writer's number of the write that it goes out in.
        state: what is known of it.
        refusal: what was told, where it was refused.
    """

    key: Key
    store_id: str
    writer: str
    number: int
    state: State = State.OPEN
    refusal: Refusal | None = None

    def is_proven_by(self, found: int) -> bool:
        """Tell whether an open claim came true, by its writer's number in the store once that is fenced."""
        return found >= self.number and found != self.number + 1


def refusal_of(error: object) -> Refusal | None:
    """Give what is remembered of an answer; None where it is none that is remembered."""
    match error:
        case OutOfStock(shortages=shortages):
            lines = tuple((short.item_id, short.wanted, short.available) for short in shortages)
            return Refusal(error.slug, lines[:MOST_SHORTAGES])
        case StoreNotFound() | QuantityOverflow():
            return Refusal(error.slug)
        case _:
            return None


def refused(claim: Claim) -> NotApplied:
    """Say again what a client was told that was refused."""
    refusal = claim.refusal or Refusal(StoreNotFound.slug)
    if refusal.slug == OutOfStock.slug:
        return OutOfStock(tuple(Shortage(*line) for line in refusal.shortages))
    return QuantityOverflow() if refusal.slug == QuantityOverflow.slug else StoreNotFound(claim.store_id)


def asked_again(reply: Reply) -> Reply:
    """Give the reply to one who asked again while the first was being answered."""
    if isinstance(reply, Replayed):
        return reply
    return Replayed(reply) if isinstance(reply, Report) or refusal_of(reply) is not None else reply


def is_report(reply: Reply) -> bool:
    """Tell whether a reply reports a store to one who asked again."""
    return isinstance(reply, Replayed) and isinstance(reply.answer, Report)
