"""The socket contract as an AsyncAPI 3 document, from the schemas of the frames."""

from typing import Any

import msgspec

from store_api.contract import schemas
from store_api.contract.channels import (
    BEARER_SUBPROTOCOL,
    BROKEN_RULE,
    BROKEN_STORE,
    CREDENTIAL_ENDED,
    GOING_AWAY,
    LARGEST_PART,
    ONLY,
    ONLY_CHANGES,
    OUR_FAULT,
    RIGHTS_CHANGED,
    SLOWEST_SECONDS,
    SNAPSHOT,
    SNAPSHOT_VALUES,
    SUBPROTOCOL,
    TOO_SLOW,
)
from store_api.contract.openapi import VERSION

DESCRIPTION = f"""\
Each socket is told of every change of a store, or of all stores, whoever made it. Clients send nothing.

A client that keeps up hears of every change. One that falls behind skips to the newest report of each store,
or, with `{ONLY}={ONLY_CHANGES}`, to the newest quantity of each item; one that takes nothing for
{SLOWEST_SECONDS:.0f} seconds is closed.

Another program may leave a document that cannot be read as a report. The socket of that one store is closed
then ({BROKEN_STORE}); the sockets of all stores get a frame of its own kind, `broken`, in the snapshot as
well as later. The next frame that is not of that kind says that the store is mended.

A whole report is one frame, however large: the length of its ids and 30 bytes a line. With
`{ONLY}={ONLY_CHANGES}` no frame is larger than {LARGEST_PART // 2**20} MiB: what is more, of a snapshot too,
comes in parts, frames of that store one after the other, all of which but the last say `"more": true`.

Close codes: {GOING_AWAY} the service stops, {BROKEN_RULE} the client sent something, {OUR_FAULT} our fault,
{TOO_SLOW} too slow, {CREDENTIAL_ENDED} the token has expired or was revoked, {RIGHTS_CHANGED} it may do
something else now: connect again; {BROKEN_STORE} the document of this one store is broken. What cannot be
served is a problem (RFC 9457) before the handshake: 401 without a valid credential, 403 for a store that is
none of its own, for what it may not do and for pages of another origin, 421 for another host, 422 for a bad
id or query, 429 for too many, 500 for a broken document, 503 while MongoDB is away.

Where the service asks who calls (`AUTH`), a handshake takes a token of the scope `read`: as `Authorization:
Bearer`; or, from pages, which can set no header, as a subprotocol, `{BEARER_SUBPROTOCOL}` and the token,
beside `{SUBPROTOCOL}`, which alone is answered; or the cookie of somebody who has signed in. A header or a
subprotocol comes before a cookie; both of them are one too many. A token for some stores is told of those
alone.

The HTTP contract is [an OpenAPI document](openapi.json).
"""

_QUERY = {
    "type": "object",
    "properties": {
        SNAPSHOT: {
            "type": "string",
            "enum": list(SNAPSHOT_VALUES),
            "default": "false",
            "description": "Whether the report as it stands comes first, with no gap to what follows.",
        },
        ONLY: {
            "type": "string",
            "enum": [ONLY_CHANGES],
            "description": "Whether frames hold just the lines that changed, and are never large.",
        },
    },
}

_HEADERS = {
    "type": "object",
    "properties": {
        "Sec-WebSocket-Protocol": {
            "type": "string",
            "description": f"Need not be there; of what is offered, `{SUBPROTOCOL}` alone is answered.",
            "examples": [SUBPROTOCOL, f"{SUBPROTOCOL}, {BEARER_SUBPROTOCOL}sapi_..."],
        }
    },
}

_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the service's own, or a JWT of its issuer.",
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": f"`{SUBPROTOCOL}, {BEARER_SUBPROTOCOL}` and the token: for pages.",
    },
    "session": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "store_api_session",
        "description": "Of a browser that has signed in; over TLS `__Host-` stands before its name.",
    },
}
"""One of these is enough; none is asked for where `AUTH` is off."""

_REPORT = schemas.Report(
    schemas.StoreReport("abc111", [schemas.ReportLine("chair", 10), schemas.ReportLine("table", 2)])
)
_CHANGES = schemas.ChangesFrame(
    schemas.StoreChanges("abc111", [schemas.ChangedLine("chair", 7), schemas.ChangedLine("table", 0)])
)
_BROKEN = schemas.Broken(
    schemas.BrokenStore(
        "abc111",
        "The document of store 'abc111' is broken: the quantity of 'chair' is not a whole number from 0.",
    )
)


def document() -> dict[str, Any]:
    """Write the whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "store_api", "version": VERSION, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "store": {
                **_channel("/ws/stores/{store_id}", "The changes of one store, which need not exist yet."),
                "parameters": {
                    "store_id": {"description": "The store's id, percent-encoded.", "examples": ["abc111"]}
                },
            },
            "stores": _channel("/ws/stores", "The changes of all stores.", "broken"),
        },
        "operations": {"tellStore": _operation("store"), "tellStores": _operation("stores")},
        "components": {
            "messages": {
                "report": _message(
                    schemas.Report, "A whole report: each change, or the snapshot, or both.", _REPORT
                ),
                "changes": _message(
                    schemas.ChangesFrame,
                    "With `only=changes`: the lines that changed; one of 0 is gone; or a snapshot.",
                    _CHANGES,
                ),
                "broken": _message(
                    schemas.Broken, "Instead of either: a store whose document cannot be read.", _BROKEN
                ),
            },
            "schemas": schemas.schemas_of(schemas.Report, schemas.ChangesFrame, schemas.Broken),
            "securitySchemes": _SECURITY,
        },
    }


def _channel(address: str, description: str, *more: str) -> dict[str, Any]:
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in ("report", "changes", *more)}
    bindings = {"ws": {"method": "GET", "query": _QUERY, "headers": _HEADERS, "bindingVersion": "0.1.0"}}
    return {"address": address, "description": description, "messages": messages, "bindings": bindings}


def _operation(channel: str) -> dict[str, Any]:
    # From the service's side: it sends, and receives nothing.
    security = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY]
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "security": security}


def _message(shape: Any, summary: str, example: Any) -> dict[str, Any]:
    return {
        "name": shape.__name__,
        "summary": summary,
        "payload": {"$ref": f"#/components/schemas/{shape.__name__}"},
        "examples": [{"payload": msgspec.to_builtins(example)}],
    }
