"""The keeper as a program: it ends when whoever started it does, leaves the lease free, shows no trace."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from store_api.keeping.lease import LEASE
from tests.integration.ledger.keeping import Kept
from tests.support.ledger_check import check_ledger, wait_until_kept
from tests.support.programs import begun
from tests.support.service import ROOT, environment
from tests.support.unwatched import unwatched

END_SECONDS = 10.0

Program = subprocess.Popen[bytes]


@contextmanager
def started(task: bytes) -> Iterator[Program]:
    """Start a keeper, and tell it what to keep."""
    with subprocess.Popen(
        begun(sys.executable, "-m", "store_api.keeping.program"),
        cwd=ROOT,
        env=unwatched(environment({})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as program:
        assert program.stdin is not None
        program.stdin.write(task)
        program.stdin.flush()
        try:
            yield program
        finally:
            program.kill()


def task_of(url: str, database: str) -> bytes:
    return json.dumps({"url": url, "database": database, "days": 400}).encode() + b"\n"


def said(program: Program) -> list[dict[str, Any]]:
    """Wait for a program's end, and give its log; a trace would be no JSON."""
    assert program.stderr is not None
    lines = [json.loads(line) for line in program.stderr.read().splitlines()]
    program.wait(END_SECONDS)
    return lines


def figures_of(program: Program) -> list[dict[str, Any]]:
    assert program.stdout is not None
    return [json.loads(line) for line in program.stdout.read().splitlines()]


@pytest.mark.parametrize("how", ["its input ends", "SIGTERM", "SIGINT"])
def test_told_to_end_it_finishes_its_batch_and_leaves_the_lease_free(
    kept: Kept, mongo_url: str, how: str
) -> None:
    kept.stores.insert_one({"_id": "north", "items": {"chair": 3}})
    name = kept.database.name
    with started(task_of(mongo_url, name)) as program:
        assert program.stdin is not None
        wait_until_kept(kept.mongo, name)
        kept.stores.update_one({"_id": "north"}, {"$inc": {"items.chair": 4}})
        check_ledger(kept.mongo, name)
        if how == "its input ends":
            program.stdin.close()
        else:
            program.send_signal(getattr(signal, how))
        assert program.wait(END_SECONDS) == 0
        assert [line["action"] for line in said(program)] == ["ledger_lease_taken"]
        assert figures_of(program)[-1]["rows"] == 2
    held = {"_id": LEASE, "$expr": {"$gte": ["$until", "$$NOW"]}}
    assert kept.database["ledger_state"].find_one(held) is None


def test_where_nobody_reads_what_it_tells_it_goes_without_a_word(kept: Kept, mongo_url: str) -> None:
    kept.stores.insert_one({"_id": "north", "items": {"chair": 3}})
    with started(task_of(mongo_url, kept.database.name)) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        wait_until_kept(kept.mongo, kept.database.name)
        # As when its parent is killed: both pipes end at once.
        program.stdout.close()
        program.stdin.close()
        assert [line["action"] for line in said(program)] == ["ledger_lease_taken"]
        assert program.returncode == 0


def test_one_that_finds_the_lease_taken_ends_at_once(kept: Kept, mongo_url: str) -> None:
    kept.stores.insert_one({"_id": "north", "items": {"chair": 3}})
    task = task_of(mongo_url, kept.database.name)
    with started(task) as first:
        wait_until_kept(kept.mongo, kept.database.name)
        with started(task) as second:
            assert said(second) == []
            assert second.returncode == 0
        assert first.poll() is None
    check = {"_id": LEASE, "taken": 1}
    assert kept.database["ledger_state"].find_one(check) is not None


@pytest.mark.parametrize("task", [b"", b'{"url": "mongodb:', b"nonsense\n", b'{"url": 3}\n'], ids=repr)
def test_a_task_that_is_none_ends_it_without_a_trace(task: bytes) -> None:
    with started(task) as program:
        assert program.stdin is not None
        program.stdin.close()
        assert {line["action"] for line in said(program)} <= {"ledger_failed"}


def test_where_mongodb_is_away_it_says_so_in_one_line_without_the_password() -> None:
    away = "mongodb://keeper:secret-word@127.0.0.1:9/?replicaSet=rs0&serverSelectionTimeoutMS=300"
    with started(task_of(away, "x")) as program:
        (line,) = said(program)
    assert line["action"] == "ledger_failed"
    assert "secret-word" not in json.dumps(line)
