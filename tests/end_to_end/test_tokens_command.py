"""`python -m store_api tokens`, as an operator runs it: before the service, beside it, without MongoDB."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import NO_TLS, Service, environment, run_python
from tests.support.tokens import bearer, tokens_in


def tokens(folder: Path, settings: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return run_python(folder, settings, "-m", "store_api", "tokens", *arguments)


def test_with_the_embedded_mongodb_before_and_while_the_service_runs(tmp_path: Path) -> None:
    settings = {
        "DATA_DIR": str(tmp_path / "data"),
        "EMBEDDED_MONGO_PORT": str(free_port()),
        "PORT": str(free_port()),
        "AUTH": "tokens",
    }

    def said(*arguments: str) -> str:
        ran = tokens(tmp_path, settings, *arguments)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    first = said("create", "first", "--scopes", "read").splitlines()[-1]
    # The folder is free again: the service starts on it.
    with Service(tmp_path, settings) as service:
        service.wait_until_ready()
        second = said("create", "second", "--scopes", "read").splitlines()[-1]
        assert said("revoke", "first") == "first is revoked.\n"
        wait_until(lambda: status(service, first) == 401, "the first has ended")
        assert status(service, second) == 200
        assert service.log("fault") == []
    assert said("list").count("in force") == 1


def status(service: Service, token: str) -> int:
    """Ask with a token, and tell how that is answered."""
    return httpx.get(
        f"{service.url}/stores", headers=bearer(token), trust_env=False, verify=NO_TLS
    ).status_code


@pytest.mark.parametrize("where", ["closed", "gone"])
def test_a_token_that_could_not_be_shown_is_said_to_be_there(
    mongo_url: str, database_name: str, mongo: MongoClient[dict[str, Any]], tmp_path: Path, where: str
) -> None:
    reader, gone = os.pipe()
    os.close(reader)
    command = (sys.executable, "-m", "store_api", "tokens", "create", "till", "--scopes", "read")
    ran = subprocess.run(
        begun(*(command if where == "gone" else ("sh", "-c", 'exec "$@" >&-', "sh", *command))),
        cwd=tmp_path,
        env=environment({"MONGO_URL": mongo_url, "MONGO_DB": database_name}),
        stdout=gone,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
    )
    os.close(gone)
    assert ran.returncode == 1
    assert ran.stderr == "store_api: It is done, but cannot be shown: nothing can be written.\n"
    assert tokens_in(mongo[database_name]).count_documents({"name": "till"}) == 1


def test_while_mongodb_is_away_it_says_so_in_one_line(tmp_path: Path) -> None:
    url = "mongodb://u:hunter2@127.0.0.1:1/?replicaSet=rs0"
    ran = tokens(tmp_path, {"MONGO_URL": url}, "create", "till", "--scopes", "read")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "store_api: The database cannot be reached right now; nothing was applied.\n"
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = {"DATA_DIR": str(tmp_path / "file"), "EMBEDDED_MONGO_PORT": str(free_port())}
    ran = tokens(tmp_path, settings, "list")
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"store_api: DATA_DIR {tmp_path}/file ")
