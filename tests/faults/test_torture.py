"""Whatever dies, hangs or steps down: every key is applied once or refused for ever, unit for unit.

`TORTURE_SECONDS=600` goes on for longer than the suite does, and `TORTURE_SEED=n` plays another game.
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.torture import Torture
from tests.faults.wishes import Wish, contradictions

SECONDS = float(os.environ.get("TORTURE_SECONDS", "15"))
SEED = int(os.environ.get("TORTURE_SEED", "1"))
MARGIN_SECONDS = 120.0


@pytest.mark.timeout(SECONDS + MARGIN_SECONDS)
async def test_every_key_is_applied_once_or_refused_for_ever(tmp_path: Path) -> None:
    with Torture(tmp_path, SEED) as torture:
        await torture.go_on(SECONDS)
        longest = max(wish.seconds for wish in torture.wishes)
        sys.stdout.write(
            f"\n{len(torture.wishes)} operations, known after {longest:.1f} s at most;"
            f" the slowest answer took {torture.slowest:.1f} s\n"
            f"done: {dict(torture.done)}\ntold: {dict(torture.told)}\nsaid: {dict(torture.said)}\n"
        )
        assert torture.judge() == []
    assert not [what for what in torture.told if "unknown" in what and "in-flight" not in what]
    assert not {"fault", "part_died"} & set(torture.said)


@pytest.mark.parametrize(
    ("told", "own", "shared", "is_wrong"),
    [
        ("applied", 9, 2, False),
        ("refused", 0, 0, False),
        ("applied", 0, 0, True),
        ("applied", 18, 4, True),
        ("refused", 9, 2, True),
        ("applied", 9, 3, True),
    ],
)
def test_the_judge_sees_what_is_wrong(told: str, own: int, shared: int, is_wrong: bool) -> None:
    wish = Wish("store", "supply", "own", 2, told=Counter([told]))
    assert any(contradictions([wish], {"store": {"own": own, "shared": shared}})) is is_wrong
