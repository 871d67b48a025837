"""Another team's program, which writes stock straight to MongoDB. Everybody who listens to the store is told.

    .venv/bin/python examples/writer.py supply abc111 item-1 10
    .venv/bin/python examples/writer.py demand abc111 item-1 3
    .venv/bin/python examples/writer.py demand abc111 item-1 3 --mongo mongodb://... --database store_api

It changes quantities and nothing else. What else is in a store's document is the service's: `rev`, and
`writers`, the numbers of its latest writes, by which it knows after a lost answer what became of one. Who
updates single fields, as here, keeps them without doing anything; who replaces a whole document takes both
over from the one that was read.

It prints "supplied", "taken", or "short"; after "short" its exit code is 1, and nothing was taken.
"""

import argparse
import re
import sys
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

Stores = Collection[dict[str, Any]]


def path_of(item_id: str) -> str:
    """Give the path of an item's quantity: in a field's name `%`, `.` and `$` are percent-encoded."""
    return "items." + re.sub(r"[%.$]", lambda found: f"%{ord(found[0]):02X}", item_id)


def supply(stores: Stores, store_id: str, item_id: str, quantity: int) -> str:
    """Bring pieces; a store that there is not yet is made."""
    stores.update_one({"_id": store_id}, {"$inc": {path_of(item_id): quantity}}, upsert=True)
    return "supplied"


def demand(stores: Stores, store_id: str, item_id: str, quantity: int) -> str:
    """Take pieces if they are there: filter and update are one step, so nobody can come between."""
    enough = {"_id": store_id, path_of(item_id): {"$gte": quantity}}
    taken = stores.update_one(enough, {"$inc": {path_of(item_id): -quantity}})
    return "taken" if taken.matched_count else "short"


def main() -> int:
    """Do what the arguments say, and give the exit code."""
    parser = argparse.ArgumentParser(description="Supply or demand stock, straight in MongoDB.")
    parser.add_argument("operation", choices=["supply", "demand"])
    parser.add_argument("store_id")
    parser.add_argument("item_id")
    parser.add_argument("quantity", type=int)
    parser.add_argument(
        "--mongo", default="mongodb://127.0.0.1:27018/?replicaSet=rs0", help="default: %(default)s"
    )
    parser.add_argument("--database", default="store_api", help="default: %(default)s")
    options = parser.parse_args()
    if options.quantity < 1:
        parser.error("a quantity is a whole number from 1")
    carry_out = {"supply": supply, "demand": demand}[options.operation]
    # Durable before it is told, as the service's own writes are.
    with MongoClient[dict[str, Any]](options.mongo, w="majority", journal=True) as mongo:
        stores = mongo[options.database]["stores"]
        try:
            said = carry_out(stores, options.store_id, options.item_id, options.quantity)
        except PyMongoError as error:
            print(f"unknown, look before you try again: {error}", file=sys.stderr)
            return 2
    print(said)
    return int(said == "short")


if __name__ == "__main__":
    sys.exit(main())
