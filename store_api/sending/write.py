"""One command of numbered writes, sent until it is known of each of them what became of it.

Which statements a command had carried out that MongoDB ended is read in the documents: each carries its
number (`storage/updates.py`), and so all can be sent again, and are carried out once. The first try may carry
out many of them by one statement. MongoDB tells how many documents that changed; where these are not all,
which of them is read, too.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from store_api.sending.probe import HELD, Probe
from store_api.sending.statements import (
    DONE,
    LONG_SECONDS,
    NOBODY_SAYS,
    NOTHING_MATCHED,
    Documents,
    Joint,
    Statement,
    find_carried_out,
)

Reply = Mapping[str, Any]

PAUSE_SECONDS = 0.05
"""Between a try and the next one, where MongoDB is only slow."""

TOO_LONG = 50
"""MaxTimeMSExpired."""


class Write:
    """One command, sent until it is known of each statement what became of it, or until it has no answer.

    Args:
        collection: where the documents are.
        ask: sends what MongoDB is told, with so many seconds.
        probe: finds out which documents are held.
        statements: all of them.
        joint: carries out some of them at the first try.
        patience: seconds for the first try.
        clock: gives seconds.
    """

    def __init__(
        self,
        collection: Documents,
        ask: Callable[[Sequence[Mapping[str, Any]], float], Reply],
        probe: Probe,
        statements: Sequence[Statement],
        joint: Joint | None,
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self._collection = collection
        self._ask = ask
        self._probe = probe
        self._statements = statements
        self._joint = joint
        self._patience = patience
        self._clock = clock
        self._open: Sequence[int] = range(len(statements))
        self._codes = [NOBODY_SAYS] * len(statements)
        self._carried_out: set[int] = set()
        self._has_answer = False

    def run(self, seconds: float) -> list[int]:
        """Send it, see `Sender.send`; at most for so many seconds."""
        deadline = self._clock() + seconds
        while self._open and (left := deadline - self._clock()) > 0:
            try:
                self._try(min(self._patience, left))
            except PyMongoError:
                if not self._has_answer:
                    raise
                break
        return self._codes

    def _try(self, seconds: float) -> None:
        """Send what is open once."""
        joint, self._joint = self._joint, None
        members = set(() if joint is None else joint.members)
        alone = [index for index in self._open if index not in members]
        bodies = [self._statements[index].body() for index in alone]
        if joint is not None:
            bodies.append(joint.body)
        try:
            reply = self._ask(bodies, seconds)
        except OperationFailure as error:
            if error.code != TOO_LONG:
                raise
            self._has_answer = True
            self._part()
            return
        self._has_answer = True
        failed = {error["index"]: error["code"] for error in reply.get("writeErrors", ())}
        if joint is None and len(alone) == 1 and not failed and not reply["n"]:
            failed[0] = NOTHING_MATCHED
        carried_out = self._note_alone(alone, failed)
        again: Sequence[int] = ()
        if joint is not None and len(alone) in failed:
            again = self._send_again(joint)
        elif joint is not None:
            # Each of the others that did not fail changed one document.
            carried_out += self._note_joint(joint, reply["nModified"] - len(carried_out))
        self._carried_out.update(carried_out)
        concern = reply.get("writeConcernError")
        if concern is None:
            self._confirm(carried_out, [alone[place] for place in failed if place < len(alone)])
            self._open = again
        elif concern.get("code") == TOO_LONG:
            # They are carried out, but no majority has confirmed it: a second try waits for that.
            self._open = [*carried_out, *again]
            self._be_patient()
        else:
            # They were carried out here, and may be undone by a fail-over.
            self._open = ()

    def _note_alone(self, alone: Sequence[int], failed: Mapping[int, int]) -> list[int]:
        """Note which of those that were sent one by one failed; gives who was carried out, now or before."""
        carried_out = []
        for place, index in enumerate(alone):
            if place not in failed or index in self._carried_out:
                carried_out.append(index)
            else:
                self._codes[index] = failed[place]
        return carried_out

    def _note_joint(self, joint: Joint, changed: int) -> Sequence[int]:
        """Note what did not match of what was carried out jointly; gives what did."""
        if changed == len(joint.members):
            return joint.members
        carried_out = self._find_carried_out(joint.members)
        if len(carried_out) == changed:
            # All that was changed is still to be seen, so whatever bears no mark was not.
            for index in set(joint.members).difference(carried_out):
                self._codes[index] = NOTHING_MATCHED
        return carried_out

    def _send_again(self, joint: Joint) -> Sequence[int]:
        """Let all that was to be carried out jointly be sent one by one: it ended at one that fails."""
        self._carried_out.update(self._find_carried_out(joint.members))
        return joint.members

    def _confirm(self, carried_out: Sequence[int], failed: Sequence[int]) -> None:
        """Note what a majority has."""
        # What failed now and was carried out before, a fail-over in between may have undone.
        before = [index for index in failed if index in self._carried_out]
        undone = set(before).difference(self._find_carried_out(before, "majority")) if before else ()
        for index in carried_out:
            if index not in undone:
                self._codes[index] = DONE

    def _find_carried_out(self, indices: Sequence[int], concern: str = "local") -> list[int]:
        statements = [self._statements[index] for index in indices]
        found = find_carried_out(self._collection, statements, concern)
        return [index for index in indices if self._statements[index].store_id in found]

    def _part(self) -> None:
        """Find out what a command carried out that took too long, and leave out what is held."""
        # What bears no mark is not sent again: nobody could tell whether it was carried out.
        self._open = [index for index in self._open if self._statements[index].mark]
        if not self._open:
            return
        store_ids = [self._statements[index].store_id for index in self._open]
        suspected = self._probe.find_held(store_ids)
        is_alone = len(store_ids) == 1
        held = {store_id for store_id in suspected if is_alone or self._probe.is_any_held([store_id])}
        done = self._find_carried_out(self._open)
        self._carried_out.update(done)
        if not held:
            self._be_patient()
            return
        is_held = [index for index in self._open if self._statements[index].store_id in held]
        # One that was carried out and is held now cannot be sent again; it is sure when a majority has it.
        sure = self._find_carried_out([index for index in is_held if index in done], "majority")
        for index in is_held:
            self._codes[index] = HELD if index not in done else DONE if index in sure else NOBODY_SAYS
        self._open = [index for index in self._open if self._statements[index].store_id not in held]

    def _be_patient(self) -> None:
        """Let MongoDB take its time: no document is held, it is only slow."""
        if self._patience == LONG_SECONDS:
            time.sleep(PAUSE_SECONDS)
        self._patience = LONG_SECONDS
