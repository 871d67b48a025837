"""What the command `tokens` does, in this process, with a real MongoDB."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from store_api.access.token_text import hint_of, is_token, token_id
from store_api.tokens import command
from tests.support.fail_points import failing
from tests.support.tokens import Documents, let_in, tokens_in

Run = Callable[..., str]


@pytest.fixture
def kept(database_name: str, other_program: MongoClient[dict[str, Any]]) -> Documents:
    return tokens_in(other_program[database_name])


@pytest.fixture
def run(
    mongo_url: str,
    database_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run it, and give what it says; with settings that a service would not start with."""
    monkeypatch.chdir(tmp_path)
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": database_name, "HOST": "0.0.0.0", "AUTH": ""}  # noqa: S104
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)

    def run(*arguments: str, exit_code: int = 0) -> str:
        assert command.run(arguments) == exit_code
        said = capsys.readouterr()
        if exit_code == 0:
            assert said.err == ""
            return said.out
        assert said.out == ""
        (line,) = said.err.splitlines()
        return line

    return run


def test_a_token_is_shown_once_and_kept_as_its_hash(run: Run, kept: Documents) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # MongoDB cuts off what is less
    told, _, token = run(
        "create", "till-7", "--scopes", "read,demand", "--stores", "abc111, berlin-*"
    ).splitlines()
    assert told == "till-7 may demand, read, to abc111, berlin-*, for ever."
    assert is_token(token)
    (document,) = kept.find()
    assert before <= document.pop("made").replace(tzinfo=UTC) <= datetime.now(UTC)
    assert document == {
        "_id": token_id(token),
        "name": "till-7",
        "hint": hint_of(token),
        "scopes": ["demand", "read"],
        "stores": ["abc111", "berlin-*"],
        "expires": None,
        "revoked": None,
    }
    listed = run("list")
    assert listed.splitlines()[1].split() == [
        *("till-7", f"{hint_of(token)}...", "in", "force", "never", "demand,read", "abc111,berlin-*")
    ]
    assert token[9:] not in listed


def test_programs_are_told_in_json(run: Run, kept: Documents) -> None:
    made = msgspec.json.decode(run("create", "mon", "--scopes", "metrics", "--expires", "90d", "--json"))
    assert is_token(made.pop("token"))
    in_force = datetime.fromisoformat(made.pop("expires")) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < in_force <= timedelta(days=90)
    assert made == {"name": "mon", "scopes": ["metrics"], "stores": None}
    broken: Any = "soon"
    let_in(kept, ["read"], name="gone", expires=datetime.now(UTC) - timedelta(seconds=1))
    let_in(kept, ["read"], name="odd", stores=[], expires=broken)
    assert msgspec.json.decode(run("revoke", "mon", "--json")) == {"name": "mon", "revoked": True}
    rows = msgspec.json.decode(run("list", "--json"))["tokens"]
    assert [(row["name"], row["state"]) for row in rows] == [
        *(("gone", "expired"), ("mon", "revoked"), ("odd", "broken"))
    ]
    assert rows[0].keys() == {"name", "hint", "scopes", "stores", "state", "made", "expires", "revoked"}
    assert len(run("list").splitlines()) == 4


def test_a_name_is_one_token_s_until_that_is_revoked(run: Run, kept: Documents) -> None:
    assert run("list") == "There are no tokens.\n"
    run("create", "till", "--scopes", "admin")
    assert "revoke it first" in run("create", "till", "--scopes", "read", exit_code=1)
    assert run("revoke", "till") == "till is revoked.\n"
    assert "no token 'till' in force" in run("revoke", "till", exit_code=1)
    run("create", "till", "--scopes", "read")
    assert [document["revoked"] is None for document in kept.find().sort("made")] == [False, True]


@pytest.mark.parametrize(
    ("code", "why"),
    [(13, "MongoDB's user may not do this"), (18, "does not take the user"), (91, "may have been applied")],
)
def test_what_mongodb_refuses_is_one_line(
    run: Run, other_program: MongoClient[dict[str, Any]], code: int, why: str
) -> None:
    with failing(other_program, "createIndexes", errorCode=code):
        assert why in run("create", "till", "--scopes", "read", exit_code=1)


def test_a_wrong_setting_is_one_line_where_it_matters_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "none")
    assert run("list") == "There are no tokens.\n"
    monkeypatch.setenv("MONGO_URL", "mongodb://user:hunter2@:::/?x")
    line = run("list", exit_code=1)
    assert line.startswith("store_api: MONGO_URL: ")
    assert "hunter2" not in line
