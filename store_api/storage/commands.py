"""Changes as commands to MongoDB, each carried out in whichever thread asks for it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import pymongo.collection
from bson import ObjectId
from pymongo.errors import PyMongoError

from store_api.errors import AppliedUnreported
from store_api.sending.insert_first import InsertFirst
from store_api.sending.sender import MAJORITY, PATIENCE_SECONDS, Sender
from store_api.sending.statements import Joint, Statement
from store_api.stock import Change, Stamp, Written, parts_of, written_by_number, written_despite
from store_api.storage import updates
from store_api.storage.driver_errors import translate, written_by

FENCE_SECONDS = 0.5
"""How long MongoDB may take for a fence; a document that is held is asked for again later."""

MOST_TRIES = 3
"""How often others may make and delete a store while it is found out about."""

FEWEST_JOINT = 2
"""Changes for which one statement is built."""

Documents = pymongo.collection.Collection[dict[str, Any]]


class Commands:
    """Writes changes, and finds out what became of those that had no answer.

    Args:
        written: where stores are written; its client has no deadline of its own for commands.
        stores: where stores are read.
        seconds: how long a command may take.
        election: gives the election whose primary may be read; None while it may not, see `Elections`.
    """

    def __init__(
        self,
        written: Documents,
        stores: Documents,
        seconds: float,
        election: Callable[[], ObjectId | None],
    ) -> None:
        self._sender = Sender(written, seconds)
        self._written = written
        self._stores = stores
        self._election = election

    def update_many(
        self, changes: Sequence[Change], bypass: bool, first: InsertFirst | None
    ) -> list[Written]:
        """Write changes of different stores; gives what became of each.

        Raises:
            PyMongoError: nothing is known of any of them, or, where there are more than go into one
                command, of the first; the others were not sent then.
            NotInserted: nothing was written.
        """
        part, *others = parts_of(changes)
        written = self._update_part(part, bypass, first)
        for part in others:
            try:
                written += self._update_part(part, bypass, first)
            except PyMongoError as error:
                written += [written_despite(translate(error, writing=True))] * len(part)
        return written

    def _send(
        self,
        command: str,
        statements: Sequence[Statement],
        patience: float,
        bypass: bool,
        first: InsertFirst | None = None,
        joint: Joint | None = None,
    ) -> list[Written]:
        codes = self._sender.send(
            command, statements, patience=patience, bypass=bypass, first=first, joint=joint
        )
        return list(map(written_by, codes))

    def _update_part(
        self, changes: Sequence[Change], bypass: bool, first: InsertFirst | None
    ) -> list[Written]:
        statements = [_statement(change, updates.one_of_many) for change in changes]
        joint = _joint_of(changes)
        updated = self._send("update", statements, PATIENCE_SECONDS, bypass, first, joint)
        return self._create(changes, updated, PATIENCE_SECONDS, bypass, first)

    def _create(
        self,
        changes: Sequence[Change],
        written: list[Written],
        patience: float,
        bypass: bool,
        first: InsertFirst | None,
    ) -> list[Written]:
        """Insert the stores that are missing and are to be created; gives what became of all.

        Not an upsert: one that meets a document which an open transaction has inserted waits as long as that,
        and neither MongoDB's time limit nor `killOp` ends it (seen on 6.0.5). An insert hears of both.
        """
        missing = [
            index
            for index, change in enumerate(changes)
            if change.creates and written[index] is Written.NOT_MATCHED
        ]
        if missing:
            created = [_creating(changes[index]) for index in missing]
            try:
                outcomes = self._send("insert", created, patience, bypass, first)
            except PyMongoError as error:
                outcomes = [written_despite(translate(error, writing=True))] * len(missing)
            for index, outcome in zip(missing, outcomes, strict=True):
                written[index] = outcome
        return written

    def create(self, change: Change, bypass: bool) -> Written:
        """Insert the store of a change that creates it, under the change's own number."""
        return self._send("insert", [_creating(change)], PATIENCE_SECONDS, bypass)[0]

    def update_and_find(
        self,
        change: Change,
        wanted: Collection[str] | None,
        patience: float,
        bypass: bool,
        first: InsertFirst | None,
    ) -> tuple[Written, dict[str, Any] | None]:
        """Write one change and read the store, in one turn of a thread.

        Not `findAndModify`, which costs MongoDB more, and tells nothing of a guard that does not hold.

        Returns:
            What became of it, and the document; None where that may be older than the write, since another
            primary was elected meanwhile.

        Raises:
            PyMongoError: nobody says what became of it.
            AppliedUnreported: it was applied, and the store could not be read.
            NotInserted: nothing was written.
        """
        election = self._election()
        statement = _statement(change, _one_alone)
        updated = self._send("update", [statement], patience, bypass, first)
        (written,) = self._create([change], updated, patience, bypass, first)
        nothing = {"_id": change.store_id}
        if written is not Written.APPLIED or change.leaves is not None:
            return written, nothing
        try:
            document = self._stores.find_one(nothing, updates.projection_of(wanted))
        except PyMongoError as error:
            raise AppliedUnreported from error
        if election is None or election != self._election():
            return written, None
        # Somebody may have deleted the store since.
        return written, document or nothing

    def settle(self, change: Change, bypass: bool) -> Written:
        """Find out what became of a change; no copy of it is applied from then on.

        Args:
            change: what was written.
            bypass: whether it was written without validation.

        Returns:
            APPLIED or FENCED for certain; LOST where the proof is gone; UNKNOWN: to be asked again.

        Raises:
            PyMongoError: nothing is known yet.
        """
        for _ in range(MOST_TRIES):
            before = self._fence(change, bypass)
            if before is not None:
                return written_by_number(change.stamp, updates.number_in(before, change.stamp.writer))
            if not change.creates:
                return Written.LOST
            # The very same write again: whichever copy of it arrives first makes the store.
            written = self.create(change, bypass)
            if written is not Written.NOT_MATCHED:
                return Written.UNKNOWN if written is Written.HELD else written
        return Written.UNKNOWN

    def fence(self, store_id: str, stamp: Stamp, creates: bool, bypass: bool) -> int | None:
        """Let no copy of a write be applied from now on: `claims.Fenced` says all of it.

        Raises:
            PyMongoError: it is not known whether the fence stands.
        """
        guard = Change(store_id, {}, {}, stamp=stamp)
        before = self._fence(guard, bypass)
        if before is None and creates:
            # An empty store holds the fence; whoever asks is about to supply it.
            self.create(msgspec.structs.replace(guard, stamp=Stamp(stamp.writer, stamp.number + 1)), bypass)
            before = self._fence(guard, bypass)
        return None if before is None else updates.number_in(before, stamp.writer)

    def _fence(self, change: Change, bypass: bool) -> Mapping[str, Any] | None:
        """Let no copy of a write be applied from now on; gives the writers' numbers before that.

        MongoDB answers when a majority has the fence, or has what made it needless.
        """
        reply = self._written.database.command(
            {
                "findAndModify": self._written.name,
                "query": {"_id": {"$eq": change.store_id}},
                "update": updates.fence_of(change),
                "fields": {updates.number_path(change.stamp.writer): 1},
                "bypassDocumentValidation": bypass,
                "maxTimeMS": int(FENCE_SECONDS * 1000),
                "writeConcern": MAJORITY,
            },
            codec_options=self._written.codec_options,
        )
        if "writeConcernError" in reply:
            raise PyMongoError("no majority has it yet")
        before: Mapping[str, Any] | None = reply["value"]
        return before


def _statement(change: Change, body_of: Callable[[Change], dict[str, Any]]) -> Statement:
    return Statement(change.store_id, updates.mark_of(change), partial(body_of, change))


def _one_alone(change: Change) -> dict[str, Any]:
    return {"q": updates.guard_of(change), "u": updates.update_of(change)}


def _creating(change: Change) -> Statement:
    return _statement(change, updates.new_document)


def _joint_of(changes: Sequence[Change]) -> Joint | None:
    """Let what can be carried out by one statement be, which costs MongoDB a third less."""
    alike = [index for index, change in enumerate(changes) if updates.can_be_joint(change)]
    if not alike:
        return None
    writer = changes[alike[0]].stamp.writer
    members = [index for index in alike if changes[index].stamp.writer == writer]
    if len(members) < FEWEST_JOINT:
        return None
    return Joint(members, updates.joint_statement([changes[index] for index in members]))
