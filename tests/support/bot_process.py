"""The bot as a program: started, watched through what it says, stopped or killed."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.support.impatient import impatiently
from tests.support.mongod import wait_until
from tests.support.programs import begun
from tests.support.service import environment, run_python

STOP_SECONDS = 15.0
PATIENT: Mapping[str, float] = {}


def run_bot(
    folder: Path, settings: Mapping[str, str], *arguments: str, patience: Mapping[str, float] = PATIENT
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m bot` to its end, in a folder that has no `.env`; `patience` as for BotProcess."""
    return run_python(folder, settings, *impatiently(patience, "bot", *arguments), seconds=90)


class BotProcess:
    """`python -m bot` with these settings; a context manager that leaves no process behind.

    Args:
        folder: gets what the program says; made if need be.
        settings: environment variables.
        patience: constants, as `package.module.NAME`, and the seconds that they are to be.
        program: the module that is run, and its arguments.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        patience: Mapping[str, float] = PATIENT,
        program: Sequence[str] = ("bot",),
    ) -> None:
        self._program = program
        self._folder = folder
        self._settings = settings
        self._patience = patience

    def __enter__(self) -> Self:
        """Start it."""
        self._folder.mkdir(exist_ok=True)
        with (self._folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                begun(sys.executable, *impatiently(self._patience, *self._program)),
                cwd=self._folder,
                env=environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, if it still runs."""
        if self._process.poll() is None:
            self.stop()

    @property
    def complaints(self) -> str:
        """What it has said so far."""
        return (self._folder / "stderr").read_text()

    def log(self, action: str | None = None) -> list[dict[str, Any]]:
        """Give its log lines so far, of one action or of all; each must be JSON."""
        lines = [msgspec.json.decode(line) for line in self.complaints.splitlines()]
        return [line for line in lines if action is None or line["action"] == action]

    def wait_for(self, action: str, seconds: float = 60.0) -> None:
        """Wait until it has logged an action."""
        wait_until(lambda: bool(self.log(action)), f"{action}; it said {self.complaints}", seconds)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, wait for that and give its exit code."""
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
