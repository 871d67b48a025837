"""What a change stream does next, and how long it waits before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.resume import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Next,
    after_error,
    after_event,
    pause_seconds,
)


@pytest.mark.parametrize("kind", ["insert", "update", "replace", "delete", "never heard of"])
def test_a_change_of_a_document_lets_the_stream_go_on(kind: str) -> None:
    assert after_event(kind) is Next.GO_ON


@pytest.mark.parametrize("kind", ["drop", "rename", "dropDatabase", "invalidate"])
def test_what_takes_all_documents_away_makes_the_stream_begin_afresh(kind: str) -> None:
    assert after_event(kind) is Next.BEGIN_AFRESH


def test_a_network_that_failed_leaves_the_token_good() -> None:
    assert after_error(None, server_answered=False, was_open=True, resumable=False) is Next.RESUME


@pytest.mark.parametrize("code", [260, 280, 286])
@pytest.mark.parametrize("server_answered", [True, False])
def test_a_token_that_is_worthless_is_not_tried_again(code: int, server_answered: bool) -> None:
    assert (
        after_error(code, server_answered=server_answered, was_open=True, resumable=True) is Next.BEGIN_AFRESH
    )


@pytest.mark.parametrize(("code", "resumable"), [(43, False), (133, True)])
def test_a_stream_that_was_open_and_failed_in_passing_is_taken_up_but_not_for_ever(
    code: int, resumable: bool
) -> None:
    failed = {"server_answered": True, "resumable": resumable}
    assert after_error(code, was_open=True, **failed) is Next.RESUME
    assert after_error(code, was_open=False, **failed) is Next.BEGIN_AFRESH


@pytest.mark.parametrize("was_open", [True, False])
def test_a_server_that_cannot_tell_yet_who_asks_has_not_looked_at_the_token(was_open: bool) -> None:
    assert after_error(211, server_answered=True, was_open=was_open, resumable=False) is Next.RESUME


@pytest.mark.parametrize("code", [None, 13, 50, 10334])
def test_a_server_that_refuses_for_any_reason_may_be_refusing_the_token(code: int | None) -> None:
    assert after_error(code, server_answered=True, was_open=True, resumable=False) is Next.BEGIN_AFRESH


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_a_pause_is_never_long_and_never_nothing(failures: int, random: float) -> None:
    assert FIRST_PAUSE_SECONDS / 2 <= pause_seconds(failures, lambda: random) <= LONGEST_PAUSE_SECONDS


@given(st.integers(1, 100), st.floats(0, 1))
def test_pauses_grow_with_each_failure_in_a_row(failures: int, random: float) -> None:
    assert pause_seconds(failures, lambda: random) <= pause_seconds(failures + 1, lambda: random)


def test_chance_spreads_the_pauses_of_many_processes() -> None:
    shortest, longest = pause_seconds(3, lambda: 0.0), pause_seconds(3, lambda: 1.0)
    assert longest == 2 * shortest == FIRST_PAUSE_SECONDS * 2**3
