"""A process of mongod that is never left behind, whatever ends ours."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 20.0

_GUARD = 'read -r mongod && { read -r dismissed || kill -TERM "$mongod"; }'
_BECOME_MONGOD = 'echo $$ >&0 && exec "$@" </dev/null'


class MongodProcess:
    """A mongod that ends when this process does, whatever ends this process.

    A guard, a shell of 1 MB, reads a pipe whose other end only this process holds. The kernel closes that end
    even after SIGKILL; the guard then sends mongod a SIGTERM, so it ends cleanly, and goes. The other ways:

    - `PR_SET_PDEATHSIG` is Linux alone, and fires when the thread that started mongod ends.
    - A guard that is told mongod's id after the start leaves an instant in which nobody would end mongod.
      Here the shell that becomes mongod tells its own id first, and it holds the pipe open until then.
    - A guard that is mongod's parent would hide the exit code; one that is its child becomes a zombie.

    Both are children of this process, which reaps both. mongod's id cannot come to belong to another process
    while the guard knows it: it is taken until this process reaps mongod, and then the guard is dismissed.
    Both lead sessions of their own: Ctrl-C is for the service, which then stops mongod last.

    Programs that this process starts do not inherit the pipe. A process forked from it that runs on without
    `exec` would hold the pipe open; Sanic's workers are spawned.

    Args:
        arguments: as `mongod_arguments` gives them.
        log: gets what mongod says before it opens its log, too.
        stop_seconds: how long mongod may take to end cleanly.

    Raises:
        OSError: the log cannot be written, or there is no /bin/sh.
    """

    def __init__(self, arguments: Sequence[str], log: Path, *, stop_seconds: float = STOP_SECONDS) -> None:
        self._stop_seconds = stop_seconds
        with log.open("ab") as output:
            guards_end, lifeline = os.pipe()
            self._lifeline = os.fdopen(lifeline, "wb", buffering=0)
            with os.fdopen(guards_end, "rb") as stdin:
                self._guard = subprocess.Popen(  # noqa: S603  (a constant)
                    ["/bin/sh", "-c", _GUARD],
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            self._mongod = subprocess.Popen(  # noqa: S603  (a mongod that the operator installed)
                ["/bin/sh", "-c", _BECOME_MONGOD, "mongod", *arguments],
                stdin=self._lifeline,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """mongod's process id."""
        return self._mongod.pid

    def exit_code(self) -> int | None:
        """Give how mongod ended, as `subprocess` counts it, or None while it runs."""
        exit_code = self._mongod.poll()
        if exit_code is not None:
            self._dismiss_guard()
        return exit_code

    def stop(self) -> int:
        """End mongod cleanly, or after `stop_seconds` by force, and give its exit code; again is harmless."""
        self._mongod.terminate()
        try:
            self._mongod.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            self._mongod.kill()
            self._mongod.wait()
        self._dismiss_guard()
        return self._mongod.returncode

    def _dismiss_guard(self) -> None:
        if self._lifeline.closed:
            return
        with suppress(BrokenPipeError), self._lifeline:
            self._lifeline.write(b"\n")
        self._guard.wait()
