"""Definite or unknown: what each failure of the driver says about a write, and about a read."""

import logging
from typing import Any

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WriteError,
    WTimeoutError,
)

from store_api.errors import DatabaseUnavailable, OutcomeUnknown, StoreApiError, UnfitDocument
from store_api.stock import Written
from store_api.storage.driver_errors import translate, translated, written_by

WORDS = "mongodb://user:secret-word@db-1.internal:27017"


def refused(code: int, *labels: str) -> OperationFailure:
    return OperationFailure(WORDS, code, {"ok": 0, "code": code, "errorLabels": list(labels)})


def labelled(error: PyMongoError, *labels: str) -> PyMongoError:
    for label in labels:
        error._add_error_label(label)
    return error


UNFIT = [
    refused(2),
    refused(14),
    refused(28),
    refused(121),
    WriteError(WORDS, 121, {"code": 121, "errInfo": {"failingDocumentId": "s"}}),
]

NOT_APPLIED: list[PyMongoError] = [
    ServerSelectionTimeoutError(WORDS),
    DuplicateKeyError(WORDS, 11000, {"code": 11000}),
    refused(9),
    refused(13),
    refused(40),
    refused(52),
    refused(54),
]

UNKNOWN: list[PyMongoError] = [
    AutoReconnect(WORDS),
    labelled(AutoReconnect(WORDS), "RetryableWriteError"),
    NetworkTimeout(WORDS),
    NotPrimaryError(WORDS, {"code": 10107, "errorLabels": ["RetryableWriteError"]}),
    ConnectionFailure(WORDS),
    # On a retry the driver raises this one although the first attempt may have been applied.
    WaitQueueTimeoutError(WORDS),
    WTimeoutError(WORDS, 64, {"code": 64}),
    WriteConcernError(WORDS, 91, {"code": 91}),
    # Applied, and not confirmed: whatever the code, it is about the confirmation.
    WriteConcernError(WORDS, 121, {"code": 121}),
    ExecutionTimeout(WORDS, 50, {"code": 50}),
    ExecutionTimeout(WORDS, 2, {"code": 2}),
    refused(91, "RetryableWriteError"),
    refused(11600, "RetryableWriteError"),
    # The server says that it may be tried again, so an earlier try may have gone through.
    refused(13, "RetryableWriteError"),
    refused(2, "RetryableWriteError"),
    refused(8),
    refused(18),
    refused(211),
    refused(0),
    OperationFailure(WORDS),
    BulkWriteError({"writeErrors": [], "writeConcernErrors": []}),
    InvalidOperation(WORDS),
    PyMongoError(WORDS),
]


def naming(errors: list[Any]) -> list[Any]:
    return [
        pytest.param(error, id=f"{type(error).__name__}-{getattr(error, 'code', None)}") for error in errors
    ]


@pytest.mark.parametrize("error", naming(UNFIT))
def test_a_document_that_cannot_take_a_write_is_told_from_other_failures(error: PyMongoError) -> None:
    assert type(translate(error, writing=True)) is UnfitDocument


@pytest.mark.parametrize("error", naming(NOT_APPLIED))
def test_a_write_that_surely_did_nothing_is_not_called_unknown(error: PyMongoError) -> None:
    assert type(translate(error, writing=True)) is DatabaseUnavailable


@pytest.mark.parametrize("error", naming(UNKNOWN))
def test_a_write_that_may_have_been_applied_is_never_called_definite(error: PyMongoError) -> None:
    assert type(translate(error, writing=True)) is OutcomeUnknown


@pytest.mark.parametrize("error", naming([*UNFIT, *NOT_APPLIED, *UNKNOWN]))
def test_a_read_that_failed_is_always_the_databases_absence(error: PyMongoError) -> None:
    assert type(translate(error, writing=False)) is DatabaseUnavailable


@pytest.mark.parametrize("writing", [True, False])
@pytest.mark.parametrize("error", naming([*UNFIT, *NOT_APPLIED, *UNKNOWN]))
def test_the_drivers_words_go_no_further(
    error: PyMongoError, writing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreApiError) as raised, translated(writing=writing):
        raise error
    assert "secret-word" not in str(raised.value)
    assert raised.value.__cause__ is error
    for record in caplog.records:
        assert "secret-word" not in str(vars(record))


def test_what_is_not_the_drivers_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), translated(writing=True):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("code", "written"),
    [
        (54, Written.NOT_MATCHED),
        (11000, Written.NOT_MATCHED),
        (2, Written.UNFIT),
        (14, Written.UNFIT),
        (28, Written.UNFIT),
        (121, Written.UNFIT),
        (388, Written.UNFIT),
        (13, Written.UNAVAILABLE),
        (211, Written.UNKNOWN),
        (64, Written.UNKNOWN),
        (91, Written.UNKNOWN),
        (0, Written.APPLIED),
        (66, Written.NOT_MATCHED),
        (112, Written.HELD),
        (-1, Written.UNKNOWN),
        (-2, Written.NOT_MATCHED),
    ],
)
def test_one_write_of_many_is_judged_by_the_same_codes(code: int, written: Written) -> None:
    assert written_by(code) is written
