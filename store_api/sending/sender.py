"""Sends numbered writes so that none of them waits for a document that somebody's transaction holds.

MongoDB lets a write wait for such a document as long as the transaction stays open, and every later
statement of the same command waits with it. So each command has a patience, after which MongoDB ends it.
Which statements it had carried out by then is read in the documents: each carries its number
(`storage/updates.py`), and so all can be sent again, and are carried out once.
Whether a document is held, or MongoDB is slow, `probe.py` finds out without waiting.
A command without an answer is not sent again here: who asked for it finds out, see `storage/commands.py`.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from store_api.sending.insert_first import InsertFirst
from store_api.sending.probe import HELD, Probe

Reply = Mapping[str, Any]
Documents = Collection[dict[str, Any]]

PATIENCE_SECONDS = 0.1
"""How long MongoDB may take for a command before it is looked for documents that are held."""

LONG_SECONDS = 4.0
"""How long MongoDB may take where no document is held, and it is only slow, or waits for a majority."""

PAUSE_SECONDS = 0.05
"""Between a try and the next one, where MongoDB is only slow."""

DONE, NOBODY_SAYS, NOTHING_MATCHED = 0, -1, -2
"""Outcomes beside the server's error codes, see `Sender.send`."""

TOO_LONG = 50
"""MaxTimeMSExpired."""

MAJORITY = {"w": "majority", "j": True}
_STATEMENTS = {"update": "updates", "insert": "documents"}


class Statement(NamedTuple):
    """One numbered write to one document.

    Args:
        store_id: the document's id.
        mark: what the document has once it was carried out; empty where nothing tells.
        body: what MongoDB is told.
    """

    store_id: str
    mark: Mapping[str, Any]
    body: Mapping[str, Any]


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
    ) -> list[int]:
        """Carry statements out, each whole or not at all, and wait for a majority; none breaks another.

        Args:
            command: "update" or "insert".
            statements: one for a document.
            patience: seconds that they may wait for documents that somebody holds.
            bypass: whether they are written without validation.
            first: what is inserted ahead of them.

        Returns:
            What became of each: DONE, HELD (not carried out), NOTHING_MATCHED, where one was sent alone,
            NOBODY_SAYS, or the server's error code.

        Raises:
            PyMongoError: of the first try, where nothing is known of any of them.
            NotInserted: what goes first does not, and nothing was sent.
        """
        database = self._collection.database
        send = database.command if first is None else first.command

        def ask(indices: Sequence[int], seconds: float) -> Reply:
            body = {
                command: self._collection.name,
                _STATEMENTS[command]: [statements[index].body for index in indices],
                "ordered": False,
                "maxTimeMS": max(1, int(seconds * 1000)),
                "bypassDocumentValidation": bypass,
                "writeConcern": MAJORITY,
            }
            return send(body, codec_options=self._collection.codec_options)

        probe = self._probes.pop() if self._probes else Probe(database, self._collection.name)
        probe.bypass = bypass
        try:
            return _Write(self, ask, probe, statements, patience, self._clock, self._seconds).run()
        finally:
            self._probes.append(probe)

    def find_carried_out(self, statements: Iterable[Statement], concern: str = "local") -> set[str]:
        """Give the documents that have the marks of their statements.

        Args:
            statements: whose command has ended, so that none of them is on its way.
            concern: of which reads MongoDB gives, "local" or "majority".
        """
        wanted = [{"_id": statement.store_id, **statement.mark} for statement in statements if statement.mark]
        if not wanted:
            return set()
        found = self._collection.with_options(read_concern=ReadConcern(concern)).find(
            {"$or": wanted}, {"_id": 1}, max_time_ms=int(LONG_SECONDS * 1000)
        )
        return {document["_id"] for document in found}


class _Write:
    """One command, sent until it is known of each statement what became of it, or until it has no answer.

    Args:
        sender: who sends it.
        ask: sends some of the statements, by index, with so many seconds.
        probe: finds out which documents are held.
        statements: all of them.
        patience: seconds for the first try.
        clock: gives seconds.
        seconds: how long to go on.
    """

    def __init__(
        self,
        sender: Sender,
        ask: Callable[[Sequence[int], float], Reply],
        probe: Probe,
        statements: Sequence[Statement],
        patience: float,
        clock: Callable[[], float],
        seconds: float,
    ) -> None:
        self._sender = sender
        self._ask = ask
        self._probe = probe
        self._statements = statements
        self._clock = clock
        self._deadline = clock() + seconds
        self._patience = patience
        self._open: Sequence[int] = range(len(statements))
        self._codes = [NOBODY_SAYS] * len(statements)
        self._carried_out: set[int] = set()
        self._has_answer = False

    def run(self) -> list[int]:
        """Send it, see `Sender.send`."""
        while self._open and (left := self._deadline - self._clock()) > 0:
            try:
                self._try(min(self._patience, left))
            except PyMongoError:
                if not self._has_answer:
                    raise
                break
        return self._codes

    def _try(self, seconds: float) -> None:
        """Send what is open once."""
        try:
            reply = self._ask(self._open, seconds)
        except OperationFailure as error:
            if error.code != TOO_LONG:
                raise
            self._has_answer = True
            self._part()
            return
        self._has_answer = True
        unconfirmed = self._settle(reply)
        concern = reply.get("writeConcernError")
        if concern is None:
            for index in unconfirmed:
                self._codes[index] = DONE
            self._open = ()
        elif concern.get("code") == TOO_LONG:
            # They are carried out, but no majority has confirmed it: a second try waits for that.
            self._open = unconfirmed
            self._be_patient()
        else:
            # They were carried out here, and may be undone by a fail-over.
            self._open = ()

    def _settle(self, reply: Reply) -> list[int]:
        """Note which statements failed; gives those that were carried out, by this try or before."""
        failed = {self._open[failure["index"]]: failure["code"] for failure in reply.get("writeErrors", ())}
        if len(self._open) == 1 and not failed and not reply["n"]:
            failed[self._open[0]] = NOTHING_MATCHED
        for index in failed.keys() - self._carried_out:
            self._codes[index] = failed[index]
        carried_out = [index for index in self._open if index not in failed or index in self._carried_out]
        self._carried_out.update(carried_out)
        return carried_out

    def _part(self) -> None:
        """Find out what a command carried out that took too long, and leave out what is held."""
        # What bears no mark is not sent again: nobody could tell whether it was carried out.
        self._open = [index for index in self._open if self._statements[index].mark]
        if not self._open:
            return
        statements = [self._statements[index] for index in self._open]
        suspected = self._probe.find_held([statement.store_id for statement in statements])
        is_alone = len(statements) == 1
        held = {store_id for store_id in suspected if is_alone or self._probe.is_any_held([store_id])}
        done = self._sender.find_carried_out(statements)
        self._carried_out.update(index for index in self._open if self._statements[index].store_id in done)
        if not held:
            self._be_patient()
            return
        kept = [statement for statement in statements if statement.store_id in held & done]
        # One that was carried out and is held now cannot be sent again; it is sure when a majority has it.
        sure = self._sender.find_carried_out(kept, "majority") if kept else set()
        for index in self._open:
            if (store_id := self._statements[index].store_id) in held:
                self._codes[index] = (
                    HELD if store_id not in done else DONE if store_id in sure else NOBODY_SAYS
                )
        self._open = [index for index in self._open if self._statements[index].store_id not in held]

    def _be_patient(self) -> None:
        """Let MongoDB take its time: no document is held, it is only slow."""
        if self._patience == LONG_SECONDS:
            time.sleep(PAUSE_SECONDS)
        self._patience = LONG_SECONDS
