"""What is measured: each scene is the stock it starts from and the requests that are sent over and over."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pymongo.database import Database

from bench.demo.receipts import Receipts, group_operation, load
from store_api.storage.documents import VALIDATOR, field_of

REQUESTS = 20_000
PLENTY = 10**9

Sent = tuple[str, str, bytes]
"""A request: its path, its Prefer header or nothing, and its body."""


KEYED = ("ceiling", "store_api")
"""Who takes part where each request has a key: nobody else knows keys."""

GUARDED = ("ceiling", "store_api", "one_token", "many_tokens")
"""Who takes part where it is measured what it costs to know who asks."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of load.

    Args:
        name: how the table calls it.
        connections: the numbers of connections it is measured with.
        requests: makes the requests, from a source of randomness.
        lines: how many items the bare server's body reports.
        contestants: who takes part.
        is_keyed: whether each request has an Idempotency-Key of its own.
    """

    name: str
    connections: tuple[int, ...]
    requests: Callable[[random.Random], Iterator[Sent]]
    lines: int
    contestants: tuple[str, ...] = ("ceiling", "store_api", "fastapi_motor")
    is_keyed: bool = False


def scenes() -> list[Scene]:
    """List every scene of the table."""
    receipts = load()
    return [
        Scene(
            "hot store, 20 items",
            (64, 256),
            _hot("hot-20", 20),
            20,
            ("ceiling", "store_api", "no_ledger", "fastapi_motor"),
        ),
        Scene(
            "hot store, 500 items",
            (256,),
            _hot("hot-500", 500),
            500,
            ("ceiling", "store_api", "fastapi_motor", "fastapi_models"),
        ),
        Scene(
            "1,000 stores of 20 items",
            (256,),
            _thousand,
            20,
            ("ceiling", "store_api", "no_ledger", "unwatched", "fastapi_motor"),
        ),
        Scene("hot store, 20 items, keys", (256,), _hot("hot-20", 20), 20, KEYED, is_keyed=True),
        Scene("1,000 stores of 20 items, keys", (256,), _thousand, 20, KEYED, is_keyed=True),
        Scene("one connection, keys", (1,), _hot("hot-20", 20), 20, ("store_api",), is_keyed=True),
        Scene("hot store, 20 items, tokens", (256,), _hot("hot-20", 20), 20, GUARDED),
        Scene("hot store, half refused", (64, 256), _half_refused, 20, ("store_api", "fastapi_motor")),
        Scene("one connection", (1,), _hot("hot-20", 20), 20, ("store_api", "direct", "fastapi_motor")),
        Scene(
            "receipts, minimal answers",
            (64, 256),
            lambda _: _receipts(receipts, "return=minimal"),
            9,
            ("store_api", "direct", "fastapi_motor"),
        ),
        Scene(
            "receipts, full answers",
            (64,),
            lambda _: _receipts(receipts, ""),
            9,
            ("store_api", "fastapi_motor"),
        ),
    ]


def fill(database: "Database[dict[str, Any]]") -> None:
    """Put the stock of every scene into a database, with the service's own validator."""
    database.client.drop_database(database.name)
    stores = database.create_collection("stores", validator=VALIDATOR)
    documents = [_store("hot-20", 20), _store("hot-500", 500)]
    documents += [_store(f"store-{number}", 20) for number in range(1000)]
    documents[0]["items"]["gone"] = 0
    stores.insert_many(documents)
    for store_id, lines in load().opening.items():
        items = {field_of(line.item_id): PLENTY for line in lines}
        stores.insert_one({"_id": f"receipts-{store_id}", "items": items, "rev": 0})


def write_requests(scene: Scene, file: Path, seed: int) -> None:
    """Write a scene's requests as `requests.lua` reads them."""
    with file.open("wb") as lines:
        for path, prefer, body in scene.requests(random.Random(seed)):
            lines.write(b"%s\t%s\t%s\n" % (path.encode(), prefer.encode(), body))


def _store(store_id: str, items: int) -> dict[str, Any]:
    return {"_id": store_id, "items": {f"item-{number}": PLENTY for number in range(items)}, "rev": 0}


def _operation(operation: str, item_id: str, quantity: int) -> bytes:
    return msgspec.json.encode({"operation": operation, "item_id": item_id, "quantity": quantity})


def _hot(store_id: str, items: int) -> Callable[[random.Random], Iterator[Sent]]:
    def requests(source: random.Random) -> Iterator[Sent]:
        for _ in range(REQUESTS):
            item_id = f"item-{source.randrange(items)}"
            body = _operation(source.choice(("demand", "supply")), item_id, source.randint(1, 5))
            yield f"/stores/{store_id}", "", body

    return requests


def _thousand(source: random.Random) -> Iterator[Sent]:
    for _ in range(REQUESTS):
        body = _operation(
            source.choice(("demand", "supply")), f"item-{source.randrange(20)}", source.randint(1, 5)
        )
        yield f"/stores/store-{source.randrange(1000)}", "", body


def _half_refused(source: random.Random) -> Iterator[Sent]:
    for _ in range(REQUESTS):
        item_id = source.choice((f"item-{source.randrange(20)}", "gone"))
        yield "/stores/hot-20", "", _operation("demand", item_id, source.randint(1, 5))


def _receipts(receipts: Receipts, prefer: str) -> Iterator[Sent]:
    for basket in receipts.baskets[:REQUESTS]:
        body = group_operation("demand", basket.lines)
        yield f"/stores/receipts-{basket.store_id}/group_op", prefer, body
