"""Sends numbered writes so that none of them waits for a document that somebody's transaction holds.

MongoDB lets a write wait for such a document as long as the transaction stays open, and every later
statement of the same command waits with it. So each command has a patience, after which MongoDB ends it, and
`write.py` finds out what it did. Whether a document is held, or MongoDB is slow, `probe.py` finds out without
waiting. A command without an answer is not sent again here: who asked for it finds out, see
`storage/commands.py`.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from store_api.sending.insert_first import InsertFirst
from store_api.sending.probe import Probe
from store_api.sending.statements import Documents, Joint, Statement
from store_api.sending.write import Write

PATIENCE_SECONDS = 0.1
"""How long MongoDB may take for a command before it is looked for documents that are held."""

MAJORITY = {"w": "majority", "j": True}
_STATEMENTS = {"update": "updates", "insert": "documents"}


class Sender:
    """Sends commands to one collection, in whichever thread asks for it.

    Args:
        collection: whose client has no deadline of its own for commands; it would replace the patience.
        seconds: how long a command may take, with everything that it is sent again for.
        clock: gives seconds, of any beginning.
    """

    def __init__(
        self, collection: Documents, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._collection = collection
        self._seconds = seconds
        self._clock = clock
        self._probes: deque[Probe] = deque()

    def send(
        self,
        command: str,
        statements: Sequence[Statement],
        *,
        patience: float,
        bypass: bool,
        first: InsertFirst | None = None,
        joint: Joint | None = None,
    ) -> list[int]:
        """Carry statements out, each whole or not at all, and wait for a majority; none breaks another.

        Args:
            command: "update" or "insert".
            statements: one for a document.
            patience: seconds that they may wait for documents that somebody holds.
            bypass: whether they are written without validation.
            first: what is inserted ahead of them.
            joint: carries out some of them at the first try; of an update.

        Returns:
            What became of each: DONE, HELD (not carried out), NOTHING_MATCHED, where one was sent alone or
            jointly, NOBODY_SAYS, or the server's error code.

        Raises:
            PyMongoError: of the first try, where nothing is known of any of them.
            NotInserted: what goes first does not, and nothing was sent.
        """
        database = self._collection.database
        send = database.command if first is None else first.command

        def ask(bodies: Sequence[Mapping[str, Any]], seconds: float) -> Mapping[str, Any]:
            body = {
                command: self._collection.name,
                _STATEMENTS[command]: bodies,
                "ordered": False,
                "maxTimeMS": max(1, int(seconds * 1000)),
                "bypassDocumentValidation": bypass,
                "writeConcern": MAJORITY,
            }
            return send(body, codec_options=self._collection.codec_options)

        probe = self._probes.pop() if self._probes else Probe(database, self._collection.name)
        probe.bypass = bypass
        write = Write(self._collection, ask, probe, statements, joint, patience, self._clock)
        try:
            return write.run(self._seconds)
        finally:
            self._probes.append(probe)
