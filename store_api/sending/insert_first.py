"""An insert that goes ahead of a command, on the same connection, and waits for no majority of its own.

A member writes its log in order, and where it rolls something back it closes every connection. So of two
commands on one connection the second is on a majority's disks only where the first is, too, and to wait for
the second is enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

INSERT_SECONDS = 1.0
"""How long MongoDB may take for the insert, which waits for nobody."""


class NotInserted(Exception):
    """Not every document could be inserted; the command was not sent."""


class InsertFirst:
    """Inserts documents ahead of a command, once; whatever is sent after that command needs them to be sure.

    Args:
        database: whose client sends.
        collection: where the documents go.
        documents: none of which is there yet.
    """

    def __init__(
        self,
        database: "Database[dict[str, Any]]",
        collection: str,
        documents: Sequence[Mapping[str, Any]],
    ) -> None:
        self._database = database
        self._collection = collection
        self._documents = documents
        self._was_sent = False

    def command(
        self, command: dict[str, Any], codec_options: "CodecOptions[dict[str, Any]]"
    ) -> dict[str, Any]:
        """Send a command: the first together with the documents, and any other once a majority has those.

        Raises:
            NotInserted: some of the documents may be there, and the command was not sent.
            PyMongoError: of the command; or no majority is known to have the documents, and it was not sent.
        """
        if self._was_sent:
            self._require_majority()
            return self._database.command(command, codec_options=codec_options)
        self._was_sent = True
        insert = {
            "insert": self._collection,
            "documents": self._documents,
            "ordered": False,
            "maxTimeMS": int(INSERT_SECONDS * 1000),
            "writeConcern": {"w": 1},
        }
        is_inserted = False
        try:
            # Of PyMongo 4.20.0, whose version is pinned: a connection of its pool, for more than one command.
            with self._database.client._conn_for_writes(None, "insert") as connection:
                # Behind a mongos there are several logs, and connections of its own.
                if connection.is_repl and not self._has_failed(connection, insert):
                    is_inserted = True
                    return self._database._command(connection, command, codec_options=codec_options)
        except PyMongoError as error:
            if is_inserted:
                raise
            raise NotInserted from error
        raise NotInserted

    def _has_failed(self, connection: Any, insert: dict[str, Any]) -> bool:
        return bool(self._database._command(connection, insert).get("writeErrors"))

    def _require_majority(self) -> None:
        """Refuse to go on where a fail-over may have undone what was inserted.

        Raises:
            PyMongoError: no majority is known to have all of it.
        """
        there = self._database.get_collection(self._collection, read_concern=ReadConcern("majority"))
        found = there.count_documents({"$or": list(self._documents)}, limit=len(self._documents))
        if found < len(self._documents):
            raise PyMongoError("no majority has what was inserted first")
