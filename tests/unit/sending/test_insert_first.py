"""What goes ahead of a write goes with it only where one member has the log of both."""

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from bson.codec_options import DEFAULT_CODEC_OPTIONS

from store_api.sending.insert_first import InsertFirst, NotInserted


class Sharded:
    """The database of a client that is connected to a mongos, which none is here to run."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.client = self

    def _conn_for_writes(self, *_: object) -> AbstractContextManager[SimpleNamespace]:
        return nullcontext(SimpleNamespace(is_repl=False, is_mongos=True))

    def _command(self, _: object, command: dict[str, Any], **__: object) -> dict[str, Any]:
        self.sent.append(command)
        return {"n": 1}


def test_behind_a_mongos_nothing_goes_ahead() -> None:
    database: Any = Sharded()
    with pytest.raises(NotInserted):
        InsertFirst(database, "claims", [{"_id": 1}]).command({"update": "stores"}, DEFAULT_CODEC_OPTIONS)
    assert database.sent == []
