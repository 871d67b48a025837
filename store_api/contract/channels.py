"""What is promised on websockets, as data: the close codes and the switches of the query."""

GOING_AWAY, BROKEN_RULE, OUR_FAULT, TOO_SLOW = 1001, 1008, 1011, 1013
"""Close codes (RFC 6455, 7.4.1, and the IANA registry)."""

BROKEN_STORE = 4500
"""A close code of our own: what would be a problem of status 500 before the handshake."""

CREDENTIAL_ENDED, RIGHTS_CHANGED = 4401, 4403
"""Close codes of our own, as the statuses 401 and 403 are: a client's token has expired or was revoked, or it
may do something else now."""

FRAME_TOO_LARGE = 1009
"""The close code of a client whose own limit a frame is beyond."""

SUBPROTOCOL = "store_api.v1"
"""What these sockets speak; need not be offered."""

BEARER_SUBPROTOCOL = "store_api.bearer."
"""What a token follows that is offered beside it: browsers let pages set no other header."""

SLOWEST_SECONDS = 10.0
"""How long nothing may leave to a client for which frames wait, before it is closed as too slow."""

LARGEST_PART = 2**20
"""Bytes that a frame of `only=changes` holds at most, as many as usual clients take; more comes in parts."""

SNAPSHOT = "snapshot"
"""The query's name for: the report as it stands comes first."""

SNAPSHOT_VALUES = ("true", "false")

ONLY = "only"
"""The query's name for: frames hold less than the whole report."""

ONLY_CHANGES = "changes"
"""The one thing that `only` takes: the lines that changed."""
