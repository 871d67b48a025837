"""Another team's program: demands and supplies straight in MongoDB until its input ends."""

import json
import random
import selectors
import sys
from typing import Any

from pymongo import MongoClient


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(mongo_url: str, database: str, stores: list[str], items: list[str]) -> None:
    """Write, guarded, and print the net change of every item of every store as JSON."""
    source = random.Random(2)
    done = {store_id: dict.fromkeys(items, 0) for store_id in stores}
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    with MongoClient[dict[str, Any]](mongo_url, w="majority", journal=True) as client:
        collection = client[database]["stores"]
        say("writing")
        while not selector.select(timeout=0.002):
            store_id, item_id = source.choice(stores), source.choice(items)
            field = f"items.{item_id}"
            quantity = source.choice((-3, -1, 2, 3))
            guard = {} if quantity > 0 else {field: {"$gte": -quantity}}
            changed = collection.update_one({"_id": store_id, **guard}, {"$inc": {field: quantity}})
            done[store_id][item_id] += quantity * changed.matched_count
    say(json.dumps(done))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3].split(","), sys.argv[4].split(","))
