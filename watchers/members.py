"""The replica set's members, as the driver's monitors see them: who cannot be reached is named, once."""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
    TopologyClosedEvent,
    TopologyDescriptionChangedEvent,
    TopologyListener,
    TopologyOpenedEvent,
)

log = logging.getLogger(__name__)

UNKNOWN_NAME = "its name cannot be looked up"
_NAMES = "; a member's name is the one in rs.conf(), and must lead to it from here, too"

# A failure of getaddrinfo: its numbers are negative on Linux, and 8 on macOS.
_NO_ADDRESS = re.compile(r"\[Errno (?:-\d+|8)\] (.+)")
_NUMBER = re.compile(r"\[Errno \d+\] ")

CANCELLED = "operation cancelled"
"""What a monitor says whose question was taken back, as at the end (pymongo, pool_shared.py)."""

Address = tuple[str, int | None]


class Members(ServerHeartbeatListener, TopologyListener):
    """Hears what the driver's monitors see, and logs it when it changes.

    A member is named when it is not reached, once for each kind of reason, and again when it is reached.

    Args:
        known: whether the URL itself names members; otherwise DNS does.

    Attributes:
        replica_set: the set's name in the URL, if it has one: the driver drops members of others unseen.
        known: whether the driver knows whom to look for. Before, whatever it is asked waits for DNS.
    """

    def __init__(self, *, known: bool) -> None:
        self.known = known
        self.replica_set: str | None = None
        self._said: defaultdict[Address, set[str]] = defaultdict(set)

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        """A monitor asks."""

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        """A member answered."""
        stranger = self._why_strange(event.reply.document)
        if stranger is not None:
            self._complain(event.connection_id, stranger, stranger)
        elif self._said.pop(event.connection_id, None):
            name = shown(event.connection_id)
            log.info(
                "The member %s is reached again", name, extra={"action": "member_reached", "member": name}
            )

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        """A member did not answer."""
        if str(event.reply) == CANCELLED:
            return
        kind, reason = why(event.reply, event.connection_id)
        self._complain(event.connection_id, kind, reason)

    def opened(self, event: TopologyOpenedEvent) -> None:
        """The driver begins to look."""
        self.known = True

    def description_changed(self, event: TopologyDescriptionChangedEvent) -> None:
        """The driver has learnt something about the set."""

    def closed(self, event: TopologyClosedEvent) -> None:
        """The driver stops to look."""

    def _why_strange(self, hello: Mapping[str, Any]) -> str | None:
        name = hello.get("setName")
        if self.replica_set is None or name == self.replica_set:
            return None
        if name is not None:
            return f"it belongs to the replica set {name!r}, and MONGO_URL names {self.replica_set!r}"
        if hello.get("isreplicaset"):
            return "its replica set has not been initiated yet"
        return f"it is in no replica set, and MONGO_URL names {self.replica_set!r}: start it with --replSet"

    def _complain(self, address: Address, kind: str, reason: str) -> None:
        if kind in self._said[address]:
            return
        self._said[address].add(kind)
        name = shown(address)
        log.warning(
            "The member %s is not reached: %s",
            name,
            reason,
            extra={"action": "member_not_reached", "member": name},
        )


def shown(address: Address) -> str:
    """Write an address as a URL does."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why(error: Exception, address: Address) -> tuple[str, str]:
    """Say why a member did not answer: the kind of reason, and all of it.

    The driver hands on no cause, only a text, in which are the address, what the system said, and its own
    settings of time.

    Args:
        error: what a monitor met.
        address: whom it asked.
    """
    text = str(error).partition("\n")[0].partition(" (configured timeouts")[0].partition(", full error: ")[0]
    text = text.replace(f"{address[0]}:{address[1]}: ", "")
    if (unknown := _NO_ADDRESS.search(text)) is not None:
        return UNKNOWN_NAME, f"{UNKNOWN_NAME} ({unknown[1]}){_NAMES}"
    kind = "TLS" if "SSL" in text else "network"
    return kind, _NUMBER.sub("", text) or type(error).__name__
