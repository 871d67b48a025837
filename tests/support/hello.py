"""Asking a mongod what it is, without a driver: who waits for members asks them many times a second.

A client of the driver for each question has monitors, threads and a handshake of its own: it took as much of
the processor as the member that was waited for.
"""

import socket
import struct
from typing import Any

import bson

OP_MSG = 2013
"""MongoDB's wire protocol, OP_MSG: a length, two ids and a code; then flags, a kind, and a document."""

HEADER = struct.Struct("<iiii")
QUESTION = struct.pack("<IB", 0, 0) + bson.encode({"hello": 1, "$db": "admin"})
SECONDS = 0.5


def hello(host: str, port: int) -> dict[str, Any]:
    """Ask what a member is; needs no password. Nothing where it does not answer within half a second.

    Args:
        host: its address.
        port: its port.
    """
    try:
        with (
            socket.create_connection((host, port), SECONDS) as connection,
            connection.makefile("rb") as answer,
        ):
            connection.sendall(HEADER.pack(HEADER.size + len(QUESTION), 1, 0, OP_MSG) + QUESTION)
            length, *_ = HEADER.unpack(answer.read(HEADER.size))
            return bson.decode(answer.read(length - HEADER.size)[5:])
    except (OSError, struct.error, bson.errors.InvalidBSON):
        return {}
