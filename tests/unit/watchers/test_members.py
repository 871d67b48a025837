"""What is logged of the replica set's members: each once for each kind of reason, and when it is back."""

import logging
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, NetworkTimeout
from pymongo.hello import Hello
from pymongo.monitoring import ServerHeartbeatFailedEvent, ServerHeartbeatSucceededEvent

from watchers.members import UNKNOWN_NAME, Members, shown, why

MEMBER = ("mongo-1", 27017)
TIMES = " (configured timeouts: socketTimeoutMS: 2000.0ms, connectTimeoutMS: 2000.0ms)"
NO_NAME = f"mongo-1:27017: [Errno -2] Name or service not known{TIMES}"
REFUSED = f"mongo-1:27017: [Errno 111] Connection refused{TIMES}"


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (NO_NAME, UNKNOWN_NAME, "(Name or service not known)"),
        (
            f"mongo-1:27017: [Errno -3] Temporary failure in name resolution{TIMES}",
            UNKNOWN_NAME,
            "(Temporary",
        ),
        (
            f"mongo-1:27017: [Errno -5] No address associated with hostname{TIMES}",
            UNKNOWN_NAME,
            "(No address",
        ),
        ("mongo-1:27017: [Errno 8] nodename nor servname provided", UNKNOWN_NAME, "(nodename nor servname"),
        (REFUSED, "network", "Connection refused"),
        (f"mongo-1:27017: [Errno 113] No route to host{TIMES}", "network", "No route to host"),
        (f"mongo-1:27017: timed out{TIMES}", "network", "timed out"),
        ("mongo-1:27017: connection closed", "network", "connection closed"),
        (f"interrupted at shutdown, full error: {{'ok': 0.0}}{TIMES}", "network", "interrupted at shutdown"),
        ("", "network", "AutoReconnect"),
        (
            "SSL handshake failed: mongo-1:27017: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "TLS",
            "SSL handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED]",
        ),
    ],
)
def test_a_reason_is_what_the_system_said(text: str, kind: str, reason: str) -> None:
    its_kind, its_reason = why(AutoReconnect(text), MEMBER)
    assert its_kind == kind
    assert reason in its_reason
    assert "configured" not in its_reason
    assert "Errno" not in its_reason
    assert "full error" not in its_reason


def test_an_address_is_shown_as_in_a_url() -> None:
    assert [shown(("a", 1)), shown(("::1", 1))] == ["a:1", "[::1]:1"]


class Watched:
    """Members that are told what monitors see, and what they logged."""

    def __init__(self, caplog: pytest.LogCaptureFixture, replica_set: str | None = "rs0") -> None:
        caplog.set_level(logging.INFO, logger="watchers")
        self._caplog = caplog
        self.members = Members(known=True)
        self.members.replica_set = replica_set

    def fails(self, text: str) -> None:
        self.members.failed(ServerHeartbeatFailedEvent(0.1, NetworkTimeout(text), MEMBER))

    def answers(self, **hello: Any) -> None:
        reply: Hello[dict[str, Any]] = Hello({"ok": 1, **hello})
        self.members.succeeded(ServerHeartbeatSucceededEvent(0.1, reply, MEMBER))

    def said(self) -> list[tuple[str, str]]:
        lines = [(record.__dict__["action"], record.getMessage()) for record in self._caplog.records]
        self._caplog.clear()
        return lines


def test_a_member_is_named_once_for_each_kind_of_reason(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(caplog)
    for _ in range(5):
        watched.fails(NO_NAME)
    ((action, line),) = watched.said()
    assert action == "member_not_reached"
    assert line.startswith("The member mongo-1:27017 is not reached: its name cannot be looked up")
    assert "rs.conf()" in line
    for _ in range(5):
        watched.fails(REFUSED)
        watched.fails(NO_NAME)
        watched.fails("operation cancelled")
    assert [line for _, line in watched.said()] == [
        "The member mongo-1:27017 is not reached: Connection refused"
    ]


def test_a_member_that_is_back_is_said_once_and_named_anew_the_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(caplog)
    watched.answers(setName="rs0")
    assert watched.said() == []
    watched.fails(REFUSED)
    watched.answers(setName="rs0")
    watched.answers(setName="rs0")
    assert [action for action, _ in watched.said()] == ["member_not_reached", "member_reached"]
    watched.fails(REFUSED)
    assert [action for action, _ in watched.said()] == ["member_not_reached"]


@pytest.mark.parametrize(
    ("replica_set", "hello", "reason"),
    [
        ("rs0", {"setName": "rs0"}, None),
        (None, {"setName": "rs9"}, None),
        (None, {}, None),
        ("rs0", {"setName": "rs9"}, "it belongs to the replica set 'rs9', and MONGO_URL names 'rs0'"),
        ("rs0", {}, "it is in no replica set, and MONGO_URL names 'rs0': start it with --replSet"),
        ("rs0", {"isreplicaset": True}, "its replica set has not been initiated yet"),
    ],
)
def test_a_member_of_another_set_is_named(
    caplog: pytest.LogCaptureFixture, replica_set: str | None, hello: dict[str, Any], reason: str | None
) -> None:
    watched = Watched(caplog, replica_set)
    for _ in range(3):
        watched.answers(**hello)
    wanted = [] if reason is None else [f"The member mongo-1:27017 is not reached: {reason}"]
    assert [line for _, line in watched.said()] == wanted
