"""`python -m store_api tokens`: makes, lists and revokes tokens, for people and (`--json`) for programs."""

import argparse
import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pymongo.errors import OperationFailure

from store_api.access.known_tokens import caller_of
from store_api.access.token_text import hint_of, new_token, token_id
from store_api.embedded import EmbeddedMongo
from store_api.errors import NoSuchToken, StoreApiError
from store_api.settings import DatabaseSettings, Settings, environment_with_env_file, value_of
from store_api.storage.clients import Client, connect, look_for_primary
from store_api.tokens.arguments import CREATE, LIST, REVOKE, parse
from store_api.tokens.collection import NewToken, TokenCollection

Document = Mapping[str, Any]

_REASONS = {
    13: "MongoDB's user may not do this: MONGO_URL must name one who may read and write the database.",
    18: "MongoDB does not take the user and the password of MONGO_URL.",
}
"""What the server's codes Unauthorized and AuthenticationFailed mean here."""


def run(arguments: Sequence[str]) -> int:
    """Do what was asked for, and give the exit code; one line on standard error for whatever prevents it."""
    asked = parse(arguments)
    # What prevents it is said once, below, for people.
    logging.getLogger().addHandler(logging.NullHandler())
    do = {CREATE: _create, LIST: _list, REVOKE: _revoke}[asked.command]
    try:
        environment = environment_with_env_file(Path.cwd())
        settings = DatabaseSettings.read(environment)
        with _database(settings, value_of(Settings, "DATA_DIR", environment)):
            asyncio.run(_with_tokens(settings, lambda tokens: do(tokens, asked)))
    except StoreApiError as error:
        print(f"store_api: {_reason(error)}", file=sys.stderr)
        return 1
    return 0


def _reason(error: StoreApiError) -> str:
    cause = error.__cause__
    code = cause.code if isinstance(cause, OperationFailure) else None
    return _REASONS.get(code or 0, str(error))


def _database(settings: DatabaseSettings, data_dir: Path) -> AbstractContextManager[object]:
    """Start the embedded MongoDB, unless there is another one or the service runs with it."""
    if settings.mongo_url is not None:
        return nullcontext()
    embedded = EmbeddedMongo(data_dir, settings.embedded_mongo_port)
    # A folder that cannot be looked into cannot be used, either, which is said in one line then.
    with suppress(OSError):
        if embedded.is_in_use:
            return nullcontext()
    return embedded


async def _with_tokens(settings: DatabaseSettings, do: Callable[[TokenCollection], Awaitable[None]]) -> None:
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
    _show(
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
        _show(f"{asked.name} is revoked.")


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
        _show("There are no tokens.")
        return
    table: list[tuple[str, ...]] = [("NAME", "TOKEN", "STATE", "EXPIRES", "SCOPES", "STORES")]
    for row in rows:
        expires = row["expires"]
        table.append(
            (
                *(str(row["name"]), f"{row['hint']}...", str(row["state"])),
                f"{expires:%Y-%m-%d %H:%M}" if isinstance(expires, datetime) else "never",
                ",".join(map(str, row["scopes"] or ())),
                "all" if row["stores"] is None else ",".join(map(str, row["stores"])),
            )
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
    _show("\n".join(lines))


def _state(document: Document, now: datetime) -> str:
    if document.get("revoked") is not None:
        return "revoked"
    if (caller := caller_of(document)) is None:
        return "broken"
    return "expired" if caller.expires is not None and caller.expires <= now.timestamp() else "in force"


def _print(shape: Any) -> None:
    _show(msgspec.json.encode(shape, enc_hook=str).decode())


def _show(text: str) -> None:
    """Print; that nobody could read it must be known, since a token is shown but once.

    Raises:
        StoreApiError: nobody can.
    """
    try:
        # Where it is closed from the start, Python has none, and printing is nothing.
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (AttributeError, OSError, UnicodeEncodeError):
        with suppress(AttributeError, OSError):
            # Python would try once more at its end, and complain of it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoreApiError("It is done, but cannot be shown: nothing can be written.") from None
