"""Proves a ledger from what is in the database: its rows add up to the stock, whoever wrote or died."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bson import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from store_api.ledger.rows import CHECKPOINTS, LARGEST_SUM, MOST_ROWS, MOVEMENTS, items_in
from store_api.stock import LARGEST_QUANTITY, Stock
from store_api.storage.documents import quantities_in
from tests.support.mongod import wait_until

Documents = Database[dict[str, Any]]
Found = Mapping[str, Any]
_DURABLE = WriteConcern(w="majority", j=True)


def first_difference(database: Documents, only: Collection[str] | None = None) -> str | None:
    """Say what is wrong with a ledger that has caught up; None where it is right.

    Args:
        database: with stores and ledger.
        only: the stores that are looked at; None for all.

    For each store and item: opening balance + the sum of its rows = the stock, and each row's quantity is the
    one before plus its delta. Rows are numbered without a hole, and their time never falls. Each checkpoint
    is what its store held then.
    """
    mine, named = ({}, {}) if only is None else ({"_id.s": {"$in": [*only]}}, {"_id": {"$in": [*only]}})
    buckets: defaultdict[str, list[Found]] = defaultdict(list)
    for bucket in database[MOVEMENTS].find(mine, sort=[("_id", 1)]):
        buckets[bucket["_id"]["s"]].append(bucket)
    checkpoints: defaultdict[str, list[Found]] = defaultdict(list)
    for checkpoint in database[CHECKPOINTS].find(mine, sort=[("_id", 1)]):
        checkpoints[checkpoint["_id"]["s"]].append(checkpoint)
    stocks = {document["_id"]: _stock_of(document) for document in database["stores"].find(named)}
    for wrong in _wrong_order(database, mine):
        return wrong
    for store_id in sorted(buckets.keys() | checkpoints.keys() | stocks.keys()):
        for wrong in _wrong_of(buckets[store_id], checkpoints[store_id], stocks.get(store_id)):
            return f"store {store_id!r}: {wrong}"
    return None


def check_ledger(
    mongo: "MongoClient[dict[str, Any]]",
    name: str,
    seconds: float = 20.0,
    only: Collection[str] | None = None,
) -> None:
    """Wait until the ledger of a database has all that is in it now, and prove it; nobody writes meanwhile.

    Raises:
        AssertionError: it is wrong.
        TimeoutError: it does not catch up.
    """
    wait_until_kept(mongo, name, seconds)
    assert (wrong := first_difference(mongo[name], only)) is None, wrong


def wait_until_kept(mongo: "MongoClient[dict[str, Any]]", name: str, seconds: float = 20.0) -> None:
    """Wait until the ledger has all that was written before.

    Raises:
        TimeoutError: it does not come so far.
    """
    database = mongo[name]
    moment = moment_now(database)
    wait_until(lambda: is_kept(database, moment), "the ledger has caught up", seconds)


def moment_now(database: Documents) -> Timestamp:
    """Write what the ledger's stream has, and give when that was."""
    beats = database.get_collection("heartbeats", write_concern=_DURABLE)
    with database.client.start_session(causal_consistency=True) as session:
        beats.update_one({"_id": "heartbeat"}, {"$inc": {"beats": 1}}, upsert=True, session=session)
        moment = session.operation_time
    assert moment is not None
    return moment


def is_kept(database: Documents, moment: Timestamp) -> bool:
    """Tell whether the ledger has all changes up to a moment."""
    try:
        state = database["ledger_state"].find_one({"_id": "stream"})
    except PyMongoError:
        return False
    return state is not None and state["reconciling"] is None and state["until"] >= moment


def rows_of(database: Documents, store_id: str) -> list[dict[str, Any]]:
    """Give a store's rows in the order of the ledger, each with its batch (`b`)."""
    found = database[MOVEMENTS].find({"_id.s": store_id}, sort=[("_id", 1)])
    return [{**row, "b": bucket["_id"]["b"]} for bucket in found for row in bucket["rows"]]


