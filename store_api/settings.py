"""Settings: read once from the environment and a `.env` file, validated whole, then frozen."""

import os
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from store_api.errors import WrongSetting

EMBEDDED_REPLICA_SET = "rs0"


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _mongo_url(text: str) -> str:
    try:
        parse_uri(text, validate=True)
    except (PyMongoError, ValueError):
        # The driver's own message may repeat the password.
        raise ValueError("must be a URL like mongodb://host:27017/?replicaSet=rs0") from None
    return text


def _database(text: str) -> str:
    if not text or len(text.encode()) > 63 or any(character in '/\\. "$*<>:|?\0' for character in text):
        raise ValueError("must be a database name that MongoDB takes")
    return text


def _host(text: str) -> str:
    if not text or any(character.isspace() or character == "/" for character in text):
        raise ValueError("must be a host name or an address")
    return text


def _store_ids(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


def _time_of_day(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  (a wall time; its zone is REPORT_TZ)
    except ValueError:
        raise ValueError("must be a time of day from 00:00 to 23:59") from None


def _time_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone's name, like Europe/Berlin") from None


def _bot_token(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]+", text, re.ASCII):
        raise ValueError("must look like 123456:ABC, as @BotFather gives it")
    return text


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL like https://api.telegram.org")
    return text.rstrip("/")


def _setting(variable: str, default: str | None, parse: Callable[[str], Any], text: str) -> Any:
    return field(metadata={"variable": variable, "default": default, "parse": parse, "help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service was told at its start; one field a variable, in the order of `--help`."""

    mongo_url: str | None = _setting(
        "MONGO_URL", None, _mongo_url, "a replica set's URL; unset: a MongoDB of our own, embedded"
    )
    mongo_db: str = _setting("MONGO_DB", "store_api", _database, "the database's name")
    data_dir: Path = _setting("DATA_DIR", "./data", Path, "where the embedded MongoDB keeps its data")
    embedded_mongo_port: int = _setting(
        "EMBEDDED_MONGO_PORT", "27018", _whole_number(1, 65535), "the embedded MongoDB's port"
    )
    host: str = _setting("HOST", "127.0.0.1", _host, "the address to listen on")
    port: int = _setting("PORT", "8000", _whole_number(1, 65535), "the port to listen on")
    workers: int = _setting("WORKERS", "1", _whole_number(1, 256), "processes that serve")
    store_ids: tuple[str, ...] | None = _setting(
        "STORE_IDS", None, _store_ids, "stores in the Telegram report, separated by spaces; unset: all"
    )
    special_user: int | None = _setting(
        "SPECIAL_USER", None, _whole_number(1, 2**63 - 1), "Telegram id of the one user who gets the report"
    )
    report_time: time = _setting("REPORT_TIME", "21:00", _time_of_day, "when the report is sent")
    report_tz: ZoneInfo = _setting("REPORT_TZ", "UTC", _time_zone, "the time zone of REPORT_TIME")
    bot_token: str | None = _setting("BOT_TOKEN", None, _bot_token, "the Telegram bot's token")
    telegram_api: str | None = _setting(
        "TELEGRAM_API", None, _web_url, "another Bot API server's base URL; unset: Telegram's own"
    )

    def __repr__(self) -> str:
        """Show no value at all: a URL may hold a password."""
        return "Settings(...)"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Validate the whole environment; an empty variable counts as unset.

        Raises:
            WrongSetting: for the first variable that is wrong.
        """
        values: dict[str, Any] = {}
        for setting in fields(cls):
            variable, default = setting.metadata["variable"], setting.metadata["default"]
            text = environment.get(variable) or default
            try:
                values[setting.name] = None if text is None else setting.metadata["parse"](text)
            except ValueError as wrong:
                raise WrongSetting(variable, str(wrong)) from None
        return cls(**values)

    @property
    def database_url(self) -> str:
        """Where MongoDB is: the URL that was given, or the embedded one's."""
        return self.mongo_url or (
            f"mongodb://127.0.0.1:{self.embedded_mongo_port}/?replicaSet={EMBEDDED_REPLICA_SET}"
        )


def environment_with_env_file(folder: Path) -> dict[str, str]:
    """Merge `folder/.env` under the process's environment, which wins."""
    try:
        found = dotenv_values(folder / ".env")
    except UnicodeDecodeError:
        raise WrongSetting(".env", "must be UTF-8 text") from None
    from_file = {name: value for name, value in found.items() if value is not None}
    return {**from_file, **os.environ}


def help_text(usage: str = "usage: python -m store_api [--help]", of: Container[str] | None = None) -> str:
    """List variables with their defaults and what they mean, for `--help`.

    Args:
        usage: what comes first.
        of: the names of the settings that matter; None for all.
    """
    lines = [usage, "", "Settings, from the environment or a file .env:", ""]
    for setting in fields(Settings):
        if of is None or setting.name in of:
            variable, default = setting.metadata["variable"], setting.metadata["default"]
            lines.append(
                f"  {variable:<20} {setting.metadata['help']}" + (f" ({default})" if default else "")
            )
    return "\n".join(lines)
