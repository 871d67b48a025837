"""What the bot is told, and what it must not tell on."""

from pathlib import Path

import pytest

from bot.options import HELP, Account, Options, WrongArgument, secrets_of
from bot.settings import BotSettings
from store_api.errors import WrongSetting

TOKEN = "4242:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # noqa: S105


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], Options()),
        (["--once"], Options(once=True)),
        (["--dry-run", "out"], Options(dry_run=Path("out"))),
        (["--help"], Options(help=True)),
        (["--once", "-h"], Options(help=True)),
    ],
)
def test_arguments(arguments: list[str], options: Options) -> None:
    assert Options.read(arguments) == options


@pytest.mark.parametrize(
    "arguments",
    [
        ["--twice"],
        ["--dry-run"],
        ["--dry-run", ""],
        ["--dry-run", "--once"],
        ["--once", "x"],
        ["--dry-run", "a", "b"],
    ],
)
def test_what_is_no_argument_is_one_line(arguments: list[str]) -> None:
    with pytest.raises(WrongArgument) as wrong:
        Options.read(arguments)
    assert "see --help" in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("settings", "variable"),
    [({}, "BOT_TOKEN"), ({"BOT_TOKEN": TOKEN}, "SPECIAL_USER"), ({"SPECIAL_USER": "1"}, "BOT_TOKEN")],
)
def test_token_and_user_must_be_there(settings: dict[str, str], variable: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        Account.of(BotSettings.read(settings), None)
    assert wrong.value.variable == variable


def test_the_account() -> None:
    settings = BotSettings.read({"BOT_TOKEN": TOKEN, "SPECIAL_USER": "1001"})
    assert Account.of(settings, None) == Account(TOKEN, 1001)
    assert Account.of(settings, "http://proxy:3128").proxy == "http://proxy:3128"


def test_secrets_are_the_token_both_ways_and_the_passwords() -> None:
    settings = BotSettings.read(
        {"BOT_TOKEN": TOKEN, "MONGO_URL": "mongodb://u:long-password@h/?replicaSet=x"}
    )
    assert set(secrets_of(settings)) == {TOKEN, TOKEN.partition(":")[2], "long-password"}
    assert "proxy-password" in secrets_of(settings, "http://me:proxy-password@proxy:3128")
    assert secrets_of(BotSettings.read({"BOT_TOKEN": "1:a"})) == ["1:a"]
    assert secrets_of(BotSettings.read({})) == []


def test_the_help_lists_what_matters_to_the_bot_only() -> None:
    assert "BOT_TOKEN" in HELP
    assert "\n  HTTPS_PROXY          an HTTP proxy" in HELP
    assert "--dry-run FOLDER" in HELP
    assert "WORKERS" not in HELP
