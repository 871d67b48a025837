"""The service with its own MongoDB and a ledger: one keeper for all its processes, which ends with them."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.ledger_check import check_ledger, rows_of
from tests.support.mongod import free_port, wait_until
from tests.support.service import Service, are_gone, children_of, command_line, needs_proc

pytestmark = needs_proc


def keepers_of(service: Service) -> set[int]:
    """The processes that keep its ledger; where there is one worker, that is the service itself."""
    above = [service.pid, *service.worker_pids()]
    below = {child for pid in above for child in children_of(pid)}
    return {pid for pid in below if b"store_api.keeping.program" in command_line(pid)}


def files_of(pid: int) -> dict[int, str]:
    """What a process has open, by number."""
    found = {}
    for file in Path(f"/proc/{pid}/fd").iterdir():
        # One may be closed meanwhile.
        with suppress(FileNotFoundError):
            found[int(file.name)] = str(file.readlink())
    return found


def shared_by(keeper: int, service: Service) -> set[str]:
    """Sockets and pipes that a keeper holds beside its input and output, and the service's processes hold."""
    held = {file for number, file in files_of(keeper).items() if number > 2}
    pids = (service.pid, *service.worker_pids())
    of_others = {file for pid in pids for file in files_of(pid).values()}
    return {file for file in held & of_others if file.startswith(("socket:", "pipe:"))}


@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
async def test_one_keeper_for_all_ends_with_its_service_and_says_nothing(tmp_path: Path, how: str) -> None:
    port = free_port()
    settings = {
        "DATA_DIR": str(tmp_path / "data"),
        "EMBEDDED_MONGO_PORT": str(port),
        "LEDGER": "on",
        "WORKERS": "2" if how == "ctrl-c" else "1",
    }
    with (
        Service(tmp_path, settings) as service,
        MongoClient[dict[str, Any]](port=port, directConnection=True, serverSelectionTimeoutMS=2000) as mongo,
    ):
        service.wait_until_ready()
        wait_until(lambda: len(keepers_of(service)) == 1, "one keeper", 20.0)
        # With the port it would let clients in that nobody serves, after the service has ended.
        assert [shared_by(keeper, service) for keeper in keepers_of(service)] == [set()]
        async with service.client() as client:
            body = {"operation": "supply", "items": [{"item_id": "chair", "quantity": 3}]}
            answer = await client.post("/stores/north/group_op", json=body)
            assert answer.status_code == 200
        check_ledger(mongo, service.database)
        assert [(row["o"], row["d"]) for row in rows_of(mongo[service.database], "north")] == [("supply", 3)]
        all_of_them = keepers_of(service) | children_of(service.pid)
        if how == "ctrl-c":
            service.tell(signal.SIGINT, group=True)
            assert service.wait() == 0
        else:
            os.kill(service.pid, signal.SIGKILL)
            service.wait()
        wait_until(lambda: are_gone(all_of_them), "all are gone", 20.0)
        actions = [line["action"] for line in service.log()]
        assert actions.count("ledger_lease_taken") == 1
        # Of a service that was killed MongoDB goes, too, perhaps before its keeper has heard of it.
        wrong = {"fault", "part_died"} if how == "killed" else {"fault", "part_died", "ledger_failed"}
        assert not wrong & set(actions)
