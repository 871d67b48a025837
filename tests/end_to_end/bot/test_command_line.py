"""What a person who starts the bot is told, and the two ways to run it that end."""

import json
from pathlib import Path

import matplotlib.image
import pytest

from store_api.storage import clients
from tests.end_to_end.bot.test_bot import sheets
from tests.support.bot_api import TOKEN, BotApi, Refuse
from tests.support.bot_process import run_bot

WHOLE = ["sendMessage", "sendPhoto", "sendDocument"]
SECRET = TOKEN.partition(":")[2]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"BOT_TOKEN": ""}, "bot: BOT_TOKEN: must be set: the token that @BotFather gives"),
        ({"BOT_TOKEN": SECRET}, "bot: BOT_TOKEN: must look like 123456:ABC, as @BotFather gives it"),
        (
            {"SPECIAL_USER": ""},
            "bot: SPECIAL_USER: must be set: the Telegram id of the user who gets the report",
        ),
        ({"REPORT_TIME": "25:00"}, "bot: REPORT_TIME: must be a time of day from 00:00 to 23:59"),
        ({"REPORT_TZ": "Europe/Atlantis"}, "bot: REPORT_TZ: must be a time zone's name, like Europe/Berlin"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, wrong: dict[str, str], line: str) -> None:
    ran = run_bot(tmp_path, {"BOT_TOKEN": TOKEN, "SPECIAL_USER": "1", **wrong})
    assert (ran.returncode, ran.stdout, ran.stderr.splitlines()) == (1, "", [line])


def test_help_and_a_wrong_argument(tmp_path: Path) -> None:
    helped, wrong = run_bot(tmp_path, {}, "--help"), run_bot(tmp_path, {}, "--twice")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "--dry-run FOLDER" in helped.stdout
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


@pytest.mark.unwatched
def test_once_sends_now_and_ends(tmp_path: Path, bot_api: BotApi, settings: dict[str, str]) -> None:
    ran = run_bot(tmp_path, settings, "--once")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("was sent.\n")
    assert bot_api.methods() == WHOLE


@pytest.mark.unwatched
def test_once_that_fails_is_one_line(tmp_path: Path, bot_api: BotApi, settings: dict[str, str]) -> None:
    bot_api.fail("sendMessage", Refuse(400, f"Bad Request: no {TOKEN}"))
    ran = run_bot(tmp_path, settings, "--once")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines() == ["bot: Telegram refused: Bad Request: no ***."]


def test_a_dry_run_needs_no_token_and_writes_what_would_be_sent(
    tmp_path: Path, bot_api: BotApi, settings: dict[str, str]
) -> None:
    tokenless = {name: value for name, value in settings.items() if name not in ("BOT_TOKEN", "SPECIAL_USER")}
    ran = run_bot(tmp_path, tokenless, "--dry-run", "out/now")
    assert (ran.returncode, ran.stderr) == (0, "")
    files = sorted((tmp_path / "out/now").iterdir(), key=lambda file: file.suffix)
    assert sorted(ran.stdout.split()) == sorted(str(file.relative_to(tmp_path)) for file in files)
    picture, text, book = files
    assert matplotlib.image.imread(picture).shape[1] == 1080
    assert text.read_text().startswith("Stock · ")
    assert sheets(book.read_bytes())["abc111"]["item-1"] == 10
    assert bot_api.methods() == []


def test_a_dry_run_without_a_database_is_one_line(tmp_path: Path) -> None:
    nowhere = {"MONGO_URL": "mongodb://127.0.0.1:1/?replicaSet=rs0"}
    ran = run_bot(
        tmp_path, nowhere, "--dry-run", "out", patience={f"{clients.__name__}.COMMAND_SECONDS": 0.5}
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    lines = ran.stderr.splitlines()
    assert [line for line in lines if not line.startswith("{")] == [
        "bot: The database cannot be reached right now; nothing was applied."
    ]
    # Beside it the log names the member that was not reached.
    assert [json.loads(line)["action"] for line in lines if line.startswith("{")] == ["member_not_reached"]
