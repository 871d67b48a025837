"""`python -m store_api`: reads the settings, starts an embedded MongoDB where none is named, and serves."""

import re
import resource
import socket
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

from store_api.embedded import EmbeddedMongo
from store_api.errors import StoreApiError, WrongSetting
from store_api.processes import run_workers
from store_api.service import serve
from store_api.settings import Settings, environment_with_env_file, help_text
from store_api.telemetry import logs
from store_api.telemetry.metrics import LIVE
from store_api.telemetry.shared_figures import shared_by_workers


def main() -> int:
    """Serve until told to stop; one line on standard error for whatever prevents it."""
    if "--help" in sys.argv[1:] or "-h" in sys.argv[1:]:
        print(help_text(Settings, "usage: python -m store_api [--help]"))
        return 0
    if sys.argv[1:]:
        print(f"store_api: no such argument: {sys.argv[1]}; see --help", file=sys.stderr)
        return 2
    logs.configure(terminal=sys.stderr.isatty())
    _allow_many_sockets()
    try:
        settings = Settings.read(environment_with_env_file(Path.cwd()))
        with _listen(settings) as listener, _database(settings):
            _serve(settings, listener)
    except StoreApiError as error:
        print(f"store_api: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files, often 1,024, to the hard one; worker processes inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems (macOS) call the hard limit infinite and then refuse it.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _database(settings: Settings) -> AbstractContextManager[object]:
    if settings.mongo_url is not None:
        return nullcontext()
    return EmbeddedMongo(settings.data_dir, settings.embedded_mongo_port)


def _listen(settings: Settings) -> socket.socket:
    """Open the port first of all: a port that is taken is one clear line, and nothing was started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        raise WrongSetting(
            "PORT", f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from None


def _serve(settings: Settings, listener: socket.socket) -> None:
    if settings.workers == 1:
        serve(settings, listener, on_start=partial(_announce, settings))
    else:
        _announce(settings)
        with shared_by_workers(LIVE) as forget_worker:
            run_workers(
                settings.workers,
                partial(serve, settings, listener),
                close_port=listener.close,
                on_death=forget_worker,
            )


def _announce(settings: Settings) -> None:
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = settings.port
    whose = "embedded" if settings.mongo_url is None else "yours"
    mongo = re.sub(r"//[^/]*@", "//", settings.database_url)
    print(
        f"""
store_api is up
  dashboard  http://{address}:{port}/
  API        http://{address}:{port}/stores, described at /docs
  sockets    ws://{address}:{port}/ws/stores and /ws/stores/STORE_ID
  MongoDB    {mongo} ({whose})

try it:
  curl -X POST http://{address}:{port}/stores/abc111 -H 'Content-Type: application/json' \\
       -d '{{"operation": "supply", "item_id": "item-1", "quantity": 10}}'
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
