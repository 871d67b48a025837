"""All that is done to the members: the set, its users and the first token."""

from pymongo import ReadPreference, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from mongo_replica_init import first_token
from mongo_replica_init.problems import MongoFailed
from mongo_replica_init.replica_set import Client, ReplicaSet, Say
from mongo_replica_init.secret_files import BOT_PASSWORD, FIRST_TOKEN, Secrets
from mongo_replica_init.settings import Settings
from mongo_replica_init.steps import Steps
from mongo_replica_init.users import Users, bot_user, service_user, writer_user


def initiate(settings: Settings, secrets: Secrets | None, say: Say) -> None:
    """Make the set, its users and the first token, or find that all is there.

    Args:
        settings: what the program was told.
        secrets: whom to let in; None where the members ask nobody.
        say: gets a line about each step.

    Raises:
        InitProblem: whatever prevents it.
    """
    try:
        _initiate(settings, secrets, say)
    except PyMongoError as error:
        raise MongoFailed(error) from None


def _initiate(settings: Settings, secrets: Secrets | None, say: Say) -> None:
    replica_set = ReplicaSet(settings, secrets.key if secrets else None, say)
    replica_set.begin()
    with replica_set.connect() as client:
        if client.primary is not None:
            host, port = client.primary
            say(f"{settings.replica_set}: {f'[{host}]' if ':' in host else host}:{port} is the primary")
        if secrets is not None:
            steps = Steps(settings.replica_set, settings.wait_seconds, say)
            _let_in(settings, secrets, Users(replica_set, client, steps), say)
            _keep_first_token(settings, secrets, client, steps, say)
    say(f"{settings.replica_set}: ready")


def _let_in(settings: Settings, secrets: Secrets, users: Users, say: Say) -> None:
    users.make(service_user(settings, secrets.service_password))
    users.make(writer_user(settings, secrets.writer_password))
    if secrets.bot_password is None:
        say(f"user {settings.bot_user}: left out, there is no {BOT_PASSWORD}; make-secrets makes it")
    else:
        users.make(bot_user(settings, secrets.bot_password))


def _keep_first_token(settings: Settings, secrets: Secrets, client: Client, steps: Steps, say: Say) -> None:
    text = secrets.first_token
    if text is None:
        say(f"first token: left out, there is no {FIRST_TOKEN}; make-secrets makes it")
        return
    tokens = client[settings.database].get_collection(
        first_token.COLLECTION,
        write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )
    steps.take("first token", lambda: first_token.keep_first(tokens, text))
