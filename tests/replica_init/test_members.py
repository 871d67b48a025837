"""Members that are late, away, strangers or none at all; sets that exist, and sets that never come to be."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient

from store_api.embedded import mongod_arguments
from store_api.embedded.guarded_process import MongodProcess
from tests.replica_init.running import Run, Running, run, variables_for
from tests.support.mongod import ReplicaSetOfThree, found_mongod, free_port, wait_until


def assert_refused(end: Run, *parts: str) -> None:
    """It said why in one line, and nothing of ours or the driver's broke."""
    assert end.exit_code == 1
    assert len(end.complaint.splitlines()) == 1, end.complaint
    assert end.complaint.startswith("mongo-replica-init: ")
    assert all(part in end.complaint for part in parts), end.complaint


def test_without_a_key_there_is_a_set_and_nothing_else(bare: ReplicaSetOfThree) -> None:
    bare.start(0, 1, 2)
    first, again = run(variables_for(bare)), run(variables_for(bare))
    assert [first.exit_code, again.exit_code] == [0, 0]
    assert (first.said[0], first.said[-1]) == ("rs0: initiated", "rs0: ready")
    assert again.said == first.said[1:]
    bare.wait_until_whole()
    with MongoClient[dict[str, object]](bare.url) as mongo:
        assert mongo.admin.command("usersInfo")["users"] == []


def test_a_late_member_is_waited_for(bare: ReplicaSetOfThree) -> None:
    bare.start(0, 1)
    with Running(variables_for(bare)) as running:
        running.wait_until_said(f"rs0: waits for 127.0.0.1:{bare.ports[2]}")
        bare.start(2)
        end = running.end()
    assert (end.exit_code, end.complaint) == (0, "")
    bare.wait_until_whole()
    # It was not tried before the last one was there: MongoDB would have said no, and the init tried again.
    with MongoClient[dict[str, Any]]("127.0.0.1", bare.ports[0], directConnection=True) as member:
        begun = member.admin.command("serverStatus")["metrics"]["commands"]["replSetInitiate"]
    assert (begun["failed"], begun["total"]) == (0, 1)


def test_a_set_that_exists_goes_on_without_a_member_that_is_away(bare: ReplicaSetOfThree) -> None:
    bare.start(0, 1, 2)
    assert run(variables_for(bare)).exit_code == 0
    bare.wait_until_whole()
    bare.kill(0)
    assert run(variables_for(bare)).exit_code == 0
    bare.kill(1)
    assert_refused(run(variables_for(bare, WAIT_SECONDS="3")), "has had no primary for 3 s")


def test_a_set_whose_members_still_copy_is_not_whole(bare: ReplicaSetOfThree) -> None:
    """It has a primary that all know, and nobody else who could be elected."""
    bare.start(0, 1, 2)
    hangs = {"configureFailPoint": "initialSyncHangBeforeCopyingDatabases", "mode": "alwaysOn"}
    with MongoClient[dict[str, Any]](bare.url_of(2)) as member:
        member.admin.command(hangs)
        assert run(variables_for(bare)).exit_code == 0
        wait_until(lambda: bool(member.admin.command("hello").get("primary")), "it knows the primary")
        assert not bare.is_whole()
        member.admin.command({**hangs, "mode": "off"})
    bare.wait_until_whole()


def test_a_new_set_is_not_begun_without_all_of_its_members(bare: ReplicaSetOfThree) -> None:
    bare.start(0, 1)
    end = run(variables_for(bare, WAIT_SECONDS="1"))
    assert_refused(end, "No answer within 1 s", f"127.0.0.1:{bare.ports[2]};")
    assert f"127.0.0.1:{bare.ports[0]}" not in end.complaint


def test_a_set_of_other_members_is_left_alone(bare: ReplicaSetOfThree) -> None:
    bare.start(0, 1, 2)
    assert run(variables_for(bare)).exit_code == 0
    fewer = ",".join(bare.hosts.split(",")[:2])
    assert_refused(
        run({**variables_for(bare), "MONGO_HOSTS": fewer}), "has the members", bare.hosts.split(",")[2]
    )
    assert_refused(
        run(variables_for(bare, REPLICA_SET="rs9")), "belongs to the replica set 'rs0', not to 'rs9'"
    )


def test_a_set_of_another_name_than_its_mongods_were_given_is_not_begun(bare: ReplicaSetOfThree) -> None:
    bare.start(0, 1, 2)
    assert_refused(run(variables_for(bare, REPLICA_SET="rs9")), "does not initiate the set", "rs9")


def test_a_mongod_of_no_set_is_named(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    arguments = mongod_arguments(found_mongod(), port=port, dbpath=tmp_path, log=log)
    at = arguments.index("--replSet")
    mongod = MongodProcess([*arguments[:at], *arguments[at + 2 :]], log)
    try:
        host = f"127.0.0.1:{port}"
        wait_until(lambda: log.exists() and "Waiting for connections" in log.read_text(), "it serves", 30.0)
        assert_refused(run({"MONGO_HOSTS": host, "WAIT_SECONDS": "5"}), f"{host} is no member", "--replSet")
    finally:
        mongod.stop()
