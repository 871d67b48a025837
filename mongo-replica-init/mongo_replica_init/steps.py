"""Takes one step after the other, each again until it is done: a fail-over is no reason to end."""

import time
from collections.abc import Callable

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from mongo_replica_init.problems import NoPrimary, StepUndone
from mongo_replica_init.replica_set import PAUSE_SECONDS, Say

# mongo/src/mongo/base/error_codes.yml
_EXISTS = {51002, 51003, 11000}
"""A role or a user that another init has just made."""

_UNKNOWN = 11
"""UserNotFound: no such user yet, or not yet on the member that was asked."""

_LATER = _EXISTS | {_UNKNOWN, 64, 91, 112, 189, 211, 262, 9001, 10107, 11600, 11602, 13435, 13436}
"""Write concern time-outs, fail-overs, and keys that a member does not have yet: true again in a moment."""


class Steps:
    """Takes steps, and says what came of each.

    Args:
        name: the replica set's.
        seconds: how long to go on with one step through fail-overs.
        say: gets a line about each step.
    """

    def __init__(self, name: str, seconds: float, say: Say) -> None:
        self._name = name
        self._seconds = seconds
        self.say = say

    def take(self, what: str, work: Callable[[], str]) -> None:
        """Take a step.

        Args:
            what: what it makes.
            work: makes it, or finds that it is there, and tells which; may be done again.

        Raises:
            NoPrimary: the set has lost its primary for good.
            StepUndone: not in time, or the set refuses it.
        """
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                self.say(f"{what}: {work()}")
            except (ConnectionFailure, OperationFailure) as error:
                if isinstance(error, ServerSelectionTimeoutError):
                    raise NoPrimary(self._name, self._seconds) from None
                if not _is_passing(error) or time.monotonic() > deadline:
                    reason = getattr(error, "details", None) or {}
                    raise StepUndone(
                        f"{what} could not be made: {reason.get('errmsg') or type(error).__name__}"
                    ) from None
                time.sleep(PAUSE_SECONDS)
            else:
                return


def _is_passing(error: PyMongoError) -> bool:
    """Whether the same command may succeed in a moment."""
    return isinstance(error, ConnectionFailure) or getattr(error, "code", None) in _LATER
