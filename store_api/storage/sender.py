"""Sends guarded writes so that none of them waits for a document that somebody's transaction holds.

MongoDB lets a write wait for such a document as long as the transaction stays open, and every later
statement of the same command waits with it. So each command has a patience, after which MongoDB ends it, and
a number in a session of ours: MongoDB remembers which statements of that number it has carried out, so that
the same ones can be sent again, all or some, and are carried out once (MongoDB specifications, Retryable
Writes). The driver does not show the number that it gives to a write of its own; so it is given here.
Whether a document is held, or MongoDB is slow, `probe.py` finds out without waiting.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from store_api.storage.clients import COMMAND_SECONDS
from store_api.storage.probe import HELD, Probe, Session

Statement = Mapping[str, Any]
Reply = Mapping[str, Any]

PATIENCE_SECONDS = 0.1
"""How long MongoDB may take for a command before it is looked for documents that are held."""

ALONE_SECONDS = 0.001
"""How long it may take for one statement whose document is probably held, and may be carried out already.
"""

LONG_SECONDS = 4.0
"""How long MongoDB may take where no document is held, and it is only slow, or waits for a majority."""

PAUSE_SECONDS = 0.05
"""Between a try and the next one, where there is no primary just now."""

DONE = 0
NOBODY_SAYS = -1
NOTHING_MATCHED = -2
"""Outcomes beside the server's error codes, see `Sender.send`."""

_TOO_LONG = 50
"""MaxTimeMSExpired."""

_MAJORITY = {"w": "majority", "j": True}
_STATEMENTS = {"update": "updates", "insert": "documents"}


