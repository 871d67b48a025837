"""Settings: read once from the environment and a `.env` file, validated whole, then frozen."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from dotenv import dotenv_values

from store_api.errors import WrongSetting
from store_api.settings import mongo_url, values
from store_api.settings.values import meant, true_or_false, whole_number

EMBEDDED_REPLICA_SET = "rs0"

OPEN_TO_OTHERS = (
    "must be set where others can reach the service, and {why}: AUTH=tokens lets in whoever has a"
    " token (make one: python -m store_api tokens create NAME --scopes admin), AUTH=off lets in everybody"
)

Value = TypeVar("Value")


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
    mongo_db: str = setting("MONGO_DB", "store_api", values.database, "the database's name")
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

    data_dir: Path = setting("DATA_DIR", "./data", values.folder, "where the embedded MongoDB keeps its data")
    host: str = setting("HOST", "127.0.0.1", values.host, "the address to listen on")
    port: int = setting("PORT", "8000", whole_number(1, 65535), "the port to listen on")
    workers: int = setting("WORKERS", "1", whole_number(1, 256), "processes that serve")
    idempotency_hours: int = setting(
        "IDEMPOTENCY_HOURS", "24", whole_number(1, 8760), "how long keys of operations are remembered"
    )
    require_idempotency_key: bool = setting(
        "REQUIRE_IDEMPOTENCY_KEY", "false", true_or_false, "whether every operation must have a key"
    )
    ledger: bool = setting("LEDGER", "on", values.on_or_off, "whether a ledger of all movements is kept")
    ledger_days: int = setting(
        "LEDGER_DAYS", "400", whole_number(1, 36_500), "for how many days its rows are kept"
    )

    auth: frozenset[str] | None = setting(
        *("AUTH", None, values.auth),
        "how callers say who they are: tokens, oidc, tokens,oidc, or off; unset: off for this machine alone",
    )
    oidc_issuer: str | None = setting("OIDC_ISSUER", None, values.line, "whose JWTs are taken (iss)")
    oidc_audience: str | None = setting("OIDC_AUDIENCE", None, values.line, "whom they must be for (aud)")
    oidc_jwks_url: str | None = setting(
        "OIDC_JWKS_URL", None, values.url, "where the issuer's keys are; https, or http on this machine"
    )
    oidc_stores_claim: str | None = setting(
        *("OIDC_STORES_CLAIM", None, values.line),
        "the claim that lists a caller's stores; unset: every store",
    )
    allowed_hosts: frozenset[str] | None = setting(
        *("ALLOWED_HOSTS", None, values.hosts),
        "names that requests may be for, or *; unset: loopback's where HOST is one of those, else any",
    )
    allowed_origins: frozenset[str] | None = setting(
        *("ALLOWED_ORIGINS", None, values.origins),
        "origins of further pages that may write and listen; the service's own may",
    )
    trusted_proxies: frozenset[values.Network] | None = setting(
        *("TRUSTED_PROXIES", None, values.networks),
        "addresses of proxies whose X-Forwarded-* lines are believed; unset: nobody's",
    )
    tls_cert: Path | None = setting(
        "TLS_CERT", None, values.file, "the certificate chain to serve HTTPS with, a PEM file"
    )
    tls_key: Path | None = setting("TLS_KEY", None, values.file, "its key, a PEM file")
    rate_writes: tuple[int, int] | None = setting(
        "RATE_WRITES", "off", values.rate, "operations of one caller, a process, as 600/minute"
    )
    rate_reads: tuple[int, int] | None = setting(
        "RATE_READS", "off", values.rate, "everything else of one caller, a process"
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.rstrip(".").lower() == "localhost"

    def __post_init__(self) -> None:
        """Refuse settings that cannot hold together."""
        if self.mongo_url is None and self.port == self.embedded_mongo_port:
            raise WrongSetting("EMBEDDED_MONGO_PORT", "must be another port than PORT")
        if self.auth is None and not self.is_loopback:
            raise WrongSetting("AUTH", OPEN_TO_OTHERS.format(why=f"HOST is {self.host}"))
        if self.auth is None and self.trusted_proxies:
            raise WrongSetting("AUTH", OPEN_TO_OTHERS.format(why="TRUSTED_PROXIES names a proxy"))
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "TLS_CERT" if self.tls_cert is None else "TLS_KEY"
            raise WrongSetting(missing, "must be set, too: TLS_CERT and TLS_KEY belong together")
        if self.auth and values.AUTH_OIDC in self.auth:
            for variable in ("OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL"):
                if getattr(self, variable.lower()) is None:
                    raise WrongSetting(variable, "must be set where AUTH has oidc")


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
