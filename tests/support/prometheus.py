"""A real Prometheus on the loopback, with the configuration that the documentation shows."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import NO_TLS, ROOT

NO_PROMETHEUS = (
    "NO PROMETHEUS: metrics, alerts and dashboard were not tried; install Debian's package prometheus"
)
RULES = ROOT / "k8s/prometheus/rules.yaml"
SCRAPED_EACH = "500ms"

Labels = dict[str, str]


def promtool(*arguments: str | Path, text: str = "") -> str:
    """Run promtool, and give all it says.

    Raises:
        AssertionError: it complains.
    """
    if shutil.which("promtool") is None:
        pytest.skip(NO_PROMETHEUS)
    ran = subprocess.run(
        begun("promtool", *arguments), input=text, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


class Prometheus:
    """A Prometheus that runs.

    Args:
        port: where it is asked.
    """

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10.0, verify=NO_TLS
        )

    def is_ready(self) -> bool:
        """Whether it can be asked."""
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def ask(self, expression: str) -> list[tuple[Labels, float]]:
        """Give what an expression says just now: each series, and its value.

        Raises:
            AssertionError: it is no expression.
        """
        answer = self._http.post("/api/v1/query", data={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def number(self, expression: str) -> float | None:
        """Give the value of an expression that is one series, or None where there is none."""
        found = self.ask(expression)
        assert len(found) <= 1, (expression, found)
        return found[0][1] if found else None

    def get(self, path: str) -> Any:
        """Give what its API says at a path."""
        return self._http.get(f"/api/v1/{path}").json()["data"]

    def close(self) -> None:
        """Ask it no more."""
        self._http.close()


@contextmanager
def prometheus(folder: Path, configuration: str) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes often.

    Args:
        folder: an empty one of its own.
        configuration: the text of its file; how often it scrapes is put before it.
    """
    if shutil.which("prometheus") is None:
        pytest.skip(NO_PROMETHEUS)
    often = {"scrape_interval": SCRAPED_EACH, "scrape_timeout": SCRAPED_EACH, "evaluation_interval": "1s"}
    file, port = folder / "prometheus.yml", free_port()
    file.write_text(yaml.safe_dump({"global": often}) + configuration)
    promtool("check", "config", file)
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen(
            begun(
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    asked = Prometheus(port)
    try:
        wait_until(asked.is_ready, "Prometheus is ready", 20.0)
        yield asked
    finally:
        asked.close()
        process.kill()
        process.wait()


def shown_configuration(target: str, token: Path) -> str:
    """Give the configuration that the documentation shows, for another service, token and place of the rules.

    Raises:
        AssertionError: the page shows another one than what is replaced here.
    """
    page = (ROOT / "docs/operations.md").read_text()
    blocks: Sequence[str] = [block for block in page.split("```") if "scrape_configs" in block]
    assert len(blocks) == 1
    text = blocks[0].removeprefix("text\n")
    for shown, ours in (
        ("127.0.0.1:8000", target),
        ("/etc/prometheus/store_api_token", str(token)),
        ("/etc/prometheus/store_api_rules.yaml", str(RULES)),
    ):
        assert text.count(shown) == 1, shown
        text = text.replace(shown, ours)
    return text
