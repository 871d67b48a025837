"""What is promised on websockets, as data: the close codes and the switches of the query."""

GOING_AWAY, BROKEN_RULE, OUR_FAULT, TOO_SLOW = 1001, 1008, 1011, 1013
"""Close codes (RFC 6455, 7.4.1, and the IANA registry)."""

SLOWEST_SECONDS = 10.0
"""How long a client may take to make room for the next frame before it is closed as too slow."""

SNAPSHOT = "snapshot"
"""The query's name for: the report as it stands comes first."""

SNAPSHOT_VALUES = ("true", "false")

ONLY = "only"
"""The query's name for: frames hold less than the whole report."""

ONLY_CHANGES = "changes"
"""The one thing that `only` takes: the lines that changed."""
