"""What an error of the driver says about a command: applied, not applied, or unknown."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import (
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from store_api.errors import DatabaseUnavailable, OutcomeUnknown, StoreApiError, UnfitDocument
from store_api.sending import probe, statements
from store_api.sending.answers import Unanswered
from store_api.stock import Written
from store_api.storage import updates

log = logging.getLogger(__name__)

NAMESPACE_EXISTS = 48
INDEX_OPTIONS_CONFLICT = 85
UNAUTHORIZED = 13

_UNFIT = {
    2: "BadValue",
    14: "TypeMismatch",
    28: "PathNotViable",
    121: "DocumentValidationFailure",
    388: "TransactionTooLargeForCache",
    10334: "BSONObjectTooLarge",
    16554: "$add of what is no number",
    17419: "the document would be larger than 16 MB",
}
"""Codes that say that this very document cannot take this update."""

NO_SINGLE_ID = 54
"""NotSingleValueField: the server's word for "the guard did not hold", see `updates.lone_guard_of`."""

MISSING = 66
"""ImmutableField: the server's word for "there is no such store", see `updates.update_of`."""

_NOT_MATCHED = frozenset({statements.NOTHING_MATCHED, NO_SINGLE_ID, updates.GUARD_FAILED, MISSING, 11000})
"""11000, DuplicateKey: another writer created the store at the same moment."""

_NOT_APPLIED = _UNFIT.keys() | {
    9,  # FailedToParse
    UNAUTHORIZED,
    40,  # ConflictingUpdateOperators
    52,  # DollarPrefixedFieldName
    NO_SINGLE_ID,
    11000,  # DuplicateKey
}
"""Codes that say for certain that a write did nothing; every other one counts as unknown.

Source: mongo/src/mongo/base/error_codes.yml.
"""


def written_by(code: int) -> Written:
    """Tell what became of one guarded change, by the code that its statement ended with."""
    if code in (statements.DONE, probe.HELD):
        return Written.APPLIED if code == statements.DONE else Written.HELD
    if code in _NOT_MATCHED:
        return Written.NOT_MATCHED
    if code in _UNFIT:
        return Written.UNFIT
    return Written.UNAVAILABLE if code in _NOT_APPLIED else Written.UNKNOWN


def translate(error: PyMongoError, *, writing: bool) -> StoreApiError:
    """Turn a driver's error into ours; its message, which names hosts and commands, goes no further.

    Args:
        error: what the driver raised.
        writing: whether the command was a write, whose outcome matters.
    """
    if isinstance(error, ServerSelectionTimeoutError):
        # Nothing was ever sent: the client that writes never tries again by itself.
        return DatabaseUnavailable()
    code = error.code if isinstance(error, OperationFailure) else None
    definite = (
        code in _NOT_APPLIED
        and not isinstance(error, WriteConcernError | ExecutionTimeout)
        and not error.has_error_label("RetryableWriteError")
    )
    if writing and definite and code in _UNFIT:
        return UnfitDocument()
    log.warning(
        "A database command failed",
        extra={"action": "database_failed", "error": type(error).__name__, "code": code, "writing": writing},
    )
    return DatabaseUnavailable() if definite or not writing else OutcomeUnknown()


@contextmanager
def translated(*, writing: bool) -> Iterator[None]:
    """Raise our errors in place of the driver's, and where a primary that was asked is none any more."""
    try:
        yield
    except PyMongoError as error:
        raise translate(error, writing=writing) from error
    except Unanswered:
        raise (OutcomeUnknown if writing else DatabaseUnavailable) from None
