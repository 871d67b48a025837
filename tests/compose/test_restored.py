"""A backup, made and restored by the very lines of the documentation."""

from pathlib import Path

import pytest

from tests.compose.engine import Engine
from tests.compose.stack import Stack, commands_under
from tests.support.mongod import wait_until

pytestmark = pytest.mark.timeout(400)
PORT = 8001


def movements(stack: Stack, token: str) -> list[object]:
    """Every row of the ledger, when it is up to what was just written."""
    status, answer = stack.ask("GET", "/movements?limit=1000&order=asc", token=token)
    assert status == 200
    return list(answer["movements"])


def test_a_backup_is_restored_into_a_fresh_stack(
    stack: Stack, first: str, engine: Engine, tmp_path: Path
) -> None:
    stack.supply(first, "vault", "gold", 12)
    wait_until(lambda: "gold" in str(movements(stack, first)[-1:]), "the ledger has it", 30)
    stock, rows = stack.stock(first), movements(stack, first)
    backup, restore = commands_under("operations.md", "Backups")
    stack.shell(backup)

    fresh = Stack(engine, tmp_path, "restored", PORT)
    (stack.folder / "store_api.tar.gz").rename(tmp_path / "store_api.tar.gz")
    fresh.shell(restore)
    fresh.wait_until_ready()

    assert fresh.stock(first) == stock
    assert movements(fresh, first) == rows
    assert fresh.first_token() == first
    fresh.supply(first, "vault", "gold", 1)
    wait_until(lambda: len(movements(fresh, first)) > len(rows), "the ledger goes on", 30)
    (newest,) = movements(fresh, first)[len(rows) :]
    assert isinstance(newest, dict)
    assert (newest["op"], newest["delta"], newest["quantity"]) == ("supply", 1, 13)
