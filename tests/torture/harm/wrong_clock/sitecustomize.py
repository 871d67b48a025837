"""For a program with a wrong clock: its `time.sleep` works.

Python imports this at its start. libfaketime, told to leave the monotonic clock alone, answers EINVAL to
`clock_nanosleep` by that clock to a moment, which is how Python sleeps since 3.11.
"""

import threading
import time
from typing import SupportsFloat


def _sleep(seconds: SupportsFloat) -> None:
    threading.Event().wait(float(seconds))


time.sleep = _sleep  # type: ignore[assignment]
