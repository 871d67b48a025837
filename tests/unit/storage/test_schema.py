"""Whether a server keeps guards: what it says counts; what it leaves open is asked again, not for ever."""

import pytest

from store_api.errors import DatabaseUnavailable
from store_api.stock import Written
from store_api.storage.schema import MOST_UNTOLD, Guards

HELD, NOT_MATCHED, UNKNOWN = Written.HELD, Written.NOT_MATCHED, Written.UNKNOWN


@pytest.mark.parametrize(
    ("verdicts", "are_proven"),
    [
        ((NOT_MATCHED, NOT_MATCHED), True),
        ((Written.APPLIED, NOT_MATCHED), False),
        ((NOT_MATCHED, Written.UNFIT), False),
    ],
)
def test_what_the_server_says_counts(verdicts: tuple[Written, ...], *, are_proven: bool) -> None:
    guards = Guards()
    guards.judge(verdicts)
    assert guards.are_proven is are_proven


@pytest.mark.parametrize("open_one", [UNKNOWN, HELD, Written.UNAVAILABLE])
def test_what_is_left_open_is_asked_again_and_in_the_end_is_a_no(open_one: Written) -> None:
    guards = Guards()
    known = []
    for _ in range(MOST_UNTOLD):
        with pytest.raises(DatabaseUnavailable):
            guards.judge((NOT_MATCHED, open_one))
        known.append(guards.are_proven)
    guards.judge((NOT_MATCHED, open_one))
    known.append(guards.are_proven)
    assert known == [True] * MOST_UNTOLD + [False]


def test_whoever_said_no_is_asked_as_often_as_anybody() -> None:
    guards = Guards()
    guards.judge((Written.APPLIED, NOT_MATCHED))
    with pytest.raises(DatabaseUnavailable):
        guards.judge((UNKNOWN, NOT_MATCHED))
    guards.judge((NOT_MATCHED, NOT_MATCHED))
    assert guards.are_proven
