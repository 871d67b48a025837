"""The time as it is handed to those who need it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is, how much has passed, and waiting.

    Args:
        now: the moment, with its time zone.
        elapsed: seconds since some moment; only differences mean anything.
        sleep: waits for so many seconds.
    """

    now: Callable[[], datetime] = _now
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
