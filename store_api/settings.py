"""Settings: read once from the environment and a `.env` file, validated whole, then frozen."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from dotenv import dotenv_values

from store_api import mongo_url
from store_api.errors import WrongSetting

EMBEDDED_REPLICA_SET = "rs0"

Value = TypeVar("Value")

_AROUND = re.compile(r"\A[\s\ufeff\u200b]+|[\s\ufeff\u200b]+\Z")
_QUOTES = ('""', "''", "“”", "‘’")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def meant(text: str) -> str:
    """Take off what stands around a value and is not meant.

    Blanks, line ends (`echo` puts one into a Secret), a byte order mark, and one pair of quotes, which
    `docker run --env-file` leaves where a shell takes them off.
    """
    bare = _AROUND.sub("", text)
    if bare[:1] + bare[-1:] in _QUOTES and not {bare[0], bare[-1]} & set(bare[1:-1]):
        return _AROUND.sub("", bare[1:-1])
    return bare


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Make a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def true_or_false(text: str) -> bool:
    """Parse what is on or off."""
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _database(text: str) -> str:
    if not text or len(text.encode()) > 63 or any(character in '/\\. "$*<>:|?\0' for character in text):
        raise ValueError("must be a database name that MongoDB takes")
    if text.lower() in ("admin", "config", "local"):
        raise ValueError("must be a database of its own: admin, config and local are MongoDB's")
    return text


def _host(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if _NAME.fullmatch(text) is None or len(text) > 253:
            raise ValueError(
                "must be a host name or an address: 0.0.0.0 is every IPv4 address, :: is every address"
            ) from None
    return bare


def _folder(text: str) -> Path:
    if "://" in text or "$" in text or any(character < " " for character in text):
        raise ValueError("must be a folder, without variables in it")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("must be a folder: whose home its ~ means is not known") from None


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
        "MONGO_URL", None, mongo_url.judged, "a replica set's URL; unset: a MongoDB of our own, embedded"
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
        return cls(**{described.name: _value(described, environment) for described in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings(DatabaseSettings):
    """What the service was told at its start; one field a variable, in the order of `--help`."""

    data_dir: Path = setting("DATA_DIR", "./data", _folder, "where the embedded MongoDB keeps its data")
    host: str = setting("HOST", "127.0.0.1", _host, "the address to listen on")
    port: int = setting("PORT", "8000", whole_number(1, 65535), "the port to listen on")
    workers: int = setting("WORKERS", "1", whole_number(1, 256), "processes that serve")
    idempotency_hours: int = setting(
        "IDEMPOTENCY_HOURS", "24", whole_number(1, 8760), "how long keys of operations are remembered"
    )
    require_idempotency_key: bool = setting(
        "REQUIRE_IDEMPOTENCY_KEY", "false", true_or_false, "whether every operation must have a key"
    )

    def __post_init__(self) -> None:
        """Refuse settings that cannot hold together."""
        if self.mongo_url is None and self.port == self.embedded_mongo_port:
            raise WrongSetting("EMBEDDED_MONGO_PORT", "must be another port than PORT")


def value_of(of: type[DatabaseSettings], variable: str, environment: Mapping[str, str]) -> Any:
    """Read one variable as all of them are read.

    Raises:
        WrongSetting: it is wrong.
    """
    (described,) = (each for each in fields(of) if each.metadata["variable"] == variable)
    return _value(described, environment)


def _value(described: Field[Any], environment: Mapping[str, str]) -> Any:
    variable, default = described.metadata["variable"], described.metadata["default"]
    text = meant(environment.get(variable) or "") or default
    try:
        return None if text is None else described.metadata["parse"](text)
    except ValueError as wrong:
        raise WrongSetting(variable, str(wrong)) from None


def environment_with_env_file(folder: Path) -> dict[str, str]:
    """Merge `folder/.env` under the process's environment, which wins."""
    try:
        # Some editors put a byte order mark first.
        found = dotenv_values(folder / ".env", encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise WrongSetting(".env", "must be UTF-8 text") from None
    except OSError as error:
        raise WrongSetting(".env", f"cannot be read: {error.strerror}") from None
    # Files put together have such a mark in the middle, too.
    from_file = {name.lstrip("\ufeff"): value for name, value in found.items() if value is not None}
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
