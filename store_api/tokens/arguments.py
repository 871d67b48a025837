"""What `python -m store_api tokens` is asked: its arguments, each read or refused in one line."""

import argparse
import re
from collections.abc import Sequence
from datetime import timedelta

from store_api.access.callers import OF_JWTS
from store_api.access.token_text import PREFIX
from store_api.contract.bodies import LONGEST_ID, STORE_ID
from store_api.contract.scopes import Scope

CREATE, LIST, REVOKE = "create", "list", "revoke"

LONGEST_NAME = 100
"""Characters of a name."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@:+-]{{0,{LONGEST_NAME - 1}}}")
_LIFE = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read what is asked; what cannot be meant ends the program with its usage, as is usual.

    Args:
        arguments: those after `tokens`.

    Returns:
        `command` and `json`; `name`, `scopes`, `stores` and `expires` where the command has them.
    """
    parser = argparse.ArgumentParser(
        "python -m store_api tokens", description="The tokens that let callers in where AUTH=tokens."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    create = commands.add_parser(CREATE, help="make a token; it is shown once")
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
    shown = commands.add_parser(LIST, help="show all tokens, those that have ended too")
    revoke = commands.add_parser(REVOKE, help="end a token, everywhere, within a second")
    revoke.add_argument("name", type=_no_token, metavar="NAME", help="whose it is")
    for command in (create, shown, revoke):
        command.add_argument("--json", action="store_true", help="as JSON, for programs")
    return parser.parse_args(arguments)


def _no_token(text: str) -> str:
    if text.startswith(PREFIX):
        # It is not repeated: what was said is in the terminal's scrollback, but need not be in a log.
        raise argparse.ArgumentTypeError("that is a token; its name is meant, which `tokens list` shows")
    return text


def _name(text: str) -> str:
    if _NAME.fullmatch(_no_token(text)) is None:
        raise argparse.ArgumentTypeError(
            f"must be 1 to {LONGEST_NAME} letters, digits and ._@:+- and begin with a letter or digit"
        )
    if text.startswith(OF_JWTS):
        raise argparse.ArgumentTypeError(f"must not begin with {OF_JWTS}, as those do who come with a JWT")
    return text


def _scopes(text: str) -> list[str]:
    named = _words(text)
    if unknown := set(named) - set(Scope):
        raise argparse.ArgumentTypeError(
            f"there is no scope {sorted(unknown)[0]!r}; there are {', '.join(Scope)}"
        )
    return named


def _stores(text: str) -> list[str]:
    named = _words(text)
    for pattern in named:
        is_id = len(pattern) <= LONGEST_ID and re.match(STORE_ID, pattern)
        if not is_id or "*" in pattern[:-1]:
            raise argparse.ArgumentTypeError(f"{pattern!r} must be a store's id, or its beginning and *")
    return named


def _words(text: str) -> list[str]:
    named = sorted({word.strip() for word in text.split(",")} - {""})
    if not named:
        raise argparse.ArgumentTypeError("must name one at least")
    return named


def _life(text: str) -> timedelta:
    found = _LIFE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("must be a number and d, h, m or s, as 90d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
