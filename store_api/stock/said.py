"""What a write of ours says of itself: who asked for what, and why; pure.

It goes along in the write as one piece of bytes, which differs each time, so that whoever follows the stores
hears of it whole, and can tell it from what was said before (docs/decisions, "What a write says of itself").
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from store_api.stock.ids import LONGEST_ID, UNPRINTABLE
from store_api.stock.operations import LARGEST_QUANTITY, Operation, OperationKind, Stock

KINDS: Final = (OperationKind.SUPPLY, OperationKind.DEMAND, OperationKind.CLEAN)
"""Written by their places here. Supplies come first: in whatever order they came, nothing was negative."""

_PLACES: Final = {kind: place for place, kind in enumerate(KINDS)}


LONGEST_ACTOR: Final = 256
"""Characters: the subject of a JWT has up to 200, and we put a word before it."""

# What others put there in our name must be fit to be kept, and to be told.
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
_Actor = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ACTOR)]
_Pieces = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_QUANTITY)]


class SaidLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Operations of one write that say the same.

    Args:
        place: of their kind in `KINDS`.
        actor: who asked; None where nobody knows.
        reference: what they call it, an order or a receipt.
        reason: why.
        items: how many pieces of which item, positive; None where the line is all that the write did.
    """

    place: Annotated[int, msgspec.Meta(ge=0, lt=len(KINDS))]
    actor: _Actor | None = None
    reference: _Name | None = None
    reason: _Name | None = None
    items: dict[_Name, _Pieces] | None = None


class Said(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one write said.

    Args:
        writer, number: of the write.
        lines: what it was made of, supplies first.
    """

    writer: str
    number: int
    lines: list[SaidLine]


_UNFIT: Final = re.compile(f"[{UNPRINTABLE}]")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Said).decode


def said_of(writer: str, number: int, operations: Iterable[Operation]) -> bytes:
    """Write down what a write is made of; operations that say the same are one line.

    Args:
        writer, number: of the write.
        operations: those that it carries out, one at least.
    """
    merged: dict[tuple[int, str | None, str | None, str | None], Stock] = {}
    first = None
    for operation in operations:
        names = (_PLACES[operation.kind], operation.actor, operation.reference, operation.reason)
        if first is None:
            first = names
            merged[names] = dict(operation.items)
            continue
        items = merged.setdefault(names, {})
        for item_id, quantity in operation.items.items():
            # More than can be counted came and went meanwhile: it is not all said, and nothing is wrong.
            items[item_id] = min(items.get(item_id, 0) + quantity, LARGEST_QUANTITY)
    if len(merged) == 1 and first is not None:
        return _encode((writer, number, ((*first,),)))
    lines = sorted(merged.items(), key=lambda line: line[0][0])
    return _encode((writer, number, [(*names, items) for names, items in lines]))


def read_said(written: bytes) -> Said | None:
    """Read what a write said; None for anything that `said_of` does not write."""
    try:
        said = _decode(written)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    is_alone = len(said.lines) == 1
    texts: list[str] = []
    for line in said.lines:
        if (line.items is None) is not is_alone:
            return None
        texts += (line.actor or "", line.reference or "", line.reason or "", *(line.items or ()))
    # One look at all of them: a search in each took ten times as long as all the rest.
    text = "".join(texts)
    is_fit = text.isprintable() or _UNFIT.search(text) is None
    return said if is_fit and said.lines else None
