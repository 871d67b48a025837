"""The two users and their roles, made or put right; a run that finds them right changes nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from mongo_replica_init.problems import NoPrimary, UsersUndone
from mongo_replica_init.replica_set import AUTHENTICATION_FAILED, PAUSE_SECONDS, Client, ReplicaSet, Say
from mongo_replica_init.settings import Settings

COLLECTION = "stores"

# mongo/src/mongo/base/error_codes.yml
_EXISTS = {51002, 51003, 11000}
"""A role or a user that another init has just made."""

_UNKNOWN = 11
"""UserNotFound: no such user yet, or not yet on the member that was asked."""

_LATER = _EXISTS | {_UNKNOWN, 64, 91, 112, 189, 211, 262, 9001, 10107, 11600, 11602, 13435, 13436}
"""Write concern time-outs, fail-overs, and keys that a member does not have yet: true again in a moment."""

_DURABLE = {"w": "majority", "wtimeout": 10_000}


@dataclass(frozen=True, slots=True)
class User:
    """A user and its role, which has the same name.

    Args:
        name: the user's and the role's.
        password: the user's.
        privileges: what the role may do by itself.
        inherits: roles that it inherits.
    """

    name: str
    password: str
    privileges: list[dict[str, Any]]
    inherits: list[dict[str, str]]

    def __repr__(self) -> str:
        """Show no password."""
        return f"User({self.name!r})"


def service_user(settings: Settings, password: str) -> User:
    """Describe the service's user: it reads and writes its own database, and may bypass its validator.

    Its writes are guarded by construction, so that the validator, which looks at every item, is needless.
    """
    stores = {"db": settings.database, "collection": COLLECTION}
    bypass = {"resource": stores, "actions": ["bypassDocumentValidation"]}
    return User(settings.service_user, password, [bypass], [{"role": "readWrite", "db": settings.database}])


def writer_user(settings: Settings, password: str) -> User:
    """Describe the user of other programs: they read and write stores, and the validator looks at it."""
    stores = {"db": settings.database, "collection": COLLECTION}
    allowed = {"resource": stores, "actions": ["find", "insert", "remove", "update"]}
    return User(settings.writer_user, password, [allowed], [])


class Users:
    """Makes users.

    Args:
        replica_set: whose.
        client: connected as one who may.
        seconds: how long to go on through fail-overs.
        say: gets a line about each step.
    """

    def __init__(self, replica_set: ReplicaSet, client: Client, seconds: float, say: Say) -> None:
        self._replica_set = replica_set
        self._admin = client.admin
        self._seconds = seconds
        self._say = say

    def make(self, user: User) -> None:
        """Make the role and the user, or put right what differs.

        Raises:
            NoPrimary: the set has lost its primary for good.
            UsersUndone: not in time, or the set refuses it.
        """
        self._through_faults(lambda: self._make_role(user), f"role {user.name}")
        self._through_faults(lambda: self._make_user(user), f"user {user.name}")
        self._through_faults(lambda: self._check_password(user), f"password of {user.name}")

    def _through_faults(self, work: Callable[[], str], what: str) -> None:
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                self._say(f"{what}: {work()}")
            except (ConnectionFailure, OperationFailure) as error:
                if isinstance(error, ServerSelectionTimeoutError):
                    raise NoPrimary(self._replica_set.name, self._seconds) from None
                if not _is_passing(error) or time.monotonic() > deadline:
                    reason = getattr(error, "details", None) or {}
                    raise UsersUndone(
                        f"{what} could not be made: {reason.get('errmsg') or type(error).__name__}"
                    ) from None
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def _make_role(self, user: User) -> str:
        wanted = {"privileges": user.privileges, "roles": user.inherits}
        found = self._admin.command({"rolesInfo": user.name, "showPrivileges": True})["roles"]
        if found and _same_role(found[0], wanted):
            return "as it should be"
        command = "updateRole" if found else "createRole"
        self._admin.command({command: user.name, **wanted, "writeConcern": _DURABLE})
        return "put right" if found else "made"

    def _make_user(self, user: User) -> str:
        wanted = [{"role": user.name, "db": "admin"}]
        found = self._admin.command({"usersInfo": user.name})["users"]
        if not found:
            self._write_user("createUser", user, pwd=user.password, roles=wanted)
            return "made"
        if found[0]["roles"] == wanted:
            return "as it should be"
        self._write_user("updateUser", user, roles=wanted)
        return "put right"

    def _check_password(self, user: User) -> str:
        credentials = {"username": user.name, "password": user.password, "authSource": "admin"}
        with self._replica_set.client(credentials, 5.0) as client:
            try:
                client.admin.command("ping")
            except OperationFailure as error:
                if error.code != AUTHENTICATION_FAILED:
                    raise
            else:
                return "as it should be"
        self._write_user("updateUser", user, pwd=user.password)
        return "put right"

    def _write_user(self, command: str, user: User, **fields: Any) -> None:
        self._admin.command({command: user.name, **fields, "writeConcern": _DURABLE})


def _is_passing(error: PyMongoError) -> bool:
    """Whether the same command may succeed in a moment."""
    return isinstance(error, ConnectionFailure) or getattr(error, "code", None) in _LATER


def _same_role(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    def privileges(role: dict[str, Any]) -> list[tuple[dict[str, Any], list[str]]]:
        return [(each["resource"], sorted(each["actions"])) for each in role["privileges"]]

    return privileges(found) == privileges(wanted) and found["roles"] == wanted["roles"]
