"""The command line: one line on standard error for whatever prevents what was asked for."""

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.options import HELP, Account, Options, WrongArgument, secrets_of
from bot.settings import BotSettings
from bot.telegram.proxy import proxy_for
from store_api import early_stop
from store_api.errors import StoreApiError
from store_api.settings import environment_with_env_file
from store_api.telemetry import logs

LIBRARIES = (*logs.LIBRARIES, "aiogram", "aiohttp", "matplotlib")


def main(arguments: Sequence[str]) -> int:
    """Do as told, and give the exit code."""
    secrets: list[str] = []
    try:
        options = Options.read(arguments)
        if options.help:
            print(HELP)
            return 0
        environment = environment_with_env_file(Path.cwd())
        settings = BotSettings.read(environment)
        proxy = proxy_for(settings.telegram_api, environment) if options.dry_run is None else None
        secrets = secrets_of(settings, proxy)
        logs.configure(terminal=sys.stderr.isatty(), secrets=secrets, libraries=LIBRARIES)
        _do(options, settings, proxy)
    except WrongArgument as wrong:
        return _complain(str(wrong), 2)
    except StoreApiError as error:
        return _complain(logs.redacted(str(error), secrets), 1)
    except OSError as error:
        return _complain(f"{error.strerror}: {error.filename}", 1)
    except KeyboardInterrupt:
        return early_stop.INTERRUPTED
    return 0


def _do(options: Options, settings: BotSettings, proxy: str | None) -> None:
    if options.dry_run is not None:
        from bot.daily.dry_run import dry_run

        early_stop.unwind_when_told(early_stop.UNDONE)
        for file in asyncio.run(dry_run(settings, options.dry_run)):
            print(file)
        return
    account = Account.of(settings, proxy)
    # Only now, because it takes a second to import: whoever set something wrong need not wait for it.
    # Nothing of it is garbage, for which the collector would look a fifth of that time, and again and again.
    gc.disable()
    from bot.program import once, run

    gc.freeze()
    gc.enable()

    if options.once:
        early_stop.unwind_when_told(early_stop.UNDONE)
        print(asyncio.run(once(settings, account)))
    else:
        # Its first step is to take the signals.
        asyncio.run(run(settings, account))


def _complain(line: str, exit_code: int) -> int:
    print(f"bot: {line}", file=sys.stderr)
    return exit_code
