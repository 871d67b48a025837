"""The examples, run as the programs that they are, against a real service and its MongoDB."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from shutil import which
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from store_api.settings import Settings
from tests.support.mongod import free_port
from tests.support.programs import begun
from tests.support.service import ROOT, Service, environment, new_store_id
from tests.support.tokens import Documents, let_in, tokens_in

EXAMPLES = ROOT / "examples"
SECONDS = 20.0

Write = Callable[..., tuple[str, int]]


@pytest.fixture(scope="module")
def service(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that is these tests' alone to restart."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service
    with MongoClient[dict[str, Any]](mongo_url) as mongo:
        mongo.drop_database(service.database)


@pytest.fixture
def store_id() -> str:
    return new_store_id()


@pytest.fixture
def write(service: Service, mongo_url: str) -> Write:
    """Run `writer.py`, and give what it said and its exit code."""

    def run(*arguments: str, mongo: str = mongo_url) -> tuple[str, int]:
        where = ("--mongo", mongo, "--database", service.database)
        command = [sys.executable, str(EXAMPLES / "writer.py"), *arguments, *where]
        ran = subprocess.run(begun(*command), env=environment({}), capture_output=True, text=True)
        return ran.stdout + ran.stderr, ran.returncode

    return run


async def line_of(program: asyncio.subprocess.Process) -> str:
    """Wait for the next line that a program says."""
    assert program.stdout is not None
    async with asyncio.timeout(SECONDS):
        return (await program.stdout.readline()).decode().rstrip("\n")


@asynccontextmanager
async def listening(service: Service, store_id: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `listen.py`, and end it."""
    program = await asyncio.create_subprocess_exec(
        *begun(sys.executable, EXAMPLES / "listen.py", store_id, "--api", service.url),
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield program
    finally:
        program.kill()
        await program.wait()


async def test_the_listener_tells_what_the_writer_did_and_what_the_service_did(
    service: Service, store_id: str, write: Write
) -> None:
    async with listening(service, store_id) as listener, service.client() as client:
        assert await line_of(listener) == f"{store_id}: 0 items, 0 units"
        # A name that is a path of MongoDB's unless it is encoded.
        assert write("supply", store_id, "a.b/$x", "10") == ("supplied\n", 0)
        assert await line_of(listener) == "a.b/$x: 0 -> 10"
        assert write("demand", store_id, "a.b/$x", "4") == ("taken\n", 0)
        assert await line_of(listener) == "a.b/$x: 10 -> 6"
        body = {"operation": "demand", "item_id": "a.b/$x", "quantity": 6}
        answer = await client.post(f"/stores/{store_id}", json=body)
        assert answer.json() == {"store": {"store_id": store_id, "report": []}}
        assert await line_of(listener) == "a.b/$x: 6 -> 0"


async def test_the_listener_comes_back_and_is_right_again(
    service: Service, store_id: str, write: Write
) -> None:
    write("supply", store_id, "chair", "5")
    write("supply", store_id, "table", "2")
    async with listening(service, store_id) as listener:
        assert await line_of(listener) == f"{store_id}: 2 items, 7 units"
        service.kill()
        assert (await line_of(listener)).startswith("not connected: ")
        write("demand", store_id, "table", "2")
        service.start()
        service.wait_until_ready()
        while (line := await line_of(listener)).startswith("not connected: "):
            assert " again in " in line
        assert line == f"{store_id}: 1 items, 5 units"
        write("supply", store_id, "chair", "1")
        assert await line_of(listener) == "chair: 5 -> 6"


async def test_the_listener_gives_up_what_can_never_be(service: Service) -> None:
    program = await asyncio.create_subprocess_exec(
        *begun(sys.executable, EXAMPLES / "listen.py", "x" * 129, "--api", service.url),
        env=environment({}),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        _, said = await program.communicate()
    assert program.returncode == 1
    assert said.decode() == "A store id is 1 to 128 printable characters, none of them a slash.\n"


async def test_the_writer_takes_no_more_than_there_is(service: Service, store_id: str, write: Write) -> None:
    assert write("demand", store_id, "chair", "1") == ("short\n", 1)
    assert write("supply", store_id, "chair", "3") == ("supplied\n", 0)
    assert write("demand", store_id, "chair", "4") == ("short\n", 1)
    assert write("demand", store_id, "chair", "3") == ("taken\n", 0)
    assert write("demand", store_id, "chair", "0")[1] == 2
    async with service.client() as client:
        answer = await client.get(f"/stores/{store_id}")
    assert answer.json() == {"store": {"store_id": store_id, "report": []}}


def test_the_writer_says_who_it_is_and_what_for_and_never_the_same(
    service: Service, store_id: str, write: Write, mongo_url: str
) -> None:
    said = []
    with MongoClient[dict[str, Any]](mongo_url) as mongo:
        for arguments in (("supply", "3"), ("demand", "1", "--reference", "R-1009")):
            write(arguments[0], store_id, "chair", *arguments[1:])
            said.append((mongo[service.database]["stores"].find_one({"_id": store_id}) or {})["by"])
    assert [(by["actor"], by["reference"]) for by in said] == [("writer.py", None), ("writer.py", "R-1009")]
    assert said[0]["nonce"] != said[1]["nonce"]


def test_the_writer_says_that_it_does_not_know(store_id: str, write: Write) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=100"
    said, exit_code = write("supply", store_id, "chair", "3", mongo=nowhere)
    assert exit_code == 2
    assert said.startswith("unknown, look before you try again: ")


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
def test_the_session_in_the_shell(service: Service, store_id: str) -> None:
    ran = subprocess.run(
        begun("sh", EXAMPLES / "shell.sh", service.url, store_id), capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    statuses = [line for line in ran.stdout.splitlines() if line.isdecimal()]
    assert statuses == ["200", "200", "409", "200", "200", "200", "200", "200"]
    assert '"shortages":[{"item_id":"chair","wanted":1000000000,"available":7}]' in ran.stdout
    assert ran.stdout.count("idempotency-key: ") == 2
    assert ran.stdout.count("idempotent-replayed: true") == 1
    assert (
        ran.stdout.count('"report":[{"item_id":"chair","quantity":7},{"item_id":"table","quantity":2}]') == 2
    )
    assert ran.stdout.rstrip().endswith('"report":[]}}\n200')


@pytest.fixture(scope="module")
def guarded(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Documents]]:
    """A service that asks who one is, and its tokens."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "AUTH": "tokens"}
    with (
        MongoClient[dict[str, Any]](mongo_url) as mongo,
        Service(tmp_path_factory.mktemp("service"), settings) as service,
    ):
        service.wait_until_ready()
        yield service, tokens_in(mongo[service.database])
        mongo.drop_database(service.database)


async def test_the_listener_says_who_it_is(guarded: tuple[Service, Documents], store_id: str) -> None:
    service, tokens = guarded
    for token, told in (
        (let_in(tokens, ["read"]), f"{store_id}: 0 items, 0 units"),
        (let_in(tokens, ["read"], stores=["another"]), "This store is none of the caller's."),
        ("", "Say who you are: Authorization: Bearer, and a token."),
    ):
        program = await asyncio.create_subprocess_exec(
            *begun(sys.executable, EXAMPLES / "listen.py", store_id, "--api", service.url),
            env=environment({"STORE_API_TOKEN": f"{token}\n" if token else ""}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert await line_of(program) == told
        if program.returncode is None and token and "items" in told:
            program.kill()
        assert await program.wait() in (1, -9)


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
def test_the_session_in_the_shell_says_who_it_is(guarded: tuple[Service, Documents], store_id: str) -> None:
    service, tokens = guarded
    token = let_in(tokens, ["read", "supply", "demand", "clean"])
    ran = subprocess.run(
        begun("sh", EXAMPLES / "shell.sh", service.url, store_id),
        env=environment({"STORE_API_TOKEN": token}),
        capture_output=True,
        text=True,
        check=True,
    )
    statuses = [line for line in ran.stdout.splitlines() if line.isdecimal()]
    assert statuses == ["200", "200", "409", "200", "200", "200", "200", "200"]
    assert token not in ran.stdout + ran.stderr


def test_every_example_is_short_says_how_it_is_run_and_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    programs = [file for file in EXAMPLES.iterdir() if file.suffix in (".py", ".sh")]
    assert len(programs) == listed.count("](") == 3
    for program in programs:
        text = program.read_text()
        assert len(text.splitlines()) < 100
        assert f"]({program.name})" in listed
        assert f" examples/{program.name}" in text


def test_defaults_are_those_of_make_run() -> None:
    settings = Settings.read({})
    for name in ("listen.py", "shell.sh"):
        assert f"http://{settings.host}:{settings.port}" in (EXAMPLES / name).read_text()
    writer = (EXAMPLES / "writer.py").read_text()
    assert f'default="{settings.database_url}"' in writer
    assert f'default="{settings.mongo_db}"' in writer
