"""Runs `python -m bot` in a world whose days pass quickly, so that many evenings come in an hour.

`python -m tests.torture.actors.quick_days BEGAN SECONDS -- bot`: since BEGAN, in seconds since 1970, each day
takes SECONDS. Only the bot's own clock runs so; what it waits for others takes as long as ever. A claim is
held by MongoDB's clock, and is made shorter.
"""

import runpy
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bot import clock
from bot.daily import claims, day_report, schedule

LEASE = timedelta(seconds=12)
LOOK_SECONDS = 0.5
DAY_SECONDS = 86_400.0


def quick_now(began: float, seconds: float) -> datetime:
    """Give the moment in a world whose days take so many seconds."""
    return datetime.fromtimestamp(began + (time.time() - began) * DAY_SECONDS / seconds, UTC)


def main(arguments: list[str]) -> None:
    """Let days be quick, and become the bot."""
    began, seconds = float(arguments[0]), float(arguments[1])
    make: Any = clock.Clock.__init__
    make.__defaults__ = (lambda: quick_now(began, seconds), *make.__defaults__[1:])
    claims.LEASE = day_report.LEASE = LEASE  # type: ignore[attr-defined]
    schedule.WATCH_SECONDS = LOOK_SECONDS
    sys.argv = arguments[arguments.index("--") + 1 :]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
