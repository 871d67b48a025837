"""The command line: a line a step on standard output, one for whatever prevents it on standard error."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pymongo import ReadPreference, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from mongo_replica_init import first_token
from mongo_replica_init.problems import InitProblem, WrongVariable
from mongo_replica_init.replica_set import Client, ReplicaSet
from mongo_replica_init.secret_files import BOT_PASSWORD, FIRST_TOKEN, Secrets, make_secrets, read_secrets
from mongo_replica_init.settings import Settings, help_text
from mongo_replica_init.steps import Steps
from mongo_replica_init.users import Users, bot_user, service_user, writer_user


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
            initiate(settings)
    except InitProblem as problem:
        print(f"mongo-replica-init: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, WrongVariable) else 1
    except PyMongoError as error:
        print(f"mongo-replica-init: MongoDB failed: {type(error).__name__}; run it again", file=sys.stderr)
        return 1
    return 0


def initiate(settings: Settings) -> None:
    """Make the set, its users and the first token, or find that all is there.

    Raises:
        InitProblem: whatever prevents it.
    """
    secrets = None if settings.secrets is None else read_secrets(settings.secrets)
    replica_set = ReplicaSet(settings, secrets.key if secrets else None, _say)
    replica_set.begin()
    with replica_set.connect() as client:
        if client.primary is not None:
            host, port = client.primary
            _say(f"{settings.replica_set}: {f'[{host}]' if ':' in host else host}:{port} is the primary")
        if secrets is not None:
            steps = Steps(settings.replica_set, settings.wait_seconds, _say)
            _let_in(settings, secrets, Users(replica_set, client, steps))
            _keep_first_token(settings, secrets, client, steps)
    _say(f"{settings.replica_set}: ready")


def _let_in(settings: Settings, secrets: Secrets, users: Users) -> None:
    users.make(service_user(settings, secrets.service_password))
    users.make(writer_user(settings, secrets.writer_password))
    if secrets.bot_password is None:
        _say(f"user {settings.bot_user}: left out, there is no {BOT_PASSWORD}; make-secrets makes it")
    else:
        users.make(bot_user(settings, secrets.bot_password))


def _keep_first_token(settings: Settings, secrets: Secrets, client: Client, steps: Steps) -> None:
    text = secrets.first_token
    if text is None:
        _say(f"first token: left out, there is no {FIRST_TOKEN}; make-secrets makes it")
        return
    tokens = client[settings.database].get_collection(
        first_token.COLLECTION,
        write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )
    steps.take("first token", lambda: first_token.keep_first(tokens, text))


def _say(line: str) -> None:
    print(line, flush=True)
