import os
import socket
import subprocess
import sys

import pytest

from tests.support.programs import begun
from tests.support.service import ROOT
from tests.support.unwatched import unwatched


def demo(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        begun(sys.executable, "-m", "bench.demo", *arguments),
        cwd=ROOT,
        env={**unwatched(os.environ), "STORE_API_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_service_that_does_not_run_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    ended = demo("--url", url)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == f"Nothing answers at {url}. Start the service: make run (or give its --url).\n"


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--url", "localhost:8000", "is not a URL like http://127.0.0.1:8000"),
        ("--stores", "0", "'0' is not a whole number from 1 to"),
        ("--speed", "nan", "'nan' is not a number above 0"),
        ("--prefix", "a/b", "'a/b' cannot begin a store's id"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_wrong(option: str, value: str, says: str) -> None:
    ended = demo(option, value)
    assert ended.returncode == 2
    assert f"argument {option}: " in ended.stderr
    assert says in ended.stderr


def test_a_token_that_can_be_none_is_named_and_not_shown() -> None:
    ended = demo(token="two words")  # noqa: S106
    assert ended.returncode == 2
    assert "STORE_API_TOKEN: the token can be none" in ended.stderr
    assert "two words" not in ended.stderr
