"""Pure: what the members' answers say is to be done."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from mongo_replica_init.problems import NoReplicaSetMember, OtherMembers, OtherReplicaSet

Hello = Mapping[str, Any]
"""The answer to the command `hello`, which mongod gives to anybody (MongoDB manual, command hello)."""


class Next(Enum):
    """What is to be done."""

    WAIT = "wait"
    INITIATE = "initiate"
    GO_ON = "go on"


def next_step(name: str, hosts: Sequence[str], answers: Mapping[str, Hello]) -> Next:
    """Decide by what those say who answer.

    A set that exists goes on with whoever is there: who is late finds it by itself. A new one needs them all.

    Args:
        name: the replica set's.
        hosts: its members.
        answers: from those who answered, by host.

    Raises:
        NoReplicaSetMember: one was started without --replSet.
        OtherReplicaSet: one belongs to another set.
        OtherMembers: the set has other members.
    """
    exists = False
    for host, answer in answers.items():
        its_name = answer.get("setName")
        if its_name is None and not answer.get("isreplicaset"):
            raise NoReplicaSetMember(host)
        if its_name is None:
            continue
        if its_name != name:
            raise OtherReplicaSet(host, its_name, name)
        members = members_of(answer)
        if members != set(hosts):
            raise OtherMembers(name, members, hosts)
        exists = True
    if exists:
        return Next.GO_ON
    return Next.INITIATE if answers.keys() == set(hosts) else Next.WAIT


def members_of(answer: Hello) -> set[str]:
    """Name all members of the set that a member tells of, in small letters as `Settings` has them."""
    return {host.lower() for kind in ("hosts", "passives", "arbiters") for host in answer.get(kind, ())}


HEARTBEAT_MILLISECONDS = 100
"""How often members hear of each other. After a member has vanished, the others tell each other in heartbeats
alone what they have, for up to 30 s, and until then no write is durable."""

CATCH_UP_MILLISECONDS = 100
"""How long a new primary waits for what others may have beyond it: nothing that a majority had."""


def config_of(name: str, hosts: Sequence[str], election_milliseconds: int) -> dict[str, Any]:
    """Write the configuration of a new set.

    All members have the same priority: with a favourite, a fail-over would be two elections. A member counts
    as down well before the election, so that nobody takes it for a source of data after it.

    Args:
        name: the replica set's.
        hosts: its members.
        election_milliseconds: without a primary for so long, they elect another.
    """
    return {
        "_id": name,
        "members": [{"_id": index, "host": host} for index, host in enumerate(hosts)],
        "settings": {
            "electionTimeoutMillis": election_milliseconds,
            "heartbeatIntervalMillis": HEARTBEAT_MILLISECONDS,
            "heartbeatTimeoutSecs": max(1, election_milliseconds // 2500),
            "catchUpTimeoutMillis": CATCH_UP_MILLISECONDS,
        },
    }
