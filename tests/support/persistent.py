"""A client that sends an operation again, with the same key, until it knows what became of it."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from bench.load.http_client import AnswerLost, Connection, Response, ServiceUnreachable

PAUSE_SECONDS = 0.05
TRIES = 600
"""More than any outage of a test takes; a client that still does not know is a failure."""


def new_key() -> str:
    """Make up a key that nobody else uses."""
    return f"order-{uuid4().hex}"


def supply_of(item_id: str, quantity: int = 1) -> bytes:
    """Write the body of a supply."""
    return msgspec.json.encode({"operation": "supply", "item_id": item_id, "quantity": quantity})


def demand_of(item_id: str, quantity: int = 1) -> bytes:
    """Write the body of a demand."""
    return msgspec.json.encode({"operation": "demand", "item_id": item_id, "quantity": quantity})


def is_known(answer: Response) -> bool:
    """Tell whether an answer says for good what became of an operation."""
    if answer.status == 503:
        return False
    problem: Any = msgspec.json.decode(answer.body) if answer.status >= 400 else {}
    return bool(problem.get("type") != "/problems/idempotency-in-flight")


async def send_once(url: str, path: str, body: bytes, key: str | None) -> Response:
    """Send an operation over a connection of its own.

    Raises:
        ConnectionError: there was no answer.
    """
    connection = Connection(url)
    try:
        return await connection.request("POST", path, body, {} if key is None else {"idempotency-key": key})
    finally:
        connection.close()
        # The transport goes in the next turn of the loop.
        await asyncio.sleep(0)


async def send_until_known(urls: Sequence[str], path: str, body: bytes, key: str) -> Response:
    """Send an operation until it is known what became of it, to one service after the other.

    Raises:
        TimeoutError: nobody says.
    """
    for number in range(TRIES):
        try:
            answer = await send_once(urls[number % len(urls)], path, body, key)
            if is_known(answer):
                return answer
        except (AnswerLost, ServiceUnreachable):
            pass
        await asyncio.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"{TRIES} tries, and nobody says what became of {key}")
