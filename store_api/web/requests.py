"""What clients send, checked whole: ids, bodies and preferences become operations, or InvalidInput."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import UnsetType

from store_api.contract.bodies import (
    ITEM_ID,
    LIMIT_RULE,
    LONGEST_ID,
    MOST_STORES,
    REASON,
    STORE_ID_RULE,
    UNPRINTABLE,
    USUAL_STORES,
    CleanBody,
    GroupBody,
    ItemBody,
)
from store_api.contract.channels import ONLY, ONLY_CHANGES, SNAPSHOT, SNAPSHOT_VALUES
from store_api.errors import ContentCoded, InvalidInput, NotJson, UpgradeRequired, WrongMediaType
from store_api.http.fields import asks_for_websocket, charsets, codings, preference
from store_api.http.grammar import Fields, elements
from store_api.stock import Operation, OperationKind, sum_items

Body = TypeVar("Body")


_STORE_ID = re.compile(f"[^/{UNPRINTABLE}]{{1,{LONGEST_ID}}}")
_decode_item: Callable[[bytes], ItemBody] = msgspec.json.Decoder(ItemBody).decode
_decode_group: Callable[[bytes], GroupBody] = msgspec.json.Decoder(GroupBody).decode
_decode_clean: Callable[[bytes], CleanBody] = msgspec.json.Decoder(CleanBody).decode
_READABLE = {
    f"Expected `str` matching regex {ITEM_ID!r}": "Expected `str` of printable characters",
    f"Expected `str` matching regex {REASON!r}": "Expected `str` of a-z, 0-9, _, . and -",
}
# Quotes of members' names and texts: "operation", "item_id", "quantity"; "operation", "items"; one line's.
_ITEM_QUOTES, _GROUP_QUOTES, _LINE_QUOTES = 10, 6, 6
# Those of "reference", or "reason", and of its text.
_NOTE_QUOTES = 4
_USUAL_PREFERENCES = {"return=minimal": True, "return=representation": False}
_UTF_8 = ("utf-8", "utf8")
_KINDS = {"demand": OperationKind.DEMAND, "supply": OperationKind.SUPPLY}


def store_id_of(segment: str) -> str:
    """Decode a store id from its path segment.

    Raises:
        InvalidInput: it is no store id.
    """
    store_id = segment
    if "%" in segment:
        try:
            store_id = unquote(segment, errors="strict")
        except UnicodeDecodeError:
            raise InvalidInput("The store id is not percent-encoded UTF-8.", "store_id") from None
    if _STORE_ID.fullmatch(store_id) is None:
        raise InvalidInput(STORE_ID_RULE, "store_id")
    return store_id


def require_json(content_type: str | None, content_encoding: Sequence[str] = ()) -> None:
    """Refuse a body that does not say that it is JSON, in UTF-8 (RFC 8259, 8.1), as it is.

    Args:
        content_type: the header.
        content_encoding: the lines of the header, which have names of codings.

    Raises:
        WrongMediaType: it says that it is something else, or in another character set, or nothing.
        ContentCoded: it says that it is compressed, or coded otherwise.
    """
    if content_type != "application/json":
        media_type = (content_type or "").partition(";")[0].strip().lower()
        if media_type != "application/json" or any(
            charset not in _UTF_8 for charset in charsets(content_type or "")
        ):
            raise WrongMediaType
    if content_encoding and codings(", ".join(content_encoding)):
        raise ContentCoded


def require_websocket(headers: Fields, version: str) -> None:
    """Refuse a request for a websocket that is none, or of another version than ours.

    Args:
        headers: the request's.
        version: of HTTP, as `1.1`.

    Raises:
        UpgradeRequired: it does not ask for an upgrade, or not to version 13.
    """
    is_wanted = asks_for_websocket(headers.getall("upgrade", ()), headers.getall("connection", ()), version)
    if not is_wanted or list(headers.getall("sec-websocket-version", ())) != ["13"]:
        raise UpgradeRequired


def subprotocols(headers: Fields) -> list[str]:
    """List the subprotocols that a handshake offers (RFC 6455, 4.1), one of which may hold a token."""
    return elements(", ".join(headers.getall("sec-websocket-protocol", ())))


def item_operation(store_id: str, body: bytes, *, minimal: bool, actor: str | None = None) -> Operation:
    """Read the operation of `POST /stores/{store_id}`.

    Raises:
        NotJson: the body is not JSON.
        InvalidInput: it has not the right shape.
    """
    wish = _decode(_decode_item, body)
    kind, items = _KINDS[wish.operation], {wish.item_id: wish.quantity}
    if body.count(b'"') == _ITEM_QUOTES:
        # There is neither a reference nor a reason: each would have quotes of its own.
        return Operation(store_id, kind, items, minimal, None, actor)
    reference, reason, quotes = _notes_of(wish)
    require_members_once(body, _ITEM_QUOTES + quotes)
    return Operation(store_id, kind, items, minimal, None, actor, reference, reason)


def group_operation(store_id: str, body: bytes, *, minimal: bool, actor: str | None = None) -> Operation:
    """Read the operation of `POST /stores/{store_id}/group_op`; a repeated item is summed.

    Raises:
        NotJson: the body is not JSON.
        InvalidInput: it has not the right shape.
    """
    wish = _decode(_decode_group, body)
    reference, reason, quotes = _notes_of(wish)
    expected = _GROUP_QUOTES + _LINE_QUOTES * len(wish.items) + quotes
    if body.count(b'"') != expected:
        require_members_once(body, expected)
    items = sum_items((line.item_id, line.quantity) for line in wish.items)
    return Operation(store_id, _KINDS[wish.operation], items, minimal, None, actor, reference, reason)


def _notes_of(wish: ItemBody | GroupBody | CleanBody) -> tuple[str | None, str | None, int]:
    """Give the reference and the reason of a body, and how many quotes they have."""
    reference = None if isinstance(wish.reference, UnsetType) else wish.reference
    reason = None if isinstance(wish.reason, UnsetType) else wish.reason
    return reference, reason, _NOTE_QUOTES * ((reference is not None) + (reason is not None))


def require_members_once(body: bytes, expected: int) -> None:
    """Refuse a body in which a member is named twice: nobody can tell which of the two was meant.

    A body of the right shape has just the members that it must have, so any more of them is one named again,
    and its name brings two more quotes. Counting them is the cheapest look at all of it that there is.

    Args:
        body: JSON of the right shape.
        expected: the quotes of its members' names and of its texts, where each is there once.

    Raises:
        InvalidInput: there are more.
    """
    escaped = body.replace(b"\\\\", b"").count(b'\\"')
    if body.count(b'"') - escaped != expected:
        raise InvalidInput("A member of an object is named twice.", "$")


def clean_operation(
    store_id: str, body: bytes = b"", *, minimal: bool, actor: str | None = None
) -> Operation:
    """Read the operation of `POST /stores/{store_id}/clean`, whose body may be empty.

    Raises:
        NotJson: there is a body, and it is not JSON.
        InvalidInput: it has not the right shape.
    """
    if not body:
        return Operation(store_id, OperationKind.CLEAN, {}, minimal, None, actor)
    reference, reason, quotes = _notes_of(_decode(_decode_clean, body))
    require_members_once(body, quotes)
    return Operation(store_id, OperationKind.CLEAN, {}, minimal, None, actor, reference, reason)


def prefers_minimal(lines: Sequence[str]) -> bool:
    """Tell whether the lines of `Prefer` ask for `return=minimal` (RFC 7240)."""
    if len(lines) == 1 and lines[0] in _USUAL_PREFERENCES:
        return _USUAL_PREFERENCES[lines[0]]
    return bool(lines) and preference(lines, "return") == "minimal"


def page_of(arguments: dict[str, list[str]]) -> tuple[str, int]:
    """Read `?after=` and `?limit=` of the overview.

    Raises:
        InvalidInput: the limit is not a whole number from 1 to 10,000.
    """
    limit = arguments.get("limit", [str(USUAL_STORES)])[0]
    # A text of very many digits is never made a number.
    is_number = limit.isascii() and limit.isdecimal() and len(limit) <= len(str(MOST_STORES))
    if not is_number or not 1 <= int(limit) <= MOST_STORES:
        raise InvalidInput(LIMIT_RULE, "limit")
    return arguments.get("after", [""])[0], int(limit)


def wants_snapshot(arguments: dict[str, list[str]]) -> bool:
    """Read `?snapshot=` of a websocket; absent means no.

    Raises:
        InvalidInput: it is neither `true` nor `false`.
    """
    text = arguments.get(SNAPSHOT, ["false"])[0]
    if text not in SNAPSHOT_VALUES:
        raise InvalidInput(f"{SNAPSHOT} is {' or '.join(SNAPSHOT_VALUES)}.", SNAPSHOT)
    return text == "true"


def wants_only_changes(arguments: dict[str, list[str]]) -> bool:
    """Read `?only=` of a websocket; absent means whole reports.

    Raises:
        InvalidInput: it is not `changes`.
    """
    text = arguments.get(ONLY, [None])[0]
    if text not in (None, ONLY_CHANGES):
        raise InvalidInput(f"{ONLY} is {ONLY_CHANGES}, or left out.", ONLY)
    return text is not None


def _decode(decode: Callable[[bytes], Body], body: bytes) -> Body:
    try:
        return decode(body)
    except msgspec.ValidationError as wrong:
        _require_well_formed(body)
        detail, _, path = str(wrong).partition(" - at ")
        raise InvalidInput(f"{_READABLE.get(detail, detail)}.", path.strip("`") or "$") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotJson from None


def _require_well_formed(body: bytes) -> None:
    # A body of the wrong shape may be no JSON at all further on, and that comes first.
    try:
        msgspec.json.decode(body)
    except msgspec.ValidationError:
        # A number that no float can hold is JSON all the same.
        return
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotJson from None
