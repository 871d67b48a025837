"""The command line: reads the settings, starts an embedded MongoDB where none is named, and serves.

What takes long to import is imported where it is known to be needed: whoever asks for help or set something
wrong does not wait for it, and the main process of several does without most of it.
"""

import gc
import re
import resource
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from store_api import early_stop
from store_api.errors import StoreApiError
from store_api.http.certificates import certificates_of
from store_api.listening import address_to_ask, open_port, shown
from store_api.processes import run_workers
from store_api.settings import Settings, environment_with_env_file, help_text
from store_api.telemetry import logs

USAGE = """\
usage: python -m store_api [--help]
       python -m store_api tokens create NAME --scopes SCOPES [--stores STORES] [--expires LIFE] [--json]
       python -m store_api tokens list [--json]
       python -m store_api tokens revoke NAME [--json]

Without an argument it serves; `tokens` are for callers, where AUTH=tokens (tokens --help says more)."""


TOKENS = "tokens"


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; one line on standard error for whatever prevents it."""
    if arguments[:1] == [TOKENS]:
        return _run_tokens(arguments[1:])
    if {"--help", "-h"} & set(arguments):
        print(help_text(Settings, USAGE))
        return 0
    if arguments:
        print(f"store_api: no such argument: {arguments[0]}; see --help", file=sys.stderr)
        return 2
    logs.configure(terminal=sys.stderr.isatty())
    _allow_many_sockets()
    try:
        with _importing():
            settings = Settings.read(environment_with_env_file(Path.cwd()))
            _import_for(settings)
        early_stop.unwind_when_told(early_stop.STOPPED)
        certificates_of(settings.tls_cert, settings.tls_key)
        # The port first of all: one that is taken is one clear line, and nothing was started.
        with open_port(settings.host, settings.port) as listener, _database(settings):
            _serve(settings, listener)
    except StoreApiError as error:
        print(f"store_api: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return early_stop.INTERRUPTED
    return 0


def _run_tokens(arguments: Sequence[str]) -> int:
    # Only here: whoever serves needs none of it.
    with _importing():
        from store_api.tokens import command

    early_stop.unwind_when_told(early_stop.UNDONE)
    try:
        return command.run(arguments)
    except KeyboardInterrupt:
        return early_stop.INTERRUPTED


@contextmanager
def _importing() -> Iterator[None]:
    """Import without the garbage collector, which takes a sixth of that time and finds nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _import_for(settings: Settings) -> None:
    """Import what these settings need while a signal still ends the program at once: later it unwinds it."""
    if settings.mongo_url is None:
        import store_api.embedded
    if settings.workers == 1:
        import store_api.service
    else:
        import store_api.telemetry.shared_figures  # noqa: F401


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files, often 1,024, to the hard one; worker processes inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems (macOS) call the hard limit infinite and then refuse it.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _database(settings: Settings) -> AbstractContextManager[object]:
    if settings.mongo_url is not None:
        return nullcontext()
    from store_api.embedded import EmbeddedMongo, KeptRunning

    return KeptRunning(EmbeddedMongo(settings.data_dir, settings.embedded_mongo_port))


def _serve(settings: Settings, listener: socket.socket) -> None:
    if settings.workers == 1:
        _serve_alone(settings, listener, partial(_announce, settings))
        return
    from store_api.telemetry.metrics import LIVE
    from store_api.telemetry.shared_figures import shared_by_workers

    _announce(settings)
    with shared_by_workers(LIVE) as forget_worker:
        run_workers(
            settings.workers,
            partial(_serve_alone, settings, listener),
            close_port=listener.close,
            on_death=forget_worker,
        )


def _serve_alone(
    settings: Settings, listener: socket.socket, on_start: Callable[[], None] | None = None
) -> None:
    """Serve in this process, be it the only one or a worker, which begins with no more than this module."""
    with _importing():
        from store_api.service import serve

    serve(settings, listener, on_start=on_start)


def _announce(settings: Settings) -> None:
    address = shown(address_to_ask(settings.host))
    port, s = settings.port, "" if settings.tls_cert is None else "s"
    whose = "embedded" if settings.mongo_url is None else "yours"
    mongo = re.sub(r"//[^/]*@", "//", settings.database_url)
    access, credential = "off: whoever reaches the port may do everything", ""
    if settings.auth:
        access = f"{', '.join(sorted(settings.auth))}; python -m store_api tokens --help"
        credential = ' -H "Authorization: Bearer $TOKEN"'
    print(
        f"""
store_api is up
  dashboard  http{s}://{address}:{port}/
  API        http{s}://{address}:{port}/stores, described at /docs
  sockets    ws{s}://{address}:{port}/ws/stores and /ws/stores/STORE_ID
  MongoDB    {mongo} ({whose})
  access     {access}

try it:
  curl -X POST http{s}://{address}:{port}/stores/abc111 -H 'Content-Type: application/json'{credential} \\
       -d '{{"operation": "supply", "item_id": "item-1", "quantity": 10}}'
""",
        flush=True,
    )
