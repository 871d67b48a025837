"""Every way to fail, by name; each is one line that says what to do.

InitProblem
├── WrongVariable       it does not begin
├── UnusableSecrets     the folder of secrets cannot be read or written
├── MembersAbsent       some never answered, and there is no set yet
├── NoReplicaSetMember  a mongod that was started without --replSet
├── OtherReplicaSet     they are members of a set of another name
├── OtherMembers        the set has other members than were named
├── KeyRefused          the members ask for a key, and this is not theirs
├── InitiateRefused     the first member does not want to begin the set
├── NoPrimary           the set elects none
├── StepUndone          a user, or the first token, could not be made in time
└── MongoFailed         MongoDB failed in a way of which nobody thought
"""

from collections.abc import Iterable


class InitProblem(Exception):
    """Something that an operator must look at; the message is one line."""


class WrongVariable(InitProblem):
    """An environment variable or argument that it cannot begin with."""


class UnusableSecrets(InitProblem):
    """The folder of secrets cannot be read or written."""


class MembersAbsent(InitProblem):
    """Some members never answered.

    Args:
        hosts: who they are.
        seconds: how long they were waited for.
        unknown: those of them whose names cannot be looked up.
    """

    def __init__(self, hosts: Iterable[str], seconds: float, unknown: Iterable[str] = ()) -> None:
        names = ", ".join(unknown)
        super().__init__(
            f"No answer within {seconds:.0f} s from {', '.join(hosts)}; a new set needs all of its members. "
            "Look whether they run, and whether these names lead to them"
            + (f": here {names} cannot be looked up" if names else "")
        )


class NoReplicaSetMember(InitProblem):
    """A mongod that belongs to no set and was not told to."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is no member of a replica set: start its mongod with --replSet")


class OtherReplicaSet(InitProblem):
    """A mongod of a set of another name."""

    def __init__(self, host: str, its: str, wanted: str) -> None:
        super().__init__(f"{host} belongs to the replica set {its!r}, not to {wanted!r}; see REPLICA_SET")


class OtherMembers(InitProblem):
    """The set exists with other members than were named; which of them is right is for people to say."""

    def __init__(self, name: str, its: Iterable[str], wanted: Iterable[str]) -> None:
        super().__init__(
            f"The replica set {name!r} has the members {', '.join(sorted(its))}, and MONGO_HOSTS names "
            f"{', '.join(sorted(wanted))}. Change the one with rs.add() and rs.remove(), or the other"
        )


class KeyRefused(InitProblem):
    """The members ask for a key, and this is not theirs."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} does not accept the key: SECRETS_DIR must hold the very keyFile of its mongod"
        )


class InitiateRefused(InitProblem):
    """The first member does not want to begin the set."""


class NoPrimary(InitProblem):
    """The set elects no primary."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"The replica set {name!r} has had no primary for {seconds:.0f} s: most of its members must run, "
            "and reach each other by the names in MONGO_HOSTS"
        )


class StepUndone(InitProblem):
    """A user, or the first token, could not be made in time; the next run goes on from there."""


class MongoFailed(InitProblem):
    """MongoDB, or its driver, failed in a way of which nobody thought.

    Args:
        error: the driver's.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(f"MongoDB failed: {type(error).__name__}; run it again")
