"""What is promised on websockets, as data: the close codes and the switches of the query."""

GOING_AWAY, BROKEN_RULE, OUR_FAULT, TOO_SLOW = 1001, 1008, 1011, 1013
"""Close codes (RFC 6455, 7.4.1, and the IANA registry)."""

BROKEN_STORE = 4500
"""A close code of our own: what would be a problem of status 500 before the handshake."""

SLOWEST_SECONDS = 10.0
"""How long a client may take to make room for the next frame before it is closed as too slow."""

SNAPSHOT = "snapshot"
"""The query's name for: the report as it stands comes first."""

SNAPSHOT_VALUES = ("true", "false")

ONLY = "only"
"""The query's name for: frames hold less than the whole report."""

ONLY_CHANGES = "changes"
"""The one thing that `only` takes: the lines that changed."""
