"""Settings: read once from the environment and a `.env` file, validated whole, then frozen."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from dotenv import dotenv_values
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from store_api.errors import WrongSetting

EMBEDDED_REPLICA_SET = "rs0"

Value = TypeVar("Value")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Make a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


OVERRULED = frozenset(
    (
        *("readpreference", "readpreferencetags", "maxstalenessseconds", "readconcernlevel"),
        *("w", "wtimeoutms", "journal", "fsync", "retrywrites", "retryreads"),
        *("timeoutms", "sockettimeoutms", "serverselectiontimeoutms", "connecttimeoutms"),
        *("heartbeatfrequencyms", "waitqueuetimeoutms", "waitqueuemultiple", "maxpoolsize", "connect"),
        *("maxadaptiveretries", "enableoverloadretargeting"),
        *("tz_aware", "datetime_conversion", "unicode_decode_error_handler", "uuidrepresentation", "appname"),
    )
)
"""Options of a MongoDB URL that the service decides for itself: they are left out of it, in lower case here.

Where to read, how durable a write is and how long to wait are what its answers rest on.
"""

REFUSED = {
    "directconnection": "must not say directConnection: one member alone may be an old primary",
    "loadbalanced": "must not say loadBalanced: there is no change stream of a replica set behind it",
}
"""Options of a MongoDB URL with which the service does not start, where they are true."""


_REFUSALS = (PyMongoError, ValueError, OSError, TypeError, LookupError)
"""How the driver refuses a URL: also with a file that cannot be read, or a value that is no word of its."""


def _mongo_url(text: str) -> str:
    """Take a URL without the options that are overruled; every other one is the driver's."""
    try:
        said = parse_uri(text, validate=True)["options"]
    except _REFUSALS:
        # The driver's own message may repeat the password.
        raise ValueError("must be a URL like mongodb://host:27017/?replicaSet=rs0") from None
    for option, value in said.items():
        if value and option.lower() in REFUSED:
            raise ValueError(REFUSED[option.lower()])
    url = without_options(text, OVERRULED)
    if not url.startswith("mongodb+srv:"):
        _let_the_driver_judge(url)
    return url


def _let_the_driver_judge(url: str) -> None:
    """Refuse options that contradict each other; nothing connects."""
    try:
        MongoClient[Any](url, connect=False).close()
    except _REFUSALS as wrong:
        raise ValueError(f"the driver takes no such options together ({type(wrong).__name__})") from None


def without_options(url: str, names: Collection[str]) -> str:
    """Leave options out of a MongoDB URL; what is left of it stays as it is written."""
    address, mark, query = url.partition("?")
    options = re.split("[&;]", query)
    kept = [option for option in options if option.partition("=")[0].lower() not in names]
    return address + mark + "&".join(kept) if any(kept) else address


def _database(text: str) -> str:
    if not text or len(text.encode()) > 63 or any(character in '/\\. "$*<>:|?\0' for character in text):
        raise ValueError("must be a database name that MongoDB takes")
    return text


def _host(text: str) -> str:
    if not text or any(character.isspace() or character == "/" for character in text):
        raise ValueError("must be a host name or an address")
    return text


def setting(variable: str, default: str | None, parse: Callable[[str], Value], text: str) -> Value:
    """Describe a field of settings.

    Args:
        variable: the environment variable's name.
        default: its text where it is unset or empty; None leaves the field None.
        parse: makes the value of a text, or raises a ValueError that says what it must be.
        text: what it means, for `--help`.
    """
    described = field(metadata={"variable": variable, "default": default, "parse": parse, "help": text})
    return cast("Value", described)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatabaseSettings:
    """Where MongoDB is: what everybody who reads stores is told."""

    mongo_url: str | None = setting(
        "MONGO_URL", None, _mongo_url, "a replica set's URL; unset: a MongoDB of our own, embedded"
    )
    mongo_db: str = setting("MONGO_DB", "store_api", _database, "the database's name")
    embedded_mongo_port: int = setting(
        "EMBEDDED_MONGO_PORT", "27018", whole_number(1, 65535), "the embedded MongoDB's port"
    )

    def __repr__(self) -> str:
        """Show no value at all: a URL may hold a password."""
        return f"{type(self).__name__}(...)"

    @property
    def database_url(self) -> str:
        """Where MongoDB is: the URL that was given, or the embedded one's."""
        return self.mongo_url or (
            f"mongodb://127.0.0.1:{self.embedded_mongo_port}/?replicaSet={EMBEDDED_REPLICA_SET}"
        )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Validate the whole environment; an empty variable counts as unset.

        Raises:
            WrongSetting: for the first variable that is wrong.
        """
        values: dict[str, Any] = {}
        for described in fields(cls):
            variable, default = described.metadata["variable"], described.metadata["default"]
            text = environment.get(variable) or default
            try:
                values[described.name] = None if text is None else described.metadata["parse"](text)
            except ValueError as wrong:
                raise WrongSetting(variable, str(wrong)) from None
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings(DatabaseSettings):
    """What the service was told at its start; one field a variable, in the order of `--help`."""

    data_dir: Path = setting("DATA_DIR", "./data", Path, "where the embedded MongoDB keeps its data")
    host: str = setting("HOST", "127.0.0.1", _host, "the address to listen on")
    port: int = setting("PORT", "8000", whole_number(1, 65535), "the port to listen on")
    workers: int = setting("WORKERS", "1", whole_number(1, 256), "processes that serve")


def environment_with_env_file(folder: Path) -> dict[str, str]:
    """Merge `folder/.env` under the process's environment, which wins."""
    try:
        found = dotenv_values(folder / ".env")
    except UnicodeDecodeError:
        raise WrongSetting(".env", "must be UTF-8 text") from None
    from_file = {name: value for name, value in found.items() if value is not None}
    return {**from_file, **os.environ}


def help_text(of: type[DatabaseSettings], usage: str) -> str:
    """List variables with their defaults and what they mean, for `--help`.

    Args:
        of: whose they are.
        usage: what comes first.
    """
    lines = [usage, "", "Settings, from the environment or a file .env:", ""]
    for described in fields(of):
        variable, default = described.metadata["variable"], described.metadata["default"]
        lines.append(f"  {variable:<20} {described.metadata['help']}" + (f" ({default})" if default else ""))
    return "\n".join(lines)
