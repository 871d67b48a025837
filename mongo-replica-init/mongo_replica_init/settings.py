"""What the program is told: read once from the environment, validated whole, frozen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from mongo_replica_init.problems import WrongVariable

VARIABLES = {
    "MONGO_HOSTS": ("", "the members, as host:port, separated by commas; all of them"),
    "REPLICA_SET": ("rs0", "the replica set's name, as mongod's --replSet has it"),
    "MONGO_DB": ("store_api", "the service's database"),
    "SECRETS_DIR": ("", "holds what make-secrets made; unset: no keyFile, no users, no token"),
    "SERVICE_USER": ("store_api", "the service's user"),
    "WRITER_USER": ("stock_writer", "the user of other programs that write stock"),
    "BOT_USER": ("stock_bot", "the bot's user"),
    "ELECTION_MILLISECONDS": (
        "5000",
        "a new set's: without a primary for so long, its members elect another",
    ),
    "WAIT_SECONDS": ("120", "how long to wait for the members, and then for a primary"),
}
"""Each variable's default and what it means."""

USERS = ("SERVICE_USER", "WRITER_USER", "BOT_USER")

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_][A-Za-z0-9_.-]*)):([0-9]{1,5})")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the program was told; see `VARIABLES`."""

    hosts: tuple[str, ...]
    replica_set: str
    database: str
    secrets: Path | None
    service_user: str
    writer_user: str
    bot_user: str
    election_milliseconds: int
    wait_seconds: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Validate the environment; an empty variable counts as unset.

        Raises:
            WrongVariable: for the first that is wrong.
        """
        text = {
            name: _meant(environment.get(name, "")) or default for name, (default, _) in VARIABLES.items()
        }
        hosts = tuple(
            dict.fromkeys(_host(part.strip()) for part in text["MONGO_HOSTS"].split(",") if part.strip())
        )
        if not hosts:
            raise WrongVariable(
                "MONGO_HOSTS: must name the members, like mongo-1:27017,mongo-2:27017,mongo-3:27017"
            )
        for name in ("REPLICA_SET", "MONGO_DB", *USERS):
            if not _NAME.fullmatch(text[name]):
                raise WrongVariable(f"{name}: must be letters, digits, _ and -")
        if text["MONGO_DB"].lower() in ("admin", "config", "local"):
            raise WrongVariable(
                "MONGO_DB: must be a database of its own: admin, config and local are MongoDB's"
            )
        for at, name in enumerate(USERS):
            if text[name] in [text[other] for other in USERS[:at]]:
                raise WrongVariable(f"{name}: must be another user than {' or '.join(USERS[:at])}")
        return cls(
            hosts=hosts,
            replica_set=text["REPLICA_SET"],
            database=text["MONGO_DB"],
            secrets=_folder(text["SECRETS_DIR"]) if text["SECRETS_DIR"] else None,
            service_user=text["SERVICE_USER"],
            writer_user=text["WRITER_USER"],
            bot_user=text["BOT_USER"],
            election_milliseconds=_whole_number(text, "ELECTION_MILLISECONDS", 500, 60_000),
            wait_seconds=_whole_number(text, "WAIT_SECONDS", 1, 3600),
        )


def _meant(text: str) -> str:
    """Take off blanks, line ends, a byte order mark, and quotes that no shell has taken off."""
    bare = text.strip("\ufeff \t\r\n")
    return bare[1:-1].strip() if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" else bare


def _host(text: str) -> str:
    """Read a member as MongoDB and its driver do: names in small letters, an IPv6 address in brackets."""
    parts = _HOST.fullmatch(text)
    if parts is None or not 1 <= int(parts[3]) <= 65535:
        raise WrongVariable(
            "MONGO_HOSTS: each must be like mongo-1:27017, 192.0.2.1:27017 or [2001:db8::1]:27017"
        )
    if parts[1] is None:
        return f"{parts[2].lower()}:{int(parts[3])}"
    try:
        return f"[{IPv6Address(parts[1])}]:{int(parts[3])}"
    except ValueError:
        raise WrongVariable("MONGO_HOSTS: what is in brackets must be an IPv6 address") from None


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise WrongVariable("SECRETS_DIR: whose home its ~ means is not known") from None


def _whole_number(text: Mapping[str, str], name: str, least: int, most: int) -> int:
    if not text[name].isascii() or not text[name].isdecimal() or not least <= int(text[name]) <= most:
        raise WrongVariable(f"{name}: must be a whole number from {least} to {most}")
    return int(text[name])


def help_text() -> str:
    """List the two ways to call it, and every variable."""
    lines = [
        "usage: python mongo-replica-init                       make the set, its users and a first token",
        "       python mongo-replica-init make-secrets FOLDER   make those secrets that are not there",
        "",
        "Both may be run again, and beside each other. Settings, from the environment:",
        "",
    ]
    for name, (default, meaning) in VARIABLES.items():
        lines.append(f"  {name:<22} {meaning}" + (f" ({default})" if default else ""))
    return "\n".join(lines)
