"""What a member has undone: no connection that was made before goes on after it (docs/decisions, 87)."""

from contextlib import ExitStack, nullcontext
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from tests.faults.test_members import pause
from tests.support.mongod import ReplicaSetOfThree, wait_until

Mongo = MongoClient[dict[str, Any]]


@pytest.mark.parametrize("is_undone", [True, False], ids=["undone", "nothing undone"])
def test_a_member_that_rolls_back_closes_every_connection(is_undone: bool) -> None:
    """So what follows an insert on its connection is never carried out where that insert was undone."""
    with ReplicaSetOfThree() as members, ExitStack() as clients:
        old = members.primary()
        others = [clients.enter_context(Mongo(members.url_of(index))) for index in range(3) if index != old]
        client = clients.enter_context(Mongo(members.url_of(old)))
        database = client["rolled"]
        database.claims.insert_one({"_id": "known to all"})
        with client._conn_for_writes(None, "insert") as connection:
            if is_undone:
                pause(others, "alwaysOn")
                insert = {"insert": "claims", "documents": [{"_id": "undone"}], "writeConcern": {"w": 1}}
                assert database._command(connection, insert)["n"] == 1
            members.freeze(old)
            pause(others, "off")
            new = members.primary(30.0)
            elsewhere = clients.enter_context(Mongo(members.url_of(new)))
            elsewhere["rolled"].claims.insert_one({"_id": "elsewhere"})
            members.thaw(old)
            members.wait_until_whole()
            with pytest.raises(ConnectionFailure) if is_undone else nullcontext():
                database._command(connection, {"ping": 1})
        there = clients.enter_context(Mongo(members.url_of(old)))["rolled"].claims
        left = {"known to all", "elsewhere"}
        wait_until(lambda: {row["_id"] for row in there.find()} == left, "the insert is undone", 30.0)