def told(database: Documents, store_id: str) -> list[tuple[str, int, int, str]]:
    """Give a store's rows as they are told: item, delta, quantity, kind."""
    return [(row["i"], row["d"], row["q"], row["o"]) for row in rows_of(database, store_id)]


def _stock_of(document: Found) -> Stock:
    _, quantities = quantities_in(document)
    return {item_id: quantity for item_id, quantity in quantities.items() if quantity}


def _wrong_order(database: Documents, mine: Found) -> Iterator[str]:
    """Look at all rows in the order of the ledger: no number is there twice, and no time falls."""
    rows: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for bucket in database[MOVEMENTS].find(mine):
        rows[bucket["_id"]["b"]] += [(row["n"], row["t"]) for row in bucket["rows"]]
    before = 0
    for number in sorted(rows):
        batch = sorted(rows[number])
        numbers = [n for n, _ in batch]
        if len(set(numbers)) < len(numbers):
            yield f"batch {number} has rows of the same number: {numbers}"
        for n, seconds in batch:
            if seconds < before:
                yield f"row {number}.{n} is of {seconds}, and one before it of {before}"
            before = seconds


def _wrong_of(buckets: list[Found], checkpoints: list[Found], stock: Stock | None) -> Iterator[str]:
    if not checkpoints:
        yield "it has no checkpoint" if buckets else "the ledger does not know it"
        return
    begin = buckets[0]["_id"]["b"] if buckets else float("inf")
    old = [each for each in checkpoints if each["_id"]["b"] < begin]
    # Where old rows have gone, what they came to is the opening balance.
    items, exists = (items_in(old[-1]), old[-1]["exists"]) if old else ({}, False)
    later = {each["_id"]["b"]: each for each in checkpoints[len(old) :]}
    for place, bucket in enumerate(buckets):
        yield from _wrong_in(bucket, items)
        exists = not bucket["gone"]
        number = bucket["_id"]["b"]
        if place + 1 < len(buckets) and buckets[place + 1]["_id"]["b"] == number:
            continue
        if bucket["u"] != min(sum(items.values()), LARGEST_SUM):
            yield f"bucket {bucket['_id']} says {bucket['u']} pieces, and it is {sum(items.values())}"
        checkpoint = later.pop(number, None)
        if checkpoint is not None and (items_in(checkpoint), checkpoint["exists"]) != (items, exists):
            yield f"checkpoint {number} has {items_in(checkpoint)}, and its rows come to {items}"
    if later:
        yield f"checkpoints {sorted(later)} belong to no row"
    if exists is (stock is None):
        yield f"the ledger says that it {'exists' if exists else 'is gone'}, which is not so"
    for item_id in sorted(items.keys() | (stock or {}).keys()):
        if items.get(item_id, 0) != (held := (stock or {}).get(item_id, 0)):
            yield f"item {item_id!r} is {held} in stock, and its rows come to {items.get(item_id, 0)}"


def _wrong_in(bucket: Found, items: Stock) -> Iterator[str]:
    """Look at one bucket's rows, and carry them over into what its store held before."""
    if len(bucket["rows"]) > MOST_ROWS:
        yield f"bucket {bucket['_id']} has {len(bucket['rows'])} rows"
    if bucket["rows"] and bucket["t"] < bucket["rows"][-1]["t"]:
        yield f"bucket {bucket['_id']} is of {bucket['t']}, and its last row is not"
    for row in bucket["rows"]:
        item_id, delta, quantity = row["i"], row["d"], row["q"]
        name = f"row {bucket['_id']['b']}.{row['n']} of {item_id!r}"
        if items.get(item_id, 0) + delta != quantity:
            yield f"{name} is {items.get(item_id, 0)} {delta:+}, and says {quantity}"
        if not delta or not 0 <= quantity <= LARGEST_QUANTITY:
            yield f"{name} moves {delta} to {quantity}"
        items[item_id] = quantity
        if not quantity:
            del items[item_id]
    if bucket["gone"] and items:
        yield f"bucket {bucket['_id']} says that the store is gone, with {items} in it"
