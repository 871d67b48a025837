"""Sets whose members and clients have to prove who they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.replica_init.conftest import Begun, Keyed
from tests.replica_init.running import Run, Running, make_secrets, run, url_from, variables_for

Mongo = MongoClient[dict[str, Any]]
ALL_IS_WELL = ["as it should be"] * 9


@pytest.fixture(scope="module")
def other_secrets(to_begin: Keyed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Secrets of these very members, and not theirs."""
    folder = tmp_path_factory.mktemp("others") / "secrets"
    make_secrets(folder, to_begin.members)
    return folder


@pytest.fixture(scope="module")
def before(to_begin: Keyed, other_secrets: Path) -> list[Run]:
    """Runs with another key, and without one, against members that are no set yet."""
    members = to_begin.members
    return [run(variables_for(members, other_secrets)), run(variables_for(members))]


def findings(said: list[str]) -> list[str]:
    """What it found or did about each role, user and password, in order."""
    return [line.partition(": ")[2] for line in said if line.startswith(("role", "user", "password"))]


def test_first_it_makes_everything_and_then_it_changes_nothing(begun: Begun) -> None:
    first = begun.first
    assert (first.exit_code, first.complaint, first.said[0]) == (0, "", "rs0: initiated")
    assert findings(first.said) == ["made", "made", "as it should be"] * 3
    with Mongo(url_from(begun.secrets / ".env")) as mongo:
        before = mongo.admin.command("hello")["lastWrite"]["majorityOpTime"]["t"]
        again = run(variables_for(begun.members, begun.secrets))
        assert mongo.admin.command("hello")["lastWrite"]["majorityOpTime"]["t"] == before
    assert (again.exit_code, findings(again.said)) == (0, ALL_IS_WELL)
    assert "rs0: initiated" not in again.said


def test_nothing_that_it_says_is_a_secret(begun: Begun) -> None:
    values = [(begun.secrets / "keyFile").read_text()]
    values.append((begun.secrets / "first-token").read_text().strip())
    for file in ("passwords.env", "bot-password.env"):
        values += [line.partition("=")[2] for line in (begun.secrets / file).read_text().splitlines()]
    assert [len(value) for value in values] == [756, 38, 32, 32, 32]
    assert not [value for value in values if value in "\n".join(begun.first.said)]


def test_each_user_may_do_what_it_is_for_and_no_more(begun: Begun) -> None:
    wrong = {"_id": "north", "items": {"chair": -1}}
    with (
        Mongo(url_from(begun.secrets / ".env")) as service,
        Mongo(url_from(begun.secrets / "writer.env")) as writer,
    ):
        ours, theirs = service["store_api"], writer["store_api"]
        ours.create_collection("stores", validator={"items.chair": {"$not": {"$lt": 0}}})
        ours["stores"].insert_one(wrong, bypass_document_validation=True)
        ours["heartbeats"].insert_one({"_id": "heartbeat"})
        with ours.watch() as stream:
            assert theirs["stores"].update_one({}, {"$set": {"items.chair": 1}}).modified_count
            assert stream.next()["documentKey"] == {"_id": "north"}
        refused: list[Callable[[], object]] = [
            lambda: theirs["stores"].insert_one({**wrong, "_id": "s"}, bypass_document_validation=True),
            lambda: theirs["heartbeats"].insert_one({}),
            theirs["stores"].drop,
            writer["elsewhere"]["stores"].find_one,
            lambda: service["elsewhere"]["stores"].insert_one({}),
            lambda: ours.command("collMod", "stores", validationLevel="off"),
            lambda: service.admin.command("usersInfo"),
        ]
        assert [refusal_of(attempt) for attempt in refused] == [13] * len(refused)
        assert refusal_of(lambda: theirs["stores"].insert_one({**wrong, "_id": "s"})) == 121
    with Mongo(begun.members.url) as stranger:
        assert refusal_of(stranger["store_api"]["stores"].find_one) == 13


def refusal_of(attempt: Callable[[], object]) -> int | None:
    """The code that MongoDB refuses it with."""
    with pytest.raises(OperationFailure) as refusal:
        attempt()
    return refusal.value.code


def test_what_was_changed_by_hand_is_put_right(begun: Begun) -> None:
    key = quote_plus((begun.secrets / "keyFile").read_text())
    system = begun.members.url.replace("://", f"://__system:{key}@")
    with Mongo(f"{system}&authSource=local&authMechanism=SCRAM-SHA-256") as mongo:
        mongo.admin.command({"updateUser": "store_api", "pwd": "forgotten"})
        mongo.admin.command({"updateUser": "stock_writer", "roles": ["root"]})
        mongo.admin.command({"updateRole": "stock_writer", "privileges": [], "roles": []})
        mongo.admin.command(
            {"updateUser": "stock_bot", "pwd": "forgotten", "roles": ["readWriteAnyDatabase"]}
        )
    mended = run(variables_for(begun.members, begun.secrets))
    assert mended.exit_code == 0
    assert findings(mended.said) == [
        *("as it should be", "as it should be", "put right"),
        *("put right", "put right", "as it should be"),
        *("as it should be", "put right", "put right"),
    ]
    assert findings(run(variables_for(begun.members, begun.secrets)).said) == ALL_IS_WELL


def test_another_key_is_refused(begun: Begun, other_secrets: Path) -> None:
    with_another, without = begun.before
    for refused in (with_another, run(variables_for(begun.members, other_secrets))):
        assert (refused.exit_code, len(refused.complaint.splitlines())) == (1, 1)
        assert "does not accept the key" in refused.complaint
    assert "does not accept the key" in without.complaint


def test_several_at_once_agree(keyed: Keyed) -> None:
    variables = variables_for(keyed.members, keyed.secrets)
    with Running(variables) as one, Running(variables) as two, Running(variables) as three:
        ends = [one.end(), two.end(), three.end()]
    assert [(end.exit_code, end.complaint) for end in ends] == [(0, "")] * 3
    assert findings(run(variables).said) == ALL_IS_WELL


def test_the_primary_is_killed_in_the_midst_of_it_twice(keyed: Keyed) -> None:
    variables = variables_for(keyed.members, keyed.secrets)
    with Running(variables) as running:
        for moment in ("is the primary", "user store_api"):
            running.wait_until_said(moment)
            killed = keyed.members.primary()
            keyed.members.kill(killed)
            # As Compose and Kubernetes would. At first it may be the only one that has the data.
            keyed.members.start(killed)
        end = running.end()
    assert (end.exit_code, end.complaint) == (0, "")
    assert findings(run(variables).said) == ALL_IS_WELL
