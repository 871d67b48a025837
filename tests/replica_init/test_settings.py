"""What it needs no MongoDB for: settings, arguments, and what members' answers mean."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from mongo_replica_init.problems import NoReplicaSetMember, OtherMembers, OtherReplicaSet, WrongVariable
from mongo_replica_init.settings import VARIABLES, Settings
from mongo_replica_init.verdict import Next, next_step

from tests.replica_init.running import run

HOSTS = ("a:1", "b:2", "c:3")
NAMED = {"MONGO_HOSTS": ",".join(HOSTS)}
NEW = {"isreplicaset": True}
MEMBER = {"setName": "rs0", "hosts": list(HOSTS)}


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "MONGO_HOSTS"),
        ({"MONGO_HOSTS": "a"}, "MONGO_HOSTS"),
        ({"MONGO_HOSTS": "mongodb://a:1"}, "MONGO_HOSTS"),
        ({**NAMED, "REPLICA_SET": "r s"}, "REPLICA_SET"),
        ({**NAMED, "MONGO_DB": "a.b"}, "MONGO_DB"),
        ({**NAMED, "SERVICE_USER": "x", "WRITER_USER": "x"}, "WRITER_USER"),
        ({**NAMED, "BOT_USER": "store_api"}, "BOT_USER"),
        ({**NAMED, "WRITER_USER": "stock_bot"}, "BOT_USER"),
        ({**NAMED, "BOT_USER": "a:b"}, "BOT_USER"),
        ({**NAMED, "WAIT_SECONDS": "0"}, "WAIT_SECONDS"),
        ({**NAMED, "ELECTION_MILLISECONDS": "1.5"}, "ELECTION_MILLISECONDS"),
    ],
)
def test_a_wrong_variable_is_named(variables: Mapping[str, str], named: str) -> None:
    with pytest.raises(WrongVariable, match=f"^{named}: "):
        Settings.read(variables)


TYPED = [
    # variable, what somebody types, and what is meant by it; None is a refusal
    ("MONGO_HOSTS", "a:1, b:2\n", ("a:1", "b:2")),
    ("MONGO_HOSTS", "a:1,\n  b:2,\n", ("a:1", "b:2")),
    ("MONGO_HOSTS", '"a:1,b:2"', ("a:1", "b:2")),
    ("MONGO_HOSTS", "Mongo-1.Example:27017", ("mongo-1.example:27017",)),
    ("MONGO_HOSTS", "stack_mongo_1:27017", ("stack_mongo_1:27017",)),
    ("MONGO_HOSTS", "_a:1", ("_a:1",)),
    ("MONGO_HOSTS", "[::1]:30001", ("[::1]:30001",)),
    ("MONGO_HOSTS", "[2001:DB8:0:0::1]:27017", ("[2001:db8::1]:27017",)),
    ("MONGO_HOSTS", "a:1,A:1,[::1]:1,[0::1]:1", ("a:1", "[::1]:1")),
    ("MONGO_HOSTS", "a:65535", ("a:65535",)),
    ("MONGO_HOSTS", "a:99999", None),
    ("MONGO_HOSTS", "a:65536", None),
    ("MONGO_HOSTS", "a:0", None),
    ("MONGO_HOSTS", "a:-1", None),
    ("MONGO_HOSTS", "::1:30001", None),
    ("MONGO_HOSTS", "[::1]", None),
    ("MONGO_HOSTS", "[::1:30001", None),
    ("MONGO_HOSTS", "[1.2.3.4]:1", None),
    ("MONGO_HOSTS", "[:::1]:1", None),
    ("MONGO_HOSTS", "a:1 b:2", None),
    ("MONGO_HOSTS", "a:1;b:2", None),
    ("MONGO_HOSTS", "rs0/a:1,b:2", None),
    ("MONGO_HOSTS", "mongodb://a:1,b:2/?replicaSet=rs0", None),
    ("MONGO_HOSTS", "mongodb+srv://a", None),
    ("MONGO_HOSTS", " , ,", None),
    ("REPLICA_SET", "rs0\n", "rs0"),
    ("REPLICA_SET", "'rs0'", "rs0"),
    ("REPLICA_SET", "a:1", None),
    ("REPLICA_SET", "rs0,rs1", None),
    ("MONGO_DB", " stock ", "stock"),
    ("MONGO_DB", "admin", None),
    ("MONGO_DB", "Local", None),
    ("MONGO_DB", "mongodb://a", None),
    ("SERVICE_USER", '"api"', "api"),
    ("SERVICE_USER", "api@admin", None),
    ("WRITER_USER", "writer\r\n", "writer"),
    ("WRITER_USER", "a:b", None),
    ("SECRETS_DIR", "/secrets\n", Path("/secrets")),
    ("SECRETS_DIR", "~/secrets", Path.home() / "secrets"),
    ("SECRETS_DIR", "~nobody-has-this-name/secrets", None),
    ("WAIT_SECONDS", " 60 ", 60),
    ("WAIT_SECONDS", "60s", None),
    ("WAIT_SECONDS", "1e2", None),
    ("ELECTION_MILLISECONDS", '"1000"', 1000),
    ("ELECTION_MILLISECONDS", "1000ms", None),
    ("ELECTION_MILLISECONDS", "10_000", None),
]
FIELDS = {"MONGO_HOSTS": "hosts", "MONGO_DB": "database", "SECRETS_DIR": "secrets"}


@pytest.mark.parametrize(("variable", "typed", "is_meant"), TYPED)
def test_what_people_type_is_taken_as_meant_or_refused_in_one_line(
    variable: str, typed: str, is_meant: object
) -> None:
    if is_meant is not None:
        settings = Settings.read({**NAMED, variable: typed})
        assert getattr(settings, FIELDS.get(variable, variable.lower())) == is_meant
        return
    with pytest.raises(WrongVariable, match=f"^{variable}: ") as wrong:
        Settings.read({**NAMED, variable: typed})
    assert "\n" not in str(wrong.value)


def test_a_wrong_variable_is_one_line_and_no_trace() -> None:
    end = run({"MONGO_HOSTS": "127.0.0.1:99999"})
    assert (end.exit_code, end.said) == (2, [])
    assert end.complaint.startswith("mongo-replica-init: MONGO_HOSTS: each must be like ")
    assert end.complaint.count("\n") == 1


def test_a_member_whose_name_cannot_be_looked_up_is_named() -> None:
    end = run({"MONGO_HOSTS": "mongo_1.invalid:27017,127.0.0.1:1", "WAIT_SECONDS": "1"})
    assert end.exit_code == 1
    assert end.complaint.endswith(": here mongo_1.invalid:27017 cannot be looked up\n")
    assert end.complaint.count("\n") == 1


def test_help_lists_every_variable_and_another_argument_is_refused() -> None:
    listed = "\n".join(run({}, "--help").said)
    assert all(name in listed for name in VARIABLES)
    end = run(NAMED, "make-coffee")
    assert (end.exit_code, "make-coffee" in end.complaint) == (2, True)


@pytest.mark.parametrize(
    ("answers", "step"),
    [
        ({}, Next.WAIT),
        ({"a:1": NEW, "b:2": NEW}, Next.WAIT),
        ({"a:1": NEW, "b:2": NEW, "c:3": NEW}, Next.INITIATE),
        ({"c:3": MEMBER}, Next.GO_ON),
        ({"a:1": NEW, "b:2": NEW, "c:3": MEMBER}, Next.GO_ON),
        ({"a:1": {"setName": "rs0", "hosts": ["A:1", "B:2", "c:3"]}}, Next.GO_ON),
        ({"a:1": {"setName": "rs0", "hosts": ["a:1"], "passives": ["b:2"], "arbiters": ["c:3"]}}, Next.GO_ON),
    ],
)
def test_what_members_answer_decides(answers: dict[str, dict[str, object]], step: Next) -> None:
    assert next_step("rs0", HOSTS, answers) is step


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, NoReplicaSetMember),
        ({**MEMBER, "setName": "rs1"}, OtherReplicaSet),
        ({**MEMBER, "hosts": ["a:1", "b:2"]}, OtherMembers),
        ({**MEMBER, "hosts": [*HOSTS, "d:4"]}, OtherMembers),
    ],
)
def test_strangers_are_told_apart(answer: dict[str, object], problem: type[Exception]) -> None:
    with pytest.raises(problem):
        next_step("rs0", HOSTS, {"a:1": NEW, "b:2": answer})
