"""Another team's program, which writes stock straight to MongoDB. Everybody who listens to the store is told.

    .venv/bin/python examples/writer.py supply abc111 item-1 10
    .venv/bin/python examples/writer.py demand abc111 item-1 3
    .venv/bin/python examples/writer.py demand abc111 item-1 3 --reference R-1009
    .venv/bin/python examples/writer.py demand abc111 item-1 3 --mongo mongodb://... --database store_api

It changes quantities, and says in `by` who it is, which the ledger notes; it need not. What else is in a
store's document is the service's: `rev`, `last`, and `writers`, the numbers of its latest writes, by which it
knows after a lost answer what became of one. Who updates single fields, as here, keeps them without doing
anything; who replaces a whole document takes all three over from the one that was read.

It prints "supplied", "taken", or "short"; after "short" its exit code is 1, and nothing was taken.
"""

import argparse
import re
import sys
from typing import Any
from uuid import uuid4

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

Stores = Collection[dict[str, Any]]


def path_of(item_id: str) -> str:
    """Give the path of an item's quantity: in a field's name `%`, `.` and `$` are percent-encoded."""
    return "items." + re.sub(r"[%.$]", lambda found: f"%{ord(found[0]):02X}", item_id)


def update_of(item_id: str, quantity: int, reference: str | None) -> dict[str, Any]:
    """Add pieces, and say who did: set whole, with another `nonce` each time, else it is not told again."""
    by = {"actor": "writer.py", "reference": reference, "nonce": uuid4().hex}
    return {"$inc": {path_of(item_id): quantity}, "$set": {"by": by}}


def supply(stores: Stores, store_id: str, item_id: str, quantity: int, reference: str | None) -> str:
    """Bring pieces; a store that there is not yet is made."""
    stores.update_one({"_id": store_id}, update_of(item_id, quantity, reference), upsert=True)
    return "supplied"


def demand(stores: Stores, store_id: str, item_id: str, quantity: int, reference: str | None) -> str:
    """Take pieces if they are there: filter and update are one step, so nobody can come between."""
    enough = {"_id": store_id, path_of(item_id): {"$gte": quantity}}
    taken = stores.update_one(enough, update_of(item_id, -quantity, reference))
    return "taken" if taken.matched_count else "short"


def main() -> int:
    """Do what the arguments say, and give the exit code."""
    parser = argparse.ArgumentParser(description="Supply or demand stock, straight in MongoDB.")
    parser.add_argument("operation", choices=["supply", "demand"])
    parser.add_argument("store_id")
    parser.add_argument("item_id")
    parser.add_argument("quantity", type=int)
    parser.add_argument("--reference", help="what the ledger notes with it: an order, a receipt")
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
            said = carry_out(stores, options.store_id, options.item_id, options.quantity, options.reference)
        except PyMongoError as error:
            print(f"unknown, look before you try again: {error}", file=sys.stderr)
            return 2
    print(said)
    return int(said == "short")


if __name__ == "__main__":
    sys.exit(main())
