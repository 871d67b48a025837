"""What was refused is counted by its reason, and told in one line for many."""

import pytest

from store_api import errors
from store_api.gate.refusals import REASONS, Refusals


def test_what_the_gate_refuses_is_counted_by_its_reason_and_nothing_else_is() -> None:
    refusals = Refusals()
    for error in (
        errors.CredentialMissing(),
        errors.CredentialInvalid(),
        errors.ScopeMissing("read"),
        errors.StoreForbidden(),
        errors.UnknownHost(),
        errors.ForeignPage(),
        errors.QuotaExceeded("writes", 600, 60, 3),
    ):
        refusals.note(error)
    assert refusals.counts == dict.fromkeys(REASONS, 1)
    refusals.note(errors.StoreNotFound("s"))
    refusals.note(errors.Overloaded())
    assert refusals.counts == dict.fromkeys(REASONS, 1)


def test_a_line_tells_how_many_there_were_since_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    refusals.tell()
    assert caplog.records == []
    for _ in range(1000):
        refusals.note(errors.CredentialInvalid())
    refusals.note(errors.UnknownHost())
    refusals.tell()
    refusals.tell()
    refusals.note(errors.CredentialInvalid())
    refusals.tell()
    assert [(vars(record)["action"], vars(record)["refused"]) for record in caplog.records] == [
        ("refused_callers", {"credential-invalid": 1000, "unknown-host": 1}),
        ("refused_callers", {"credential-invalid": 1}),
    ]


def test_it_is_said_how_one_is_let_in_where_somebody_had_no_credential(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    refusals.note(errors.QuotaExceeded("writes", 600, 60, 3))
    refusals.tell()
    refusals.note(errors.CredentialMissing())
    refusals.tell()
    assert ["tokens create" in record.getMessage() for record in caplog.records] == [False, True]
