from pathlib import Path
from typing import Any

import pytest

from store_api.embedded import mongod_arguments
from store_api.embedded.endings import why_it_ended
from store_api.embedded.mongo import replica_set_change
from store_api.embedded.program import probe_problem

DATA_DIR = Path("/data")
LOG = DATA_DIR / "mongod.log"
PLENTY = 10**10


def why(exit_code: int, *, locked: bool = False, free_bytes: int = PLENTY) -> str:
    return why_it_ended(exit_code, DATA_DIR, 27018, LOG, locked=locked, free_bytes=free_bytes)


def test_extra_flags_come_last_and_each_flag_once() -> None:
    arguments = mongod_arguments(
        Path("/bin/mongod"), port=27018, dbpath=DATA_DIR / "db", log=LOG, extra=["--setParameter", "a=1"]
    )
    flags = [argument for argument in arguments if argument.startswith("--") and argument != "--setParameter"]
    assert arguments[0] == "/bin/mongod"
    assert arguments[-2:] == ["--setParameter", "a=1"]
    assert len(flags) == len(set(flags))
    assert {"--nounixsocket", "--quiet", "--logappend"} <= set(flags)


@pytest.mark.parametrize(
    ("exit_code", "locked", "free_bytes", "said"),
    [
        (48, False, PLENTY, "Port 27018"),
        (100, True, PLENTY, "another mongod"),
        (100, False, PLENTY, "may not write"),
        (62, False, PLENTY, "another version"),
        (1, False, 150_000_000, "only 150 MB left"),
        (14, False, PLENTY, "exit code 14"),
        (-4, False, PLENTY, "signal 4 (Illegal instruction)"),
    ],
)
def test_each_way_to_end_has_its_one_line(exit_code: int, locked: bool, free_bytes: int, said: str) -> None:
    line = why(exit_code, locked=locked, free_bytes=free_bytes)
    assert said in line
    assert "\n" not in line


def test_a_folder_without_a_replica_set_gets_one_of_one_member() -> None:
    change = replica_set_change(None, "127.0.0.1:27018")
    assert change == {"replSetInitiate": {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:27018"}]}}


def test_a_replica_set_on_this_port_is_left_as_it_is() -> None:
    config = {"_id": "rs0", "version": 1, "members": [{"_id": 0, "host": "127.0.0.1:27018"}]}
    assert replica_set_change(config, "127.0.0.1:27018") is None


def test_a_replica_set_on_another_port_is_moved_by_force_and_keeps_the_rest() -> None:
    config: dict[str, Any] = {
        "_id": "rs0",
        "version": 3,
        "term": 9,
        "members": [{"_id": 0, "host": "127.0.0.1:1", "priority": 1}],
    }
    assert replica_set_change(config, "127.0.0.1:2") == {
        "replSetReconfig": {
            "_id": "rs0",
            "version": 4,
            "term": 9,
            "members": [{"_id": 0, "host": "127.0.0.1:2", "priority": 1}],
        },
        "force": True,
    }


@pytest.mark.parametrize(
    ("exit_code", "output", "errors", "problem"),
    [
        (0, "db version v6.0.5\nBuild Info: {}", "", None),
        (0, "db version v8.0.0-rc1", "", None),
        (0, "db version v5.9.9", "", "is of version v5.9.9, older than 6.0"),
        (0, "hello", "", "does not tell its version"),
        (
            1,
            "",
            "mongod: version `GLIBC_2.34' not found\n",
            "does not run here: mongod: version `GLIBC_2.34' not found",
        ),
        (-4, "", "", "does not run here: signal 4 (Illegal instruction)"),
    ],
)
def test_what_a_mongod_says_of_itself_decides_whether_it_can_serve(
    exit_code: int, output: str, errors: str, problem: str | None
) -> None:
    assert probe_problem(exit_code, output, errors) == problem
