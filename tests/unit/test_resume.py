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


@pytest.mark.parametrize(
    "kind", ["insert", "update", "replace", "delete", "drop", "rename", "never heard of"]
)
def test_any_event_but_an_invalidate_lets_the_stream_go_on(kind: str) -> None:
    assert after_event(kind) is Next.GO_ON


def test_an_invalidated_stream_is_begun_afresh() -> None:
    assert after_event("invalidate") is Next.BEGIN_AFRESH


def test_a_network_that_failed_leaves_the_token_good() -> None:
    assert after_error(None, server_answered=False) is Next.RESUME


@pytest.mark.parametrize("code", [260, 280, 286])
@pytest.mark.parametrize("server_answered", [True, False])
def test_a_token_that_is_worthless_is_not_tried_again(code: int, server_answered: bool) -> None:
    assert after_error(code, server_answered=server_answered) is Next.BEGIN_AFRESH


@pytest.mark.parametrize("code", [None, 13, 43, 50, 10334])
def test_a_server_that_refuses_for_any_reason_may_be_refusing_the_token(code: int | None) -> None:
    assert after_error(code, server_answered=True) is Next.BEGIN_AFRESH


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_a_pause_is_never_long_and_never_nothing(failures: int, random: float) -> None:
    assert FIRST_PAUSE_SECONDS / 2 <= pause_seconds(failures, lambda: random) <= LONGEST_PAUSE_SECONDS


@given(st.integers(1, 100), st.floats(0, 1))
def test_pauses_grow_with_each_failure_in_a_row(failures: int, random: float) -> None:
    assert pause_seconds(failures, lambda: random) <= pause_seconds(failures + 1, lambda: random)


def test_chance_spreads_the_pauses_of_many_processes() -> None:
    shortest, longest = pause_seconds(3, lambda: 0.0), pause_seconds(3, lambda: 1.0)
    assert longest == 2 * shortest == FIRST_PAUSE_SECONDS * 2**3
