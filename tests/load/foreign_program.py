"""Another team's program: demands and supplies straight in MongoDB until its input ends, then says what it did."""

import json
import random
import selectors
import sys
from typing import Any

from pymongo import MongoClient


def main(mongo_url: str, database: str, stores: list[str], items: list[str]) -> None:
    """Write, guarded, and print the net change of every item of every store as JSON."""
    source = random.Random(2)
    done = {store_id: dict.fromkeys(items, 0) for store_id in stores}
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    with MongoClient[dict[str, Any]](mongo_url, w="majority", journal=True) as client:
        collection = client[database]["stores"]
        print("writing", flush=True)
        while not selector.select(timeout=0.002):
            store_id, item_id = source.choice(stores), source.choice(items)
            quantity = source.choice((-3, -1, 2, 3))
            guard = {} if quantity > 0 else {f"items.{item_id}": {"$gte": -quantity}}
            changed = collection.update_one(
                {"_id": store_id, **guard}, {"$inc": {f"items.{item_id}": quantity}}
            )
            done[store_id][item_id] += quantity * changed.matched_count
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3].split(","), sys.argv[4].split(","))
