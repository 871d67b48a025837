"""What a person who starts the service is told: help, or one clear line when it cannot start."""

import socket
import subprocess
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from store_api.settings import Settings
from tests.support.mongod import free_port
from tests.support.service import run_python

SECRET = "mongodb://user:hunter2@:::/?x"  # noqa: S105


def run(folder: Path, settings: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run_python(folder, settings, "-m", "store_api", *arguments)


def test_help_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    ran = run(tmp_path, {}, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    for command in ("create NAME", "list", "revoke NAME"):
        assert f"python -m store_api tokens {command}" in ran.stdout
    for setting in fields(Settings):
        assert setting.metadata["variable"] in ran.stdout
        assert setting.metadata["default"] is None or f"({setting.metadata['default']})" in ran.stdout


def test_whoever_is_told_what_is_wrong_need_not_wait_for_the_service(tmp_path: Path) -> None:
    loaded = "import sys, store_api.command_line; print({'sanic', 'pymongo', 'motor'} & set(sys.modules))"
    assert run_python(tmp_path, {}, "-c", loaded).stdout == "set()\n"


def test_an_argument_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    ran = run(tmp_path, {}, "--port=9000")
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == ["store_api: no such argument: --port=9000; see --help"]


def test_a_wrong_setting_is_one_line_that_names_it_and_keeps_its_secret(tmp_path: Path) -> None:
    ran = run(tmp_path, {"MONGO_URL": SECRET})
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("store_api: MONGO_URL: ")
    assert "hunter2" not in ran.stderr
    assert not list(tmp_path.iterdir())


def test_a_wrong_setting_in_the_env_file_is_found_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=none\nWORKERS=many\n")
    ran = run(tmp_path, {"PORT": str(free_port())})
    assert ran.returncode == 1
    assert ran.stderr.startswith("store_api: WORKERS: ")


def test_a_port_in_use_is_one_line_and_nothing_was_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run(tmp_path, {"PORT": str(port), "WORKERS": "2"})
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith(
        f"store_api: PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
    )
    assert not list(tmp_path.iterdir())


def test_the_embedded_mongodb_s_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run(tmp_path, {"PORT": str(free_port()), "EMBEDDED_MONGO_PORT": str(port)})
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith(f"store_api: Port {port} is taken")
