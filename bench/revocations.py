"""How long a revocation takes: from the return of its write to the end of a socket, and to the first 401.

    .venv/bin/python -m bench.revocations mongodb://127.0.0.1:27017/?replicaSet=rs0 --tokens 10000

It starts the service with two workers, keeps so many tokens in a database of its own, which it drops again,
and revokes fifty, one after the other; each has some sockets, in both workers. Where nobody listens at all
(`--sockets 0`), the service hears of changes less soon.
"""

import argparse
import asyncio
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pymongo import MongoClient
from websockets.asyncio.client import connect

from store_api.access.token_text import hint_of, new_token, token_id

REVOCATIONS, PORT, WORKERS = 50, 8790, 2
REST_SECONDS = 0.1

Documents = Any


def make(tokens: Documents, count: int) -> list[str]:
    """Make so many tokens that may read."""
    texts = [new_token(secrets.token_bytes) for _ in range(count)]
    rights = {"scopes": ["read"], "stores": None, "made": datetime.now(UTC), "expires": None, "revoked": None}
    tokens.insert_many(
        [
            {"_id": token_id(text), "name": f"caller-{text[5:20]}", "hint": hint_of(text), **rights}
            for text in texts
        ]
    )
    return texts


@contextmanager
def served(url: str, database: str) -> Iterator[None]:
    """Run the service with access on."""
    settings = {"MONGO_URL": url, "MONGO_DB": database, "PORT": str(PORT), "WORKERS": str(WORKERS)}
    service = subprocess.Popen(
        [sys.executable, "-m", "store_api"],
        env={**os.environ, **settings, "AUTH": "tokens"},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)


async def seconds_of(tokens: Documents, token: str, count: int) -> tuple[float, float]:
    """Revoke a token: seconds until the last of its sockets is closed, and until a request is refused."""
    headers = {"Authorization": f"Bearer {token}"}
    socket_url, url = f"ws://127.0.0.1:{PORT}/ws/stores/abc111", f"http://127.0.0.1:{PORT}/stores"
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(connect(socket_url, additional_headers=headers, proxy=None))
            for _ in range(count)
        ]
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))

        async def last_close() -> float:
            await asyncio.gather(*(socket.wait_closed() for socket in sockets))
            ended = time.monotonic()
            if {socket.close_code for socket in sockets} - {4401}:
                raise SystemExit("a socket was closed otherwise")
            return ended

        async def first_refusal() -> float:
            while True:
                async with http.get(url) as answer:
                    if answer.status == 401:
                        return time.monotonic()

        ends = [asyncio.create_task(last_close()), asyncio.create_task(first_refusal())]
        # Before anybody listened the change stream was looked at now and then only.
        await asyncio.sleep(REST_SECONDS)
        change = {"$set": {"revoked": datetime.now(UTC)}}
        await asyncio.to_thread(tokens.update_one, {"_id": token_id(token)}, change)
        revoked = time.monotonic()
        closed, refused = await asyncio.gather(*ends)
        return closed - revoked, refused - revoked


async def until_ready() -> None:
    """Wait until the service answers that it is ready."""
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{PORT}/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def measure(tokens: Documents, count: int) -> None:
    """Revoke one after the other, and print what it took."""
    await until_ready()
    await asyncio.sleep(2)  # the other worker, too
    found = [await seconds_of(tokens, make(tokens, 1)[0], count) for _ in range(REVOCATIONS)]
    for what, seconds in zip(("sockets closed", "request refused"), zip(*found, strict=True), strict=True):
        if what == "sockets closed" and not count:
            continue
        ordered = sorted(1000 * each for each in seconds)
        print(
            f"{what}: median {statistics.median(ordered):.1f} ms, "
            f"95% {ordered[int(0.95 * len(ordered))]:.1f} ms, longest {ordered[-1]:.1f} ms"
        )


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="of a MongoDB replica set")
    parser.add_argument("--tokens", type=int, default=1, help="how many there are besides")
    parser.add_argument("--sockets", type=int, default=6, help="of each that is revoked, in both workers")
    asked = parser.parse_args()
    database = f"bench_revocations_{secrets.token_hex(4)}"
    with MongoClient[dict[str, Any]](asked.url, w="majority", journal=True) as client:
        try:
            make(client[database]["tokens"], asked.tokens)
            with served(asked.url, database):
                asyncio.run(measure(client[database]["tokens"], asked.sockets))
        finally:
            client.drop_database(database)


if __name__ == "__main__":
    main()
