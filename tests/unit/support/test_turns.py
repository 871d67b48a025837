"""Browsers load side by side, and none while the network changes."""

import multiprocessing
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.support.turns import browsing, changing_the_network

Turn = Callable[[Path], AbstractContextManager[None]]


def take(turn: Turn, folder: Path, is_there: Any, has_it: Any) -> None:
    is_there.set()
    with turn(folder):
        has_it.set()


def takes_turn_beside(mine: Turn, other: Turn, folder: Path) -> bool:
    """Tell whether another process gets its turn while this one has its own; it does after that."""
    context = multiprocessing.get_context("spawn")
    is_there, has_it = context.Event(), context.Event()
    process = context.Process(target=take, args=(other, folder, is_there, has_it))
    with mine(folder):
        process.start()
        assert is_there.wait(60.0)
        at_once = has_it.wait(10.0 if mine is other is browsing else 0.5)
    assert has_it.wait(60.0)
    process.join(60.0)
    return at_once


@pytest.mark.parametrize(
    ("mine", "other", "beside"),
    [
        (browsing, browsing, True),
        (browsing, changing_the_network, False),
        (changing_the_network, browsing, False),
        (changing_the_network, changing_the_network, False),
    ],
)
def test_only_browsers_have_their_turn_together(
    tmp_path: Path, mine: Turn, other: Turn, beside: bool
) -> None:
    assert takes_turn_beside(mine, other, tmp_path) is beside
