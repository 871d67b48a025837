"""Follows a store live and keeps its report up to date, whoever changes it. Ctrl-C ends it.

    .venv/bin/python examples/listen.py abc111 --api http://127.0.0.1:8000

The whole report comes first on a connection, and then just the lines that changed: a line replaces the
quantity of its item, and 0 removes the item. Much at once comes in several frames. The store need not exist.
Where the service asks who one is, STORE_API_TOKEN in the environment holds a token of scope `read`.
"""

import argparse
import asyncio
import json
import os
import random
from contextlib import suppress
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
TOKEN = os.environ.get("STORE_API_TOKEN", "").strip()  # no argument: those are seen by everybody
HEADERS = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else None


async def follow(store_id: str, api: str) -> None:
    """Follow the store for ever, through every fault.

    Args:
        store_id: the store's id.
        api: the base URL of the service.

    Raises:
        SystemExit: the service will never serve this, as its problem says.
    """
    at = f"ws{api.removeprefix('http')}/ws/stores/{quote(store_id, safe='')}?snapshot=true&only=changes"
    stock, failures = dict[str, int](), 0
    while True:
        reason = "the connection was lost"
        try:
            # No proxy: the service is near.
            async with connect(at, proxy=None, additional_headers=HEADERS) as socket:
                replace(stock, await next_change(socket), store_id)
                failures = 0
                while True:
                    change(stock, await next_change(socket))
        except InvalidStatus as refusal:
            reason = problem_of(refusal)
            if refusal.response.status_code not in (429, *range(500, 600)):
                raise SystemExit(reason) from None
        except (OSError, WebSocketException) as error:
            reason = str(error)
        failures += 1
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** (failures - 1)) * random.uniform(0.5, 1.0)
        print(f"not connected: {reason}; again in {pause:.1f} s", flush=True)
        await asyncio.sleep(pause)


def replace(stock: dict[str, int], report: dict[str, int], store_id: str) -> None:
    """Take what comes first, which is the whole report, in place of what was known."""
    stock.clear()
    stock.update(report)
    print(f"{store_id}: {len(stock)} items, {sum(stock.values())} units", flush=True)


def change(stock: dict[str, int], lines: dict[str, int]) -> None:
    """Carry changed lines over, and say what changed."""
    for item_id, quantity in lines.items():
        print(f"{item_id}: {stock.get(item_id, 0)} -> {quantity}", flush=True)
        stock[item_id] = quantity
        if quantity == 0:
            del stock[item_id]


async def next_change(socket: ClientConnection) -> dict[str, int]:
    """Read the next change's lines, by item: a frame, or several of which all but the last say `more`."""
    lines: dict[str, int] = {}
    more = True
    while more:
        frame = json.loads(await socket.recv())
        lines |= {line["item_id"]: line["quantity"] for line in frame["store"]["report"]}
        more = frame.get("more", False)
    return lines


def problem_of(refusal: InvalidStatus) -> str:
    """Say why there is no socket, in the service's own words where it has any."""
    with suppress(ValueError, LookupError):
        return str(json.loads(refusal.response.body or b"")["detail"])
    return str(refusal)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Follow a store live.")
    parser.add_argument("store_id")
    parser.add_argument("--api", default="http://127.0.0.1:8000", help="default: %(default)s")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(follow(options.store_id, options.api))
