"""What the bot is told at its start, beside where MongoDB is; the service knows none of it."""

import re
from dataclasses import dataclass
from datetime import time
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from store_api.settings import DatabaseSettings, setting
from store_api.settings.values import whole_number


def _store_ids(text: str) -> tuple[str, ...]:
    # An id may hold a comma, but who types one means to separate.
    if any(character in text for character in ",;/"):
        raise ValueError("must be store ids separated by spaces, without commas and slashes")
    return tuple(dict.fromkeys(text.split()))


def _time_of_day(text: str) -> time:
    if not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("must be a time of day from 00:00 to 23:59")
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


def _time_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        alike = [name for name in available_timezones() if name.lower() == text.lower()]
    if len(alike) != 1:
        raise ValueError("must be a time zone's name, like Europe/Berlin")
    return ZoneInfo(alike[0])


def _bot_token(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]+", text, re.ASCII):
        raise ValueError("must look like 123456:ABC, as @BotFather gives it")
    return text


def _web_url(text: str) -> str:
    wrong = ValueError("must be a URL like https://api.telegram.org")
    try:
        parts = urlsplit(text)
        # Reading the port is what checks it.
        well = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise wrong from None
    if not well or parts.query or parts.fragment or re.search(r"\s", text):
        raise wrong
    return text.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BotSettings(DatabaseSettings):
    """What the bot was told; one field a variable, in the order of `--help`."""

    store_ids: tuple[str, ...] | None = setting(
        "STORE_IDS", None, _store_ids, "stores in the Telegram report, separated by spaces; unset: all"
    )
    special_user: int | None = setting(
        "SPECIAL_USER", None, whole_number(1, 2**63 - 1), "Telegram id of the one user who gets the report"
    )
    report_time: time = setting("REPORT_TIME", "21:00", _time_of_day, "when the report is sent")
    report_tz: ZoneInfo = setting("REPORT_TZ", "UTC", _time_zone, "the time zone of REPORT_TIME")
    bot_token: str | None = setting("BOT_TOKEN", None, _bot_token, "the Telegram bot's token")
    telegram_api: str | None = setting(
        "TELEGRAM_API", None, _web_url, "another Bot API server's base URL; unset: Telegram's own"
    )
