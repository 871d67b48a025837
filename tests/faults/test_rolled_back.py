"""What a member has undone: no connection that was made before goes on after it (docs/decisions, 87)."""

from contextlib import ExitStack
from typing import Any

import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, PyMongoError

from tests.faults.test_members import pause
from tests.support.mongod import ReplicaSetOfThree, wait_until

Mongo = MongoClient[dict[str, Any]]


def ids_in(claims: "Collection[dict[str, Any]]") -> set[str]:
    """List what a member has; nothing while it does not say."""
    try:
        return {row["_id"] for row in claims.find()}
    except PyMongoError:
        return set()


def test_a_member_that_rolls_back_closes_every_connection() -> None:
    """So what follows an insert on its connection is never carried out where that insert was undone."""
    with ReplicaSetOfThree() as members, ExitStack() as clients:
        each = [clients.enter_context(Mongo(members.url_of(index))) for index in range(3)]
        first = each[members.primary()]
        first["rolled"].claims.insert_one({"_id": "known to all"})
        with first._conn_for_writes(None, "insert") as connection:
            # To be the primary no more is not what ends a connection.
            first.admin.command({"replSetStepDown": 1, "force": True})
            members.wait_until_whole()
            assert first["rolled"]._command(connection, {"ping": 1})["ok"] == 1

        old = members.primary()
        others = [client for client in each if client is not each[old]]
        database = each[old]["rolled"]
        with each[old]._conn_for_writes(None, "insert") as connection:
            pause(others, "alwaysOn")
            insert = {"insert": "claims", "documents": [{"_id": "undone"}], "writeConcern": {"w": 1}}
            assert database._command(connection, insert)["n"] == 1
            members.freeze(old)
            pause(others, "off")
            elsewhere = each[members.primary(30.0)]["rolled"]
            elsewhere.get_collection("claims", write_concern=WriteConcern(1)).insert_one({"_id": "elsewhere"})
            members.thaw(old)
            # While it rolls back it cannot be read, and its own client looks at it every ten seconds.
            quick: dict[str, Any] = {"heartbeatFrequencyMS": 500, "serverSelectionTimeoutMS": 500}
            there = clients.enter_context(Mongo(members.url_of(old), **quick))["rolled"].claims
            left = {"known to all", "elsewhere"}
            wait_until(lambda: ids_in(there) == left, "the insert is undone", 90.0)
            with pytest.raises(ConnectionFailure):
                database._command(connection, {"ping": 1})