class Sender:
    """Sends commands to one collection, in whichever thread asks for it.

    Args:
        database: whose client has no deadline of its own for commands, which would replace the patience.
        collection: its name.
        clock: gives seconds, of any beginning.
    """

    def __init__(
        self,
        database: "Database[dict[str, Any]]",
        collection: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._collection = collection
        self._clock = clock
        self._sessions: deque[Session] = deque()
        self._probes: deque[Probe] = deque()
        self._seconds = min(COMMAND_SECONDS, database.client.options.timeout or COMMAND_SECONDS)

    def send(
        self,
        command: str,
        statements: Mapping[str, Statement],
        *,
        patience: float,
        bypass: bool,
    ) -> list[int]:
        """Carry statements out, each whole or not at all, and wait for a majority; none breaks another.

        Args:
            command: "update" or "insert".
            statements: by the id of their document.
            patience: seconds that they may wait for documents that somebody holds.
            bypass: whether they are written without validation.

        Returns:
            What became of each: DONE, HELD (not carried out), NOTHING_MATCHED, where one was sent alone,
            NOBODY_SAYS, or the server's error code.

        Raises:
            PyMongoError: of the first try, where nothing is known of any of them.
        """
        session = self._sessions.pop() if self._sessions else Session(self._database)
        session.number += 1
        probe = self._probes.pop() if self._probes else Probe(self._database, self._collection)
        probe.bypass = bypass
        sent = list(statements.values())

        def ask(indices: Sequence[int], seconds: float, concern: Mapping[str, Any]) -> Reply:
            return self._database.command(
                {
                    command: self._collection,
                    _STATEMENTS[command]: [sent[index] for index in indices],
                    "ordered": False,
                    "stmtIds": list(indices),
                    "txnNumber": Int64(session.number),
                    "maxTimeMS": max(1, int(seconds * 1000)),
                    "bypassDocumentValidation": bypass,
                    "writeConcern": concern,
                },
                session=session.own,
                codec_options=self._database.codec_options,
            )

        try:
            return _Write(ask, probe, list(statements), patience, self._clock, self._seconds).run()
        finally:
            self._sessions.append(session)
            self._probes.append(probe)


class _Write:
    """One command under one number, sent until it is known of each statement what became of it.

    Args:
        ask: sends some of the statements, by index, with so many seconds and this write concern.
        probe: finds out which documents are held.
        ids: the statements' documents.
        patience: seconds for the first try.
        clock: gives seconds.
        seconds: how long to go on.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[int], float, Mapping[str, Any]], Reply],
        probe: Probe,
        ids: Sequence[str],
        patience: float,
        clock: Callable[[], float],
        seconds: float,
    ) -> None:
        self._ask = ask
        self._probe = probe
        self._ids = ids
        self._clock = clock
        self._deadline = clock() + seconds
        self._patience = patience
        self._open: Sequence[int] = range(len(ids))
        self._codes = [NOBODY_SAYS] * len(ids)
        self._carried_out: set[int] = set()
        # A copy of the command that was given up may arrive later, so whatever is held may still be written.
        self._is_late_copy_possible = False

    def run(self) -> list[int]:
        """Send it, see `Sender.send`."""
        first: PyMongoError | None = None
        tries = 0
        while self._open and self._clock() < self._deadline:
            tries += 1
            try:
                if not self._try():
                    break
            except PyMongoError as error:
                first = error if tries == 1 else first
                if tries == 1 and isinstance(error, ServerSelectionTimeoutError):
                    break
                if not _may_be_sent_again(error):
                    break
                self._is_late_copy_possible = True
                # Whatever comes next may be slow for a reason that is no document's.
                self._patience = LONG_SECONDS
                time.sleep(PAUSE_SECONDS)
        if first is not None and all(code == NOBODY_SAYS for code in self._codes):
            raise first
        return self._codes

    def _try(self) -> bool:
        """Send what is open once; tells whether there is hope for what is open after it."""
        left = self._deadline - self._clock()
        try:
            reply = self._ask(self._open, min(self._patience, left), _MAJORITY)
        except OperationFailure as error:
            if error.code != _TOO_LONG:
                raise
            self._part()
            return True
        unconfirmed = self._settle(self._open, reply)
        concern = reply.get("writeConcernError")
        if concern is None:
            for index in unconfirmed:
                self._codes[index] = DONE
            self._open = ()
            return True
        # They were carried out here, and may be undone by a fail-over: the same number asks again.
        self._open = unconfirmed
        self._patience = LONG_SECONDS
        return concern.get("code") == _TOO_LONG or "RetryableWriteError" in reply.get("errorLabels", ())

    def _part(self) -> None:
        """Find the statements whose documents are held; the others are sent again without them."""
        held = set(self._probe.find_held([self._ids[index] for index in self._open]))
        if not held:
            # It is only slow.
            if self._patience == LONG_SECONDS:
                time.sleep(PAUSE_SECONDS)
            self._patience = LONG_SECONDS
        for index in [index for index in self._open if self._ids[index] in held]:
            if index not in self._carried_out and not self._can_be_carried_out(index):
                self._open = [other for other in self._open if other != index]

    def _can_be_carried_out(self, index: int) -> bool:
        """Tell whether one that is probably held is carried out, or can be; where not, its code says why."""
        if len(self._codes) > 1:
            # One that was sent alone from the beginning has had its answer.
            try:
                return bool(self._settle([index], self._ask([index], ALONE_SECONDS, {"w": 1})))
            except OperationFailure as error:
                if error.code != _TOO_LONG:
                    raise
            if not self._probe.is_any_held([self._ids[index]]):
                return True
        if not self._is_late_copy_possible:
            self._codes[index] = HELD
        return False

    def _settle(self, indices: Sequence[int], reply: Reply) -> list[int]:
        """Note which statements failed; gives those that did not."""
        failed = {indices[failure["index"]]: failure["code"] for failure in reply.get("writeErrors", ())}
        if len(indices) == 1 and not failed and not reply["n"]:
            failed[indices[0]] = NOTHING_MATCHED
        for index, code in failed.items():
            self._codes[index] = code
        carried_out = [index for index in indices if index not in failed]
        self._carried_out.update(carried_out)
        return carried_out


def _may_be_sent_again(error: PyMongoError) -> bool:
    return isinstance(error, ConnectionFailure) or error.has_error_label("RetryableWriteError")
