"""What a program does that is told to stop while it still begins.

Python has no handler for SIGTERM, and the kernel drops a signal that process 1 of a container has none for: a
program that is told in its first seconds would go on, and be killed at the end of the whole grace period.
"""

import os
import signal
from functools import partial
from types import FrameType

STOPPED = 0
"""The exit code of a program that runs until it is told to stop, and was."""

UNDONE = 128 + signal.SIGTERM
"""The exit code of a program that was told to stop before it had done what it is for, as a shell gives it."""

INTERRUPTED = 128 + signal.SIGINT


def end_when_told(exit_code: int) -> None:
    """End at once on SIGTERM or Ctrl-C, until something else takes the signals.

    For the time of the imports, when there is nothing yet to be put in order. It is not done by an exception,
    which an import may catch, or turn into another one. A signal that is ignored stays so.

    Args:
        exit_code: what to end with on SIGTERM.
    """
    _take(signal.SIGTERM, partial(_end, exit_code))
    _take(signal.SIGINT, partial(_end, INTERRUPTED))


def unwind_when_told(exit_code: int) -> None:
    """Raise SystemExit on SIGTERM and KeyboardInterrupt on Ctrl-C, so that what was begun is put in order.

    Args:
        exit_code: what to end with on SIGTERM.
    """
    _take(signal.SIGTERM, partial(_unwind, exit_code))
    _take(signal.SIGINT, signal.default_int_handler)


def _take(number: signal.Signals, handler: "partial[None] | signal._HANDLER") -> None:
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, handler)


def _end(exit_code: int, _number: int, _frame: FrameType | None) -> None:
    os._exit(exit_code)


def _unwind(exit_code: int, _number: int, _frame: FrameType | None) -> None:
    raise SystemExit(exit_code)
