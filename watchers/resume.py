"""Pure: what to do after an event or an error of a change stream, and how long to wait before it."""

from collections.abc import Callable
from enum import Enum

_TOKEN_IS_WORTHLESS = frozenset({260, 280, 286})
"""InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost.

Source: mongo/src/mongo/base/error_codes.yml.
"""

_CURSOR_NOT_FOUND = 43
"""What a new primary says; resumable, though it does not say so (Change Streams specification)."""

_KEY_NOT_FOUND = 211
"""What every command may meet after all members of a set with a keyFile were restarted, until the new
primary has keys to sign its time with."""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0


class Next(Enum):
    """The watcher's next step."""

    GO_ON = "go on"
    RESUME = "resume"
    BEGIN_AFRESH = "begin afresh"


_LEAVES_NOTHING = frozenset({"drop", "rename", "dropDatabase", "invalidate"})
"""Events after which what is known of the documents is worth nothing (MongoDB manual, Change Events)."""


def after_event(operation_type: str) -> Next:
    """Decide what follows an event of the collection that is followed."""
    return Next.BEGIN_AFRESH if operation_type in _LEAVES_NOTHING else Next.GO_ON


def after_error(code: int | None, *, server_answered: bool, was_open: bool, resumable: bool) -> Next:
    """Decide what follows an error.

    Args:
        code: the server's error code, if there is one.
        server_answered: whether the server itself said no; a network that failed says nothing of the token.
        was_open: whether the stream was open when it failed, so that the token itself is no suspect.
        resumable: whether the server calls the failure resumable.
    """
    if code in _TOKEN_IS_WORTHLESS:
        return Next.BEGIN_AFRESH
    if code == _KEY_NOT_FOUND:
        return Next.RESUME
    if was_open and (resumable or code == _CURSOR_NOT_FOUND):
        return Next.RESUME
    # A server that refuses for any other reason may be refusing this very token: asking for ever with it
    # would leave every listener without news (meteor/meteor#14607, sboesebeck/morphium#329).
    return Next.BEGIN_AFRESH if server_answered else Next.RESUME


def pause_seconds(failures: int, random: Callable[[], float]) -> float:
    """Give the pause before the next try, in seconds: doubling with each failure in a row, with full jitter.

    Args:
        failures: how many tries in a row have failed, from 1.
        random: gives a number from 0 to 1.
    """
    longest: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 10))
    return longest * (0.5 + random() / 2)
