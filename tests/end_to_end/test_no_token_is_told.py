"""No token is told: not by the log, the metrics, a problem, the process list, or MongoDB's own files."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.support.listening import NO_HEADERS
from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import NO_TLS, Service, children_of, environment, needs_proc
from tests.support.tokens import bearer

pytestmark = needs_proc


@pytest.fixture(scope="module")
def service(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a MongoDB of its own, whose files can be read."""
    settings = {"DATA_DIR": str(data_dir), "EMBEDDED_MONGO_PORT": str(free_port()), "AUTH": "tokens"}
    with Service(tmp_path_factory.mktemp("service"), settings) as service:
        service.wait_until_ready()
        yield service


def tokens(service: Service, *arguments: str) -> str:
    """Run the command, and give what it prints."""
    ran = subprocess.run(
        begun(sys.executable, "-m", "store_api", "tokens", *arguments),
        env=environment(service.settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout


def made(service: Service, name: str, *arguments: str) -> str:
    """Make a token, and give its text."""
    return str(msgspec.json.decode(tokens(service, "create", name, "--json", *arguments))["token"])


def test_no_token_is_found_anywhere_but_with_its_holder(service: Service, data_dir: Path) -> None:
    right = made(service, "till", "--scopes", "admin")
    ended = made(service, "gone", "--scopes", "read", "--stores", "abc111")
    tokens(service, "revoke", "gone")
    wrong = [f"{right[:-1]}?", right[:-1], right.swapcase(), f"eyJhbGciOiJub25lIn0.{right}."]
    answers: list[str] = []
    with httpx.Client(base_url=service.url, verify=NO_TLS) as http:
        wait_until(lambda: http.get("/stores", headers=bearer(ended)).status_code == 401, "it has ended")
        for token in (right, ended, *wrong):
            answers += [
                text for answer in every_call(http, token) for text in (answer.text, str(answer.headers))
            ]
        answers += [http.get("/metrics", headers=bearer(right)).text, tokens(service, "list")]
        answers.append(tokens(service, "list", "--json"))
    for token in (right, *wrong[:2], ended):
        answers.append(listened(service, bearer(token)))
    answers += [listened(service, offered=token) for token in (right, wrong[1], ended)]
    processes = [Path(f"/proc/{pid}") for pid in (service.pid, *children_of(service.pid))]
    answers += [
        (process / "cmdline").read_text() + (process / "environ").read_text() for process in processes
    ]
    answers += [service.output, service.complaints]
    assert any("credential-invalid" in answer for answer in answers)
    assert '-H "Authorization: Bearer $TOKEN"' in service.output
    assert sum(right[:9] in answer for answer in answers) == 2  # the lists show a hint
    for secret in (right, ended):
        assert not [answer for answer in answers if secret[9:] in answer]
        assert not [file for file in files_in(data_dir) if secret[9:].encode() in file.read_bytes()]


def every_call(http: httpx.Client, token: str) -> Iterator[httpx.Response]:
    """Ask for everything, rightly and wrongly."""
    headers = bearer(token)
    yield http.get("/stores", headers=headers)
    yield http.get("/stores/abc111", headers=headers, params={"access_token": token})
    body: dict[str, Any] = {"operation": "supply", "item_id": "chair", "quantity": 1}
    yield http.post("/stores/abc111", headers={**headers, "Idempotency-Key": "k-1"}, json=body)
    yield http.post("/stores/abc111", headers=headers, json={**body, "quantity": "many"})
    yield http.post("/stores/abc111", headers={**headers, "Origin": "https://evil.example"}, json=body)
    yield http.post("/stores/abc111/clean", headers=headers)
    yield http.get("/stores/abc111/xlsx_report", headers={"Authorization": token})
    yield http.get("/stores", headers={**headers, "Host": "evil.example"})
    yield http.delete("/stores", headers=headers)
    yield http.post("/session", headers=headers)


def listened(service: Service, headers: Mapping[str, str] = NO_HEADERS, offered: str = "") -> str:
    """Listen, or try to, and give what came of it."""
    protocols = [Subprotocol("store_api.v1"), Subprotocol(f"store_api.bearer.{offered}")] if offered else None
    url = f"ws://127.0.0.1:{service.port}/ws/stores/abc111?snapshot=true"
    try:
        with connect(url, additional_headers=headers, subprotocols=protocols) as socket:
            answered = socket.response.headers if socket.response is not None else ""
            return str(socket.recv(timeout=5)) + str(answered)
    except InvalidStatus as refused:
        return (refused.response.body or b"").decode() + str(refused.response.headers)


def files_in(folder: Path) -> list[Path]:
    """List every file, MongoDB's log and its journal among them."""
    return [path for path in folder.rglob("*") if path.is_file()]
