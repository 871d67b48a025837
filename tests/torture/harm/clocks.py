"""Programs whose clock is wrong, by Debian's libfaketime."""

import os
from pathlib import Path

from tests.support.service import ROOT

SLEEP_THAT_WORKS = Path(__file__).parent / "wrong_clock"
"""Holds a `sitecustomize.py` for Python programs with a wrong clock."""


def library() -> Path | None:
    """Find libfaketime; None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def wrong_clock(minutes: int) -> dict[str, str]:
    """Give the variables that let a program begin with a clock that is wrong.

    Args:
        minutes: by how many; 0 is seven.
    """
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"{minutes or 7:+d}m",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
        # It takes the place of the one by which programs find the service itself.
        "PYTHONPATH": f"{ROOT}{os.pathsep}{SLEEP_THAT_WORKS}",
    }
