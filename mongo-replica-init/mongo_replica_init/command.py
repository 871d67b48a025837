"""The command line: a line a step on standard output, one for whatever prevents it on standard error."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mongo_replica_init.problems import InitProblem, WrongVariable
from mongo_replica_init.secret_files import make_secrets, read_secrets
from mongo_replica_init.settings import Settings, help_text


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say, and give the exit code: 0 done, 1 a problem, 2 wrongly called."""
    if {"--help", "-h"} & set(arguments):
        _say(help_text())
        return 0
    try:
        settings = Settings.read(os.environ)
        if arguments and (len(arguments) != 2 or arguments[0] != "make-secrets"):
            raise WrongVariable(f"no such arguments: {' '.join(arguments)}; see --help")
        if arguments:
            made = make_secrets(Path(arguments[1]), settings)
            _say(f"{arguments[1]}: made {', '.join(made)}" if made else f"{arguments[1]}: all is there")
        else:
            _initiate(settings)
    except InitProblem as problem:
        print(f"mongo-replica-init: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, WrongVariable) else 1
    return 0


def _initiate(settings: Settings) -> None:
    secrets = None if settings.secrets is None else read_secrets(settings.secrets)
    # Only now: secrets are made, and refused, without the driver, which takes its time to import.
    from mongo_replica_init.initiation import initiate

    initiate(settings, secrets, _say)


def _say(line: str) -> None:
    print(line, flush=True)
