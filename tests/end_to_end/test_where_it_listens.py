"""HOST as an operator sets it: who reaches the service, what its health check asks, and what is announced."""

from pathlib import Path

import pytest

from tests.support.mongod import free_port, wait_until
from tests.support.service import Service, run_python
from tests.unit.test_listening import V4, V6, needs_ipv6, reached

NOBODY = "mongodb://127.0.0.1:1/?replicaSet=rs0"


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "families", "announced"),
    [
        ("::", {V4, V6}, "127.0.0.1"),
        ("0.0.0.0", {V4}, "127.0.0.1"),  # noqa: S104  (that is what is tried)
        ("[::1]", {V6}, "[::1]"),
    ],
)
def test_the_health_check_asks_where_the_service_listens(
    tmp_path: Path, host: str, families: set[str], announced: str
) -> None:
    settings = {"HOST": host, "AUTH": "off", "PORT": str(free_port()), "MONGO_URL": NOBODY}

    def healthy(question: str) -> bool:
        asked = run_python(tmp_path, settings, "-m", "store_api.healthcheck", question)
        assert (asked.stderr, len(asked.stdout.splitlines())) == ("", 1)
        assert asked.returncode in (0, 1)
        return asked.returncode == 0

    with Service(tmp_path, settings) as service:
        wait_until(lambda: healthy("live"), "it answers", 30.0)
        assert not healthy("ready")
        assert reached(service.port) == families
        assert f"http://{announced}:{service.port}/" in service.output
    assert not healthy("live")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "stock.example"])  # noqa: S104  (it does not listen)
def test_a_service_that_others_reach_and_that_was_told_nothing_ends_at_once(
    tmp_path: Path, host: str
) -> None:
    ended = run_python(tmp_path, {"HOST": host, "PORT": str(free_port())}, "-m", "store_api", seconds=10.0)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(
        f"store_api: AUTH: must be set where others can reach the service, and HOST is {host}"
    )
    assert "AUTH=tokens" in line
    assert "AUTH=off" in line
    assert not list(tmp_path.iterdir())


def test_a_health_check_that_is_called_wrongly_says_how(tmp_path: Path) -> None:
    for arguments in ((), ("alive",), ("live", "ready")):
        asked = run_python(tmp_path, {}, "-m", "store_api.healthcheck", *arguments)
        assert (asked.returncode, asked.stdout) == (
            2,
            "usage: python -m store_api.healthcheck live | ready\n",
        )
    asked = run_python(tmp_path, {"PORT": "none"}, "-m", "store_api.healthcheck", "live")
    assert (asked.returncode, asked.stdout.startswith("PORT: ")) == (1, True)
