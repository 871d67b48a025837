"""What clients ask of the ledger, checked whole: queries become wishes, or InvalidInput; pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, get_args
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from store_api.contract import schemas
from store_api.contract.bodies import LONGEST_ID, LONGEST_REFERENCE, UNPRINTABLE
from store_api.errors import InvalidInput
from store_api.movements.pages import Following
from store_api.movements.wishes import Position, Wish, written
from store_api.stock.ids import PLAIN_STORE_ID

Arguments = Mapping[str, list[str]]

LONGEST_ACTOR: Final = 1_024

_TEXTS: Final = {"item_id": LONGEST_ID, "actor": LONGEST_ACTOR, "reference": LONGEST_REFERENCE}
_PRINTABLE: Final = re.compile(f"[^{UNPRINTABLE}]+")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_PLACE: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")
_FILTERS: Final = ("item_id", "op", "actor", "reference", "from", "to", "order", "limit", "after")
_ORDERS: Final = ("asc", "desc")
_OPS: Final = get_args(schemas.Op)


def wish_of(arguments: Arguments, store_id: str | None, usual: int, most: int) -> Wish:
    """Read which movements are wanted.

    Args:
        arguments: of the query.
        store_id: the store of the path; None where it is none of the path.
        usual, most: movements of a page, unless told otherwise, and at most.

    Raises:
        InvalidInput: one of them is not as it must be, or there is no such one.
    """
    _require_known(arguments, _FILTERS if store_id is not None else (*_FILTERS, "store_id"))
    item_id, actor, reference = (_text_of(arguments, name, longest) for name, longest in _TEXTS.items())
    if store_id is None:
        store_id = _store_of(arguments)
    if store_id is None and item_id is not None:
        raise InvalidInput("An item is one of a store: name the store, too.", "item_id")
    return Wish(
        store_id=store_id,
        item_id=item_id,
        actor=actor,
        reference=reference,
        op=_choice_of(arguments, "op", _OPS),
        since=second_of(arguments, "from"),
        until=second_of(arguments, "to"),
        descending=_choice_of(arguments, "order", _ORDERS) == "desc",
        limit=_limit_of(arguments, usual, most),
        after=_place_of(arguments),
    )


def _require_known(arguments: Arguments, names: tuple[str, ...]) -> None:
    """Refuse what is no filter: who mistypes one would take all rows for those that were wanted."""
    for name, values in arguments.items():
        if name not in names:
            raise InvalidInput(f"Known are {', '.join(names)}.", name)
        if len(values) > 1:
            raise InvalidInput("It is named twice.", name)


def second_of(arguments: Arguments, name: str) -> int | None:
    """Read a moment, in whole seconds since 1970; None where there is none.

    Raises:
        InvalidInput: it is no moment.
    """
    text = arguments.get(name, [None])[0]
    if text is None:
        return None
    try:
        if _MOMENT.fullmatch(text) is not None:
            return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        # Of the right shape, and of the thirteenth month.
        pass
    raise InvalidInput("A moment is written as 2026-11-26T21:00:00Z, in UTC.", name)


def address_of(path: str, wish: Wish, following: Following, *, names_store: bool) -> str:
    """Write the address of the page that follows.

    Args:
        path: of the route.
        wish: what was wanted.
        following: where it begins.
        names_store: whether the query names the store.
    """
    if wish.by_time and wish.descending:
        wish = replace(wish, until=following.second)
    elif wish.by_time:
        wish = replace(wish, since=following.second)
    told = {
        "store_id": wish.store_id if names_store else None,
        "item_id": wish.item_id,
        "op": wish.op,
        "actor": wish.actor,
        "reference": wish.reference,
        "from": None if wish.since is None else written(wish.since),
        "to": None if wish.until is None else written(wish.until),
        "order": "desc" if wish.descending else None,
        "limit": wish.limit,
        "after": following.after,
    }
    query = {name: value for name, value in told.items() if value is not None}
    return f"{path}?{urlencode(query, quote_via=quote, safe='')}"


def _text_of(arguments: Arguments, name: str, longest: int) -> str | None:
    text = arguments.get(name, [None])[0]
    if text is not None and not (len(text) <= longest and _PRINTABLE.fullmatch(text)):
        raise InvalidInput(f"{name} is 1 to {longest} printable characters.", name)
    return text


def _store_of(arguments: Arguments) -> str | None:
    text = arguments.get("store_id", [None])[0]
    if text is not None and PLAIN_STORE_ID.fullmatch(text) is None:
        raise InvalidInput(
            f"store_id is 1 to {LONGEST_ID} printable characters, none of them a slash.", "store_id"
        )
    return text


def _choice_of(arguments: Arguments, name: str, choices: tuple[str, ...]) -> str | None:
    text = arguments.get(name, [None])[0]
    if text is not None and text not in choices:
        raise InvalidInput(f"{name} is {', '.join(choices[:-1])} or {choices[-1]}.", name)
    return text


def _limit_of(arguments: Arguments, usual: int, most: int) -> int:
    text = arguments.get("limit", [str(usual)])[0]
    # A text of very many digits is never made a number.
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise InvalidInput(f"The limit is a whole number from 1 to {most}.", "limit")
    return int(text)


def _place_of(arguments: Arguments) -> Position | None:
    text = arguments.get("after", [None])[0]
    if text is None:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise InvalidInput("after is the id of a movement, as 17.4.", "after")
    return Position(int(found[1]), int(found[2]))
