"""`python -m store_api tokens`: makes, lists and revokes tokens, for people and (`--json`) for programs."""

import argparse
import asyncio
import re
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from store_api.access.callers import OF_JWTS
from store_api.access.token_text import hint_of, new_token, token_id
from store_api.contract.scopes import Scope
from store_api.embedded import EmbeddedMongo
from store_api.errors import NoSuchToken, StoreApiError
from store_api.settings import Settings, environment_with_env_file
from store_api.storage.clients import Client, connect, look_for_primary
from store_api.tokens.collection import NewToken, TokenCollection

LONGEST_NAME = 100
"""Characters of a name."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@:+-]{{0,{LONGEST_NAME - 1}}}")
_LIFE = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Document = Mapping[str, Any]


def run(arguments: Sequence[str]) -> int:
    """Do what was asked for, and give the exit code; one line on standard error for whatever prevents it."""
    asked = _parser().parse_args(arguments)
    try:
        settings = Settings.read({"AUTH": "tokens", **environment_with_env_file(Path.cwd())})
        with _database(settings):
            asyncio.run(_with_tokens(settings, lambda tokens: asked.do(tokens, asked)))
    except StoreApiError as error:
        print(f"store_api: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m store_api tokens", description="The tokens that let callers in where AUTH=tokens."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make a token; it is shown once")
    create.add_argument("name", type=_name, metavar="NAME", help="whose it is")
    create.add_argument(
        "--scopes",
        required=True,
        type=_scopes,
        metavar="SCOPES",
        help=f"what it may, separated by commas: {', '.join(Scope)}; admin may all",
    )
    create.add_argument(
        "--stores",
        type=_stores,
        metavar="STORES",
        help="the only stores that it may that to, separated by commas: abc111,berlin-*",
    )
    create.add_argument(
        "--expires",
        type=_life,
        metavar="LIFE",
        help="how long it is in force: 90d, 12h, 30m; else for ever",
    )
    revoke = commands.add_parser("revoke", help="end a token, everywhere, within a second")
    revoke.add_argument("name", metavar="NAME", help="whose it is")
    shown = commands.add_parser("list", help="show all tokens, those that have ended too")
    for command, do in ((create, _create), (revoke, _revoke), (shown, _list)):
        command.add_argument("--json", action="store_true", help="as JSON, for programs")
        command.set_defaults(do=do)
    return parser


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"must be 1 to {LONGEST_NAME} letters, digits and ._@:+- and begin with a letter or digit"
        )
    if text.startswith(OF_JWTS):
        raise argparse.ArgumentTypeError(f"must not begin with {OF_JWTS}, as those do who come with a JWT")
    return text


def _scopes(text: str) -> list[str]:
    named = sorted({word.strip() for word in text.split(",")})
    if unknown := set(named) - set(Scope):
        raise argparse.ArgumentTypeError(
            f"there is no scope {sorted(unknown)[0]!r}; there are {', '.join(Scope)}"
        )
    return named


def _stores(text: str) -> list[str]:
    named = sorted({word for word in text.split(",") if word})
    if not named:
        raise argparse.ArgumentTypeError("must name a store")
    if wrong := [pattern for pattern in named if "*" in pattern[:-1] or "/" in pattern]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} must be a store's id, or its beginning and *")
    return named


def _life(text: str) -> timedelta:
    found = _LIFE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("must be a number and d, h, m or s, as 90d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _database(settings: Settings) -> AbstractContextManager[object]:
    """Start the embedded MongoDB, unless there is another one or the service runs with it."""
    if settings.mongo_url is not None:
        return nullcontext()
    with suppress(OSError), socket.create_connection(("127.0.0.1", settings.embedded_mongo_port), 1.0):
        return nullcontext()
    return EmbeddedMongo(settings.data_dir, settings.embedded_mongo_port)


async def _with_tokens(settings: Settings, do: Callable[[TokenCollection], Awaitable[None]]) -> None:
    client: Client = connect(settings.database_url)
    looking = asyncio.create_task(look_for_primary(client, announce=False))
    try:
        await do(TokenCollection(client, settings.mongo_db))
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        client.close()


async def _create(tokens: TokenCollection, asked: argparse.Namespace) -> None:
    text, made = new_token(secrets.token_bytes), datetime.now(UTC)
    expires = None if asked.expires is None else made + asked.expires
    new = NewToken(
        token_id(text), hint_of(text), asked.name, asked.scopes, asked.stores, made=made, expires=expires
    )
    await tokens.keep(new)
    if asked.json:
        rights = {"name": new.name, "scopes": new.scopes, "stores": new.stores, "expires": expires}
        _print({"token": text, **rights})
        return
    print(
        f"{new.name} may {', '.join(new.scopes)}, "
        f"{'to every store' if new.stores is None else 'to ' + ', '.join(new.stores)}, "
        f"{'for ever' if expires is None else f'until {expires:%Y-%m-%d %H:%M} UTC'}.\n"
        f"Its token is shown this once:\n{text}"
    )


async def _revoke(tokens: TokenCollection, asked: argparse.Namespace) -> None:
    if not await tokens.revoke(asked.name, datetime.now(UTC)):
        raise NoSuchToken(asked.name)
    if asked.json:
        _print({"name": asked.name, "revoked": True})
    else:
        print(f"{asked.name} is revoked.")


async def _list(tokens: TokenCollection, asked: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            **{name: document.get(name) for name in ("name", "hint", "scopes", "stores")},
            "state": _state(document, now),
            **{name: document.get(name) for name in ("made", "expires", "revoked")},
        }
        for document in await tokens.read_all()
    ]
    if asked.json:
        _print({"tokens": rows})
        return
    if not rows:
        print("There are no tokens.")
        return
    table = [("NAME", "TOKEN", "STATE", "EXPIRES", "SCOPES", "STORES")]
    for row in rows:
        expires = row["expires"]
        table.append(
            (
                *(str(row["name"]), f"{row['hint']}...", str(row["state"])),
                "never" if expires is None else f"{expires:%Y-%m-%d %H:%M}",
                ",".join(row["scopes"] or ()),
                "all" if row["stores"] is None else ",".join(row["stores"]),
            )
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _state(document: Document, now: datetime) -> str:
    if document.get("revoked") is not None:
        return "revoked"
    expires = document.get("expires")
    return "expired" if expires is not None and expires <= now else "in force"


def _print(shape: Any) -> None:
    print(msgspec.json.encode(shape).decode())
