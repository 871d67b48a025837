"""Idempotency-Key: what a client names its operation by becomes a key, with what the operation is.

As the draft of the IETF's HTTP working group has it (draft-ietf-httpapi-idempotency-key-header), and as most
clients send it: bare.
"""

import re
from collections.abc import Sequence
from hashlib import sha256

import msgspec
from msgspec import structs

from store_api.errors import KeyInvalid, KeyMissing
from store_api.stock import Key, Operation

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed: true\r\n"
LONGEST_KEY = 255

ANONYMOUS = "anonymous"
"""Whose keys are those of clients whom nobody has asked who they are."""

_KEY = re.compile(rf'"([!#-~]{{1,{LONGEST_KEY}}})"|([!#-~]{{1,{LONGEST_KEY}}})')


def key_in(lines: Sequence[str], *, required: bool) -> str | None:
    """Read the key out of the lines of the header; None where there are none.

    Raises:
        KeyMissing: there are none, and there must be.
        KeyInvalid: there are several, or it is no key.
    """
    if not lines:
        if required:
            raise KeyMissing
        return None
    found = _KEY.fullmatch(lines[0].strip(" \t")) if len(lines) == 1 else None
    if found is None:
        raise KeyInvalid
    return found[1] or found[2]


def named(operation: Operation, value: str, route: str, client: str | None = None) -> Operation:
    """Name an operation by a client's key.

    Args:
        operation: what the client asks for.
        value: what it calls that.
        route: how it asks: the same by another call is something else.
        client: who it is: two may have the same key for two operations. None where nobody asked.
    """
    what: tuple[object, ...] = (
        *(route, operation.store_id, operation.kind),
        sorted(operation.items.items()),
    )
    if operation.reference is not None or operation.reason is not None:
        what = (*what, operation.reference, operation.reason)
    key = Key(ANONYMOUS if client is None else client, value, sha256(msgspec.json.encode(what)).digest())
    return structs.replace(operation, key=key)


def key_lines(value: str, *, replayed: bool) -> str:
    """Write the header lines that say which key an answer is about, and whether it is an old one."""
    return f"{HEADER}: {value}\r\n{REPLAYED if replayed else ''}"
