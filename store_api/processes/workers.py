"""Several processes that serve one port: starts them, replaces one that dies, and stops them all.

Sanic's own worker manager leaves a dead worker dead (sanic#3062), kills its whole process group when one
is slow to start, and leaves its state server behind when it is killed; so each worker is a server of its own.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from store_api.errors import StoreApiError, WrongSetting

log = logging.getLogger(__name__)

STOP_SECONDS = 36.0
"""More than a worker takes whose clients read slowly; less than an orchestrator's patience."""

RESTART_SECONDS = 1.0

_FIRST_OF_OUR_OWN = 3
"""Of open files: the numbers below are input, output and errors."""


def run_workers(
    count: int,
    serve: Callable[[], None],
    close_port: Callable[[], None],
    on_death: Callable[[int], None] = lambda pid: None,
) -> None:
    """Keep `count` processes running until SIGTERM or SIGINT, then stop them.

    Args:
        count: how many processes.
        serve: what each of them runs; must be picklable, and end on SIGTERM.
        close_port: closes this process's share of their port, which would let clients in that nobody serves.
        on_death: called with the process id of one that died and is replaced.
    """
    with _signals() as told_to_stop:
        workers = [_start(serve) for _ in range(count)]
        while told_to_stop not in wait([told_to_stop, *(worker.sentinel for worker in workers)]):
            workers = [
                worker if worker.is_alive() else _replace(worker, serve, on_death) for worker in workers
            ]
        close_port()
        _stop(workers)


def _start(serve: Callable[[], None]) -> SpawnProcess:
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(serve,))
    # A worker is born deaf to a terminal's Ctrl-C: while it imports, Python would show a trace of it. The
    # tracker comes first, since its own start lets the signal through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        worker.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return worker


def _work(serve: Callable[[], None]) -> None:
    # A terminal's Ctrl-C reaches everybody at once, but the main process closes its share of the port first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_for_oneself()
    try:
        serve()
    except WrongSetting as wrong:
        # The main process had none, but this one may be started days later, when a file is another.
        log.critical(str(wrong), extra={"action": "wrong_setting"})
        sys.exit(1)
    except StoreApiError:
        # It has been logged; multiprocessing would print a trace.
        sys.exit(1)


def _keep_for_oneself() -> None:
    """Have no program that a worker starts inherit what the worker was given, the port above all.

    It had to be inheritable to come here, and uvloop closes nothing in the programs that it starts: one that
    outlives the service would let clients in that nobody serves.
    """
    for file in Path("/dev/fd").iterdir():
        # The folder itself was among them, and is closed by now.
        with suppress(OSError):
            os.set_inheritable(int(file.name), int(file.name) < _FIRST_OF_OUR_OWN)


def _replace(
    worker: SpawnProcess, serve: Callable[[], None], on_death: Callable[[int], None]
) -> SpawnProcess:
    log.error(
        "A worker died and is replaced",
        extra={"action": "worker_died", "worker": worker.pid, "exit_code": worker.exitcode},
    )
    if worker.pid is not None:
        on_death(worker.pid)
    # One that dies at once every time must not keep the machine busy.
    time.sleep(RESTART_SECONDS)
    return _start(serve)


def _stop(workers: list[SpawnProcess]) -> None:
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Give a socket that becomes readable when the process is told to stop."""
    told, tell = socket.socketpair()
    with told, tell:
        tell.setblocking(False)
        before_fd = signal.set_wakeup_fd(tell.fileno())
        before = {
            number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield told
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)
