"""What the bot is told at its start: by arguments and settings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.settings import BotSettings
from store_api.errors import StoreApiError, WrongSetting
from store_api.settings import help_text

LEAST_SECRET = 8
"""Characters; a shorter part of a token is no secret, and would be blotted out of every other word."""

_USAGE = """usage: python -m bot [--once | --dry-run FOLDER | --help]

  --once               send the report now and end, for those whose cron starts the bot
  --dry-run FOLDER     write the message, the workbook and the picture there and end; asks Telegram nothing"""

HELP = f"""{help_text(BotSettings, _USAGE)}
  {"HTTPS_PROXY":<20} an HTTP proxy on the way to Telegram; HTTP_PROXY, ALL_PROXY and NO_PROXY count, too"""


class WrongArgument(StoreApiError):
    """An argument that the bot does not know."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments; none of them means to run for ever."""

    once: bool = False
    dry_run: Path | None = None
    help: bool = False

    @classmethod
    def read(cls, arguments: Sequence[str]) -> "Options":
        """Read what follows `python -m bot`.

        Raises:
            WrongArgument: there is no such argument, or its folder is missing.
        """
        match list(arguments):
            case []:
                return cls()
            case ["--once"]:
                return cls(once=True)
            case ["--dry-run", folder] if folder and not folder.startswith("-"):
                return cls(dry_run=Path(folder))
            case ["--dry-run"]:
                raise WrongArgument("--dry-run needs a folder; see --help")
            case [*words] if {"--help", "-h"} & set(words):
                return cls(help=True)
            case [first, *_]:
                raise WrongArgument(f"no such argument, or not with others: {first}; see --help")
        raise AssertionError


@dataclass(frozen=True, slots=True)
class Account:
    """The bot's token, the one user that it talks with, and the HTTP proxy on the way, where there is one."""

    token: str
    user_id: int
    proxy: str | None = None

    @classmethod
    def of(cls, settings: BotSettings, proxy: str | None) -> "Account":
        """Take it from the settings.

        Raises:
            WrongSetting: one of the two is not set.
        """
        if settings.bot_token is None:
            raise WrongSetting("BOT_TOKEN", "must be set: the token that @BotFather gives")
        if settings.special_user is None:
            raise WrongSetting("SPECIAL_USER", "must be set: the Telegram id of the user who gets the report")
        return cls(settings.bot_token, settings.special_user, proxy)


def secrets_of(settings: BotSettings, proxy: str | None = None) -> list[str]:
    """List what no log line may show: the token, its secret half, and the passwords in URLs."""
    urls = (settings.mongo_url, proxy)
    found = [password for url in urls for password in re.findall(r"//[^/@]*?:([^/]+)@", url or "")]
    if settings.bot_token is not None:
        found += [settings.bot_token, settings.bot_token.partition(":")[2]]
    return [secret for secret in found if len(secret) >= LEAST_SECRET or ":" in secret]
