"""The users and their roles, made or put right; a run that finds them right changes nothing."""

from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure

from mongo_replica_init.replica_set import AUTHENTICATION_FAILED, Client, ReplicaSet
from mongo_replica_init.settings import Settings
from mongo_replica_init.steps import Steps

COLLECTION = "stores"

REPORTS = "evening_reports"
"""Where the bot writes down which day's report was sent."""

LEDGER = ("movements", "ledger_checkpoints", "ledger_state")
"""Where the service writes down what moved the stock."""

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


def bot_user(settings: Settings, password: str) -> User:
    """Describe the bot's user: it reads stores and their ledger, and notes which reports it has sent."""
    stores = {"db": settings.database, "collection": COLLECTION}
    reports = {"db": settings.database, "collection": REPORTS}
    allowed = [
        {"resource": stores, "actions": ["find"]},
        {"resource": reports, "actions": ["find", "insert", "remove", "update"]},
        *(
            {"resource": {"db": settings.database, "collection": name}, "actions": ["find"]}
            for name in LEDGER
        ),
    ]
    return User(settings.bot_user, password, allowed, [])


class Users:
    """Makes users.

    Args:
        replica_set: whose.
        client: connected as one who may.
        steps: takes each step through fail-overs.
    """

    def __init__(self, replica_set: ReplicaSet, client: Client, steps: Steps) -> None:
        self._replica_set = replica_set
        self._admin = client.admin
        self._steps = steps

    def make(self, user: User) -> None:
        """Make the role and the user, or put right what differs.

        Raises:
            NoPrimary: the set has lost its primary for good.
            StepUndone: not in time, or the set refuses it.
        """
        self._steps.take(f"role {user.name}", lambda: self._make_role(user))
        self._steps.take(f"user {user.name}", lambda: self._make_user(user))
        self._steps.take(f"password of {user.name}", lambda: self._check_password(user))

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


def _same_role(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    def privileges(role: dict[str, Any]) -> list[tuple[dict[str, Any], list[str]]]:
        return [(each["resource"], sorted(each["actions"])) for each in role["privileges"]]

    return privileges(found) == privileges(wanted) and found["roles"] == wanted["roles"]
