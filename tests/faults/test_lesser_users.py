"""Users who may do less than the service asks for: it says once what it lacks, and goes on."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from store_api.storage import documents
from tests.faults.scene import Mongo, World, scene_of, world_of
from tests.replica_init.running import run, variables_for, with_key_file
from tests.support.fail_points import failing
from tests.support.listening import listening
from tests.support.mongod import ReplicaSetOfThree, wait_until
from tests.support.service import Service

BARE = ("changeStream", "find", "insert", "remove", "update")
"""What it cannot do without; neither createCollection nor collMod nor listCollections is in it."""


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ReplicaSetOfThree, Mongo]]:
    """A set that asks for passwords, and its administrator."""
    secrets = tmp_path_factory.mktemp("key") / "secrets"
    with with_key_file(secrets) as members:
        assert run(variables_for(members, secrets)).exit_code == 0
        members.wait_until_whole()
        key = quote_plus((secrets / "keyFile").read_text())
        url = members.url.replace("://", f"://__system:{key}@")
        with Mongo(f"{url}&authSource=local&authMechanism=SCRAM-SHA-256") as administrator:
            yield members, administrator


def make_user(administrator: Mongo, name: str, roles: Sequence[object]) -> None:
    administrator.admin.command(
        {"createUser": name, "pwd": name, "roles": list(roles), "writeConcern": {"w": 3}}
    )


def make_bare_user(administrator: Mongo, name: str, database: str) -> None:
    privileges = [{"resource": {"db": database, "collection": ""}, "actions": list(BARE)}]
    administrator.admin.command({"createRole": name, "privileges": privileges, "roles": []})
    make_user(administrator, name, [name])


@contextmanager
def served_for(members: ReplicaSetOfThree, folder: Path, name: str, **more: str) -> Iterator[Service]:
    url = members.url.replace("://", f"://{name}:{name}@") + "&authSource=admin"
    with Service(folder, {"MONGO_URL": url, "MONGO_DB": name, **more}) as service:
        service.wait_until_ready()
        yield service
        assert service.stop() == 0


def carried_out(administrator: Mongo, line: str) -> dict[str, Any]:
    """Do what the service told an administrator to run in mongosh, word for word."""
    told = re.fullmatch(r"db\.getSiblingDB\((.*?)\)\.runCommand\((.*)\)", line)
    assert told is not None, line
    return administrator[json.loads(told[1])].command(json.loads(told[2]))


def rules_of(administrator: Mongo, database: str) -> object:
    (found,) = administrator[database].list_collections(filter={"name": "stores"})
    return found["options"].get("validator")


@pytest.fixture
def world(
    members: tuple[ReplicaSetOfThree, Mongo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The service as a user who may readWrite its own database, and no more."""
    of_set, administrator = members
    make_user(administrator, "reader", [{"role": "readWrite", "db": "store_api"}])
    url = of_set.url.replace("://", "://reader:reader@") + "&authSource=admin"
    with world_of(of_set, tmp_path_factory.mktemp("service"), url) as world:
        yield world


async def test_when_the_primary_is_killed_under_one_who_may_only_read_and_write(world: World) -> None:
    async with scene_of(world) as scene:
        await scene.in_full_swing()
        killed = world.members.primary()
        world.members.kill(killed)
        await scene.comes_good("primary killed, readWrite only", afresh=False, unready=True)
    world.members.start(killed)
    world.members.wait_until_whole()
    # It may create the collection; its writes are validated, which it says once.
    assert len(world.service.log("validated_writes")) == 1
    assert world.service.log("validator_not_ours") == []


async def test_one_who_may_not_create_the_collection_is_served_and_told_what_to_run_once(
    members: tuple[ReplicaSetOfThree, Mongo], tmp_path: Path
) -> None:
    of_set, administrator = members
    make_bare_user(administrator, "bare", "bare")
    with served_for(of_set, tmp_path, "bare") as service:
        async with listening(service, "north", snapshot=True) as socket:
            assert await socket.items() == {}
            administrator["bare"]["stores"].insert_one({"_id": "north", "items": {"chair": 2}})
            assert await socket.items() == {"chair": 2}
            with failing(
                administrator, "getMore", app_name="store_api watcher", times=1, errorCode=286
            ) as failed:
                await failed.wait_until_hit()
            # It has prepared again, and holds its tongue.
            wait_until(lambda: len(service.log("stream_opened")) == 2, f"afresh; {service.complaints}")
            assert await socket.items() == {"chair": 2}
        (told,) = service.log("validator_not_ours")
    assert carried_out(administrator, told["run"])["ok"] == 1
    assert rules_of(administrator, "bare") == documents.VALIDATOR


async def test_one_who_may_make_no_index_keeps_a_ledger_without_and_is_told_what_to_run(
    members: tuple[ReplicaSetOfThree, Mongo], tmp_path: Path
) -> None:
    of_set, administrator = members
    make_bare_user(administrator, "indexless", "indexless")
    database = administrator["indexless"]
    with served_for(of_set, tmp_path, "indexless", LEDGER="on") as service:
        database["stores"].insert_one({"_id": "north", "items": {"chair": 2}})
        wait_until(lambda: database["movements"].find_one() is not None, f"a row; {service.complaints}")
        (told,) = service.log("ledger_indexes_not_ours")
        assert service.log("ledger_not_ours") == []
    for line in told["run"].split("; "):
        assert carried_out(administrator, line)["ok"] == 1
    assert {"by item", "by time", "by actor", "by reference"} < database[
        "movements"
    ].index_information().keys()


async def test_one_who_may_keep_no_ledger_is_served_without_and_told_once(
    members: tuple[ReplicaSetOfThree, Mongo], tmp_path: Path
) -> None:
    of_set, administrator = members
    ours = [
        {"resource": {"db": "ledgerless", "collection": name}, "actions": list(BARE)}
        for name in ("stores", "heartbeats", "claims")
    ]
    whole = {"resource": {"db": "ledgerless", "collection": ""}, "actions": ["changeStream", "find"]}
    administrator.admin.command({"createRole": "ledgerless", "privileges": [*ours, whole], "roles": []})
    make_user(administrator, "ledgerless", ["ledgerless"])
    with served_for(of_set, tmp_path, "ledgerless", LEDGER="on") as service:
        async with listening(service, "north", snapshot=True) as socket:
            assert await socket.items() == {}
            administrator["ledgerless"]["stores"].insert_one({"_id": "north", "items": {"chair": 2}})
            assert await socket.items() == {"chair": 2}
        assert len(service.log("ledger_not_ours")) == 1
        wait_until(lambda: service.log("ledger_failed") != [], "a keeper was tried")
    with served_for(of_set, tmp_path, "ledgerless") as service:
        assert service.readiness() == 200


async def test_one_who_may_not_change_the_validator_is_served_and_told_what_to_run(
    members: tuple[ReplicaSetOfThree, Mongo], tmp_path: Path
) -> None:
    of_set, administrator = members
    old = {"items": {"$type": "object"}}
    administrator["outdated"].create_collection("stores", validator=old)
    make_user(administrator, "outdated", [{"role": "readWrite", "db": "outdated"}])
    with served_for(of_set, tmp_path, "outdated") as service:
        async with listening(service, "north") as socket:
            administrator["outdated"]["stores"].insert_one({"_id": "north", "items": {"chair": 2}})
            assert await socket.items() == {"chair": 2}
        (told,) = service.log("validator_not_ours")
    assert rules_of(administrator, "outdated") == old
    assert carried_out(administrator, told["run"])["ok"] == 1
    assert rules_of(administrator, "outdated") == documents.VALIDATOR
