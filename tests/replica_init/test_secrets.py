"""The secrets that it makes, and those that it reads; none of it needs a MongoDB."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mongo_replica_init.first_token import document_of
from mongo_replica_init.token_text import is_token, new_token

from bot.settings import BotSettings
from store_api.access.token_text import hint_of, token_id
from store_api.access.token_text import is_token as is_service_token
from store_api.access.token_text import new_token as service_token
from store_api.settings import Settings as ServiceSettings
from store_api.settings import environment_with_env_file
from tests.replica_init.running import Running, forget_what_is_newer, run, url_from

NAMED = {"MONGO_HOSTS": "a:1,b:2,c:3"}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MADE = {
    "keyFile": 0o400,
    "passwords.env": 0o400,
    "bot-password.env": 0o400,
    "first-token": 0o400,
    ".env": 0o440,
    "writer.env": 0o400,
    "bot/.env": 0o440,
}
"""What is made, in this order, and the mode of each."""


def files_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Give what each file in a folder, and below it, holds, and its mode."""
    return {
        str(file.relative_to(folder)): (file.read_bytes(), stat.S_IMODE(file.stat().st_mode))
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "secrets"
    first = run(NAMED, "make-secrets", str(folder))
    assert (first.exit_code, first.said) == (0, [f"{folder}: made {', '.join(MADE)}"])
    kept = files_in(folder)
    assert {name: mode for name, (_, mode) in kept.items()} == MADE
    again = run(NAMED, "make-secrets", str(folder))
    assert (again.exit_code, again.said) == (0, [f"{folder}: all is there"])
    assert files_in(folder) == kept


def test_two_folders_hold_other_secrets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(NAMED, "make-secrets", str(tmp_path / name))
    for file in MADE:
        assert (tmp_path / "one" / file).read_bytes() != (tmp_path / "two" / file).read_bytes()


def test_a_folder_of_before_gets_what_is_missing_and_keeps_what_is_there(tmp_path: Path) -> None:
    run(NAMED, "make-secrets", str(tmp_path))
    forget_what_is_newer(tmp_path)
    before = files_in(tmp_path)
    assert set(before) == {"keyFile", "passwords.env", ".env", "writer.env"}
    added = run(NAMED, "make-secrets", str(tmp_path))
    assert added.said == [f"{tmp_path}: made bot-password.env, first-token, bot/.env"]
    after = files_in(tmp_path)
    assert {name: after[name] for name in before} == before
    assert {name: mode for name, (_, mode) in after.items()} == MADE


def test_several_that_make_secrets_at_once_agree(tmp_path: Path) -> None:
    arguments = ("make-secrets", str(tmp_path))
    with (
        Running(NAMED, arguments) as one,
        Running(NAMED, arguments) as two,
        Running(NAMED, arguments) as three,
    ):
        assert [running.end().exit_code for running in (one, two, three)] == [0, 0, 0]
    passwords = (tmp_path / "passwords.env").read_text() + (tmp_path / "bot-password.env").read_text()
    for file, user in ((".env", "store_api"), ("writer.env", "stock_writer"), ("bot/.env", "stock_bot")):
        password = url_from(tmp_path / file).partition(f"{user}:")[2].partition("@")[0]
        assert len(password) == 32
        assert password in passwords
    assert set(files_in(tmp_path)) == set(MADE)


def test_the_service_reads_what_was_made_for_it(tmp_path: Path) -> None:
    run(NAMED, "make-secrets", str(tmp_path))
    settings = ServiceSettings.read(environment_with_env_file(tmp_path))
    assert settings.mongo_url == url_from(tmp_path / ".env")


def test_the_bot_reads_what_was_made_for_it(tmp_path: Path) -> None:
    run(NAMED, "make-secrets", str(tmp_path))
    settings = BotSettings.read(environment_with_env_file(tmp_path / "bot"))
    assert settings.mongo_url == url_from(tmp_path / "bot" / ".env")


@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"\x5a"])
def test_a_token_that_is_made_is_one_to_the_service(byte: bytes) -> None:
    text = new_token(byte.__mul__)
    assert text == service_token(byte.__mul__)
    assert is_token(text)
    assert is_service_token(text)
    document = document_of(text, NOON)
    assert (document["_id"], document["hint"]) == (token_id(text), hint_of(text))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("bot-password.env", "BOT_PASSWORD=\n"),
        ("first-token", ""),
        ("first-token", "sapi_0000000000000000000000000000000000\n"),
    ],
)
def test_a_later_secret_that_is_not_whole_is_named(tmp_path: Path, file: str, content: str) -> None:
    run(NAMED, "make-secrets", str(tmp_path))
    (tmp_path / file).unlink()
    (tmp_path / file).write_text(content)
    end = run({**NAMED, "SECRETS_DIR": str(tmp_path)})
    assert (end.exit_code, len(end.complaint.splitlines())) == (1, 1)
    assert f"not whole: {file} must hold" in end.complaint


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot be read"), ("SERVICE_PASSWORD=x\n", "not whole"), ("", "not whole")],
)
def test_secrets_that_are_not_whole_are_named(tmp_path: Path, content: str | None, complaint: str) -> None:
    if content is not None:
        (tmp_path / "passwords.env").write_text(content)
    end = run({**NAMED, "SECRETS_DIR": str(tmp_path)})
    assert end.exit_code == 1
    assert complaint in end.complaint
    assert "passwords.env" in end.complaint


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    end = run(NAMED, "make-secrets", str(tmp_path / "file" / "secrets"))
    assert end.exit_code == 1
    assert "cannot be written" in end.complaint
