"""The shell around the verdict: asks the members, initiates the set, waits for its primary."""

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from mongo_replica_init.problems import InitiateRefused, KeyRefused, MembersAbsent, NoPrimary
from mongo_replica_init.settings import Settings
from mongo_replica_init.verdict import Hello, Next, config_of, next_step

Client = MongoClient[dict[str, Any]]
Say = Callable[[str], None]

ASK_SECONDS = 1.0
PAUSE_SECONDS = 0.5

# mongo/src/mongo/base/error_codes.yml
UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
ALREADY_INITIALIZED = 23
_LATER = {
    74,  # NodeNotFound: a member does not reach another one yet
    109,  # ConfigurationInProgress: another init is at it
    91,  # ShutdownInProgress
    11600,  # InterruptedAtShutdown
}


class ReplicaSet:
    """A replica set that is to be.

    Args:
        settings: what the program was told.
        key: the members' key, or None where they ask for none.
        say: gets a line about each step.
    """

    def __init__(self, settings: Settings, key: str | None, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._credentials: dict[str, Any] = {}
        if key is not None:
            # A program elsewhere has no localhost exception. Who has the key is a member, to mongod.
            self._credentials = {
                "username": "__system",
                "password": key,
                "authSource": "local",
                "authMechanism": "SCRAM-SHA-256",
            }

    @property
    def name(self) -> str:
        """What it is called."""
        return self._settings.replica_set

    def begin(self) -> None:
        """Initiate the set, unless it exists, beside whoever else does so.

        Raises:
            MembersAbsent: a new set's members were not all there in time.
            InitProblem: as `next_step` and `_initiate` say.
        """
        deadline = time.monotonic() + self._settings.wait_seconds
        absent: list[str] = []
        while True:
            answers = self._ask_all()
            step = next_step(self._settings.replica_set, self._settings.hosts, answers)
            if step is Next.GO_ON:
                return
            if step is Next.INITIATE and self._initiate(last_try=time.monotonic() > deadline):
                self._say(f"{self._settings.replica_set}: initiated")
                return
            if time.monotonic() > deadline:
                late = self._absent(answers) or self._settings.hosts[:1]
                raise MembersAbsent(late, self._settings.wait_seconds, filter(_is_unknown, late))
            if absent != (absent := self._absent(answers)) and absent:
                self._say(f"{self._settings.replica_set}: waits for {', '.join(absent)}")
            time.sleep(PAUSE_SECONDS)

    def connect(self) -> Client:
        """Connect to the set as one of its members, once it has a primary.

        Raises:
            NoPrimary: it has none in time.
            KeyRefused: the members do not accept the key.
        """
        client = self.client(self._credentials, self._settings.wait_seconds)
        try:
            client.admin.command("ping")
        except ConnectionFailure:
            client.close()
            raise NoPrimary(self._settings.replica_set, self._settings.wait_seconds) from None
        except OperationFailure as error:
            client.close()
            if error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
                raise KeyRefused(self._settings.hosts[0]) from None
            raise
        return client

    def client(self, credentials: dict[str, Any], seconds: float) -> Client:
        """Build a client of the set.

        Args:
            credentials: a user's, as keyword arguments of the driver.
            seconds: how long each command looks for a primary.
        """
        return MongoClient(
            list(self._settings.hosts),
            replicaSet=self._settings.replica_set,
            serverSelectionTimeoutMS=int(seconds * 1000),
            heartbeatFrequencyMS=500,
            connectTimeoutMS=2000,
            socketTimeoutMS=20_000,
            appname="mongo-replica-init",
            **credentials,
        )

    def _absent(self, answers: Iterable[str]) -> list[str]:
        return [host for host in self._settings.hosts if host not in set(answers)]

    def _ask_all(self) -> dict[str, Hello]:
        answers: dict[str, Hello] = {}
        for host in self._settings.hosts:
            with suppress(ConnectionFailure), _member(host, {}) as client:
                answers[host] = client.admin.command("hello")
        return answers

    def _initiate(self, *, last_try: bool) -> bool:
        """Ask the first member to begin the set; whether it did, or another init made it.

        Always the first: of two inits at once, one then finds that the other was there.

        Raises:
            KeyRefused: it does not accept the key.
            InitiateRefused: it says why not.
        """
        settings = self._settings
        first = settings.hosts[0]
        config = config_of(settings.replica_set, settings.hosts, settings.election_milliseconds)
        try:
            with _member(first, self._credentials, seconds=30.0) as client:
                client.admin.command({"replSetInitiate": config})
        except ConnectionFailure:
            return False
        except OperationFailure as error:
            if error.code == ALREADY_INITIALIZED:
                return True
            if error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
                raise KeyRefused(first) from None
            if error.code in _LATER and not last_try:
                return False
            raise InitiateRefused(f"{first} does not initiate the set: {_reason(error)}") from None
        return True


def _is_unknown(host: str) -> bool:
    """Whether a member's name cannot be looked up from here."""
    try:
        socket.getaddrinfo(host.rpartition(":")[0].strip("[]"), None)
    except (socket.gaierror, UnicodeError):
        return True
    return False


def _member(host: str, credentials: dict[str, Any], seconds: float = ASK_SECONDS) -> Client:
    return MongoClient(
        host,
        directConnection=True,
        serverSelectionTimeoutMS=int(ASK_SECONDS * 1000),
        connectTimeoutMS=int(ASK_SECONDS * 1000),
        socketTimeoutMS=int(seconds * 1000),
        appname="mongo-replica-init",
        **credentials,
    )


def _reason(error: PyMongoError) -> str:
    details = getattr(error, "details", None) or {}
    return str(details.get("errmsg") or type(error).__name__)
