#!/usr/bin/env python3
"""Stands in for mongosh where there is no Node: it understands docker-compose.yml's health check alone."""

import socket
import sys

EXPECTED = ["--norc", "--quiet", "--eval", "quit(db.adminCommand('ping').ok ? 0 : 1)"]
# {ping: 1, $db: "admin"} as an OP_MSG: length, number, answered and 2013; flags, kind, and the document.
DOCUMENT = b"\x1e\0\0\0\x10ping\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"
PING = (
    (21 + len(DOCUMENT)).to_bytes(4, "little") + b"\x01\0\0\0\0\0\0\0\xdd\x07\0\0" + b"\0\0\0\0\0" + DOCUMENT
)
OK = b"\x01ok\0" + b"\0\0\0\0\0\0\xf0\x3f"
"""In the answer, where all is well: the field ok, 1.0."""


def main() -> int:
    """Ask mongod on its usual port; 0 where it is well."""
    if sys.argv[1:] != EXPECTED:
        print(f"this is no mongosh, and knows but {EXPECTED}", file=sys.stderr)  # noqa: T201
        return 2
    with socket.create_connection(("127.0.0.1", 27017), timeout=5) as mongod:
        mongod.sendall(PING)
        return int(OK not in mongod.recv(65536))


if __name__ == "__main__":
    sys.exit(main())
