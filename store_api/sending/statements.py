"""What is sent: numbered writes of one document each, and one statement that carries out many of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

Documents = Collection[dict[str, Any]]

LONG_SECONDS = 4.0
"""How long MongoDB may take where no document is held, and it is only slow, or waits for a majority."""

DONE, NOBODY_SAYS, NOTHING_MATCHED = 0, -1, -2
"""Outcomes beside the server's error codes, see `Sender.send`."""


class Statement(NamedTuple):
    """One numbered write to one document.

    Args:
        store_id: the document's id.
        mark: what the document has once it was carried out; empty where nothing tells.
        body: gives what MongoDB is told; not asked for where another statement carries it out.
    """

    store_id: str
    mark: Mapping[str, Any]
    body: Callable[[], Mapping[str, Any]]


class Joint(NamedTuple):
    """One statement that carries out several others, all of which bear a mark.

    It leaves each document as it is where the statement of that document does not match.

    Args:
        members: the indices of the others.
        body: what MongoDB is told.
    """

    members: Sequence[int]
    body: Mapping[str, Any]


def find_carried_out(
    collection: Documents, statements: Iterable[Statement], concern: str = "local"
) -> set[str]:
    """Give the documents that have the marks of their statements.

    Args:
        collection: where the documents are.
        statements: whose command has ended, so that none of them is on its way.
        concern: of which reads MongoDB gives, "local" or "majority".

    Raises:
        PyMongoError: nobody says.
    """
    marks = {statement.store_id: statement.mark for statement in statements if statement.mark}
    if not marks:
        return set()
    paths = {path for mark in marks.values() for path in mark}
    found = collection.with_options(read_concern=ReadConcern(concern)).find(
        {"_id": {"$in": list(marks)}},
        dict.fromkeys(paths, 1),
        batch_size=len(marks) + 1,
        max_time_ms=int(LONG_SECONDS * 1000),
    )
    return {
        document["_id"]
        for document in found
        if all(_at(document, path) == value for path, value in marks[document["_id"]].items())
    }


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document
