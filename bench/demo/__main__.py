"""`make demo`: replays a real supermarket chain's receipts through the running service, then checks it.

Every store gets as opening stock what it sells in a year; then every basket is one demand, in order of
time; in the end every store must hold exactly what the receipts say, and the ledger must have the same rows.
"""

import argparse
import asyncio
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NoReturn
from uuid import uuid4

import uvloop

from bench.demo.receipts import Receipts, load
from bench.demo.replay import Replay
from bench.load.http_client import Connection, ServiceUnreachable
from bench.load.stock_calls import CannotGoOn, StockCalls


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 when the check passed, 1 when not, 130 after Ctrl-C."""
    options = _options(arguments)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_demo(options))
    except KeyboardInterrupt:
        print("Stopped. The next run opens its stores afresh.", file=sys.stderr)
        return 130
    except ServiceUnreachable:
        return _fail(f"Nothing answers at {options.url}. Start the service: make run (or give its --url).")
    except CannotGoOn as reason:
        return _fail(f"The service at {options.url} {reason}")
    except FileNotFoundError as missing:
        return _fail(str(missing))


def _token() -> str:
    """Read what lets us in; from the environment alone, since everybody may read the list of processes."""
    return os.environ.get("STORE_API_TOKEN", "").strip()


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


async def _demo(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        calls = []
        for _ in range(options.connections):
            connection = Connection(options.url, token=_token())
            stack.callback(connection.close)
            calls.append(StockCalls(connection, full=options.full))
        await calls[0].probe()
        receipts = load(options.stores).first(baskets=options.baskets)
        print(_opening_line(receipts, options), flush=True)
        opening = f"opening-{uuid4().hex[:12]}"
        replay = Replay(receipts, calls, options.prefix, opening, time.time, options.speed)
        await replay.open_stores()
        seconds = await replay.sell()
        print(_closing_line(replay, len(receipts.baskets), seconds), flush=True)
        verdict = await replay.check()
        print(verdict.line(), flush=True)
        proved = await _prove(replay)
        return 0 if verdict.passed and proved else 1


async def _prove(replay: Replay) -> bool:
    """Prove the ledger and say so; a service without one has nothing to prove."""
    begin = time.monotonic()
    verdict = await replay.prove()
    if verdict is None:
        print("The service keeps no ledger (LEDGER=off): there is nothing to prove.")
        return True
    print(verdict.line(time.monotonic() - begin))
    return verdict.passed


def _opening_line(receipts: Receipts, options: argparse.Namespace) -> str:
    lines = sum(len(opening) for opening in receipts.opening.values())
    return (
        f"{len(receipts.opening):,} stores ({options.prefix}...) with {lines:,} items on their shelves, "
        f"{len(receipts.baskets):,} baskets, over {options.connections} connections to {options.url}"
    )


def _closing_line(replay: Replay, baskets: int, seconds: float) -> str:
    line = (
        f"{baskets:,} baskets in {seconds:,.1f} s, {baskets / seconds:,.0f} a second; "
        f"{replay.retries:,} retries, {len(replay.refused):,} refused, "
        f"{len(replay.unknown):,} of unknown outcome"
    )
    return line + (f" (first refusal: {replay.refused[0][1].detail})" if replay.refused else "")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.demo", description=__doc__.partition("\n\n")[0])
    option = parser.add_argument
    option("--url", type=_url, default="http://127.0.0.1:8000", help="where the service is (%(default)s)")
    option("--stores", type=_whole(1), metavar="N", help="only the N stores with the most baskets")
    option("--baskets", type=_whole(1), metavar="N", help="only the first N baskets of these stores")
    option("--speed", type=_speed, metavar="X", help="baskets a second (as fast as it goes)")
    option("--connections", type=_whole(1, 1000), default=64, metavar="N", help="(%(default)s)")
    option("--full", action="store_true", help="let every answer hold the store's whole report")
    option(
        "--prefix",
        type=_prefix,
        default="demo-",
        help="begins the id of each store of the demo; these are emptied first, no others (%(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        Connection(options.url, token=_token())
    except ValueError as wrong:
        parser.error(f"STORE_API_TOKEN: {wrong}")
    return options


def _url(text: str) -> str:
    try:
        Connection(text)
    except ValueError as wrong:
        _wrong(str(wrong))
    return text.rstrip("/")


def _whole(least: int, most: int = 10**9) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            _wrong(f"{text!r} is not a whole number from {least:,} to {most:,}")
        return int(text)

    return parse


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        _wrong(f"{text!r} is not a number above 0")
    return speed


def _prefix(text: str) -> str:
    if len(text) > 100 or "/" in text or not text.isprintable():
        _wrong(f"{text!r} cannot begin a store's id: at most 100 printable characters, none of them a slash")
    return text


def _wrong(message: str) -> NoReturn:
    raise argparse.ArgumentTypeError(message)


if __name__ == "__main__":
    sys.exit(main())
