"""The stack of docker-compose.yml, as somebody has it who follows the documentation: files in a folder."""

import json
import re
import shutil
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec

from tests.compose.engine import Engine
from tests.support.mongod import wait_until
from tests.support.service import ROOT
from tests.support.tokens import bearer

FILES = ("docker-compose.yml", ".env.example")
MEMBERS = ("mongo-1", "mongo-2", "mongo-3")


_AT_MEMBER = """
import json, re, sys
from dotenv import dotenv_values
from pymongo import MongoClient
url = re.sub("@[^/]+/", f"@{sys.argv[1]}:27017/", dotenv_values("/secrets/.env")["MONGO_URL"])
with MongoClient(url, directConnection=True, readPreference="secondaryPreferred") as member:
    print(json.dumps(eval(sys.argv[2])))
"""


def commands_under(page: str, heading: str) -> list[str]:
    """Give the blocks of commands that stand under a heading of a page of the documentation."""
    _, _, rest = (ROOT / "docs" / page).read_text().partition(f"\n## {heading}\n")
    section, _, _ = rest.partition("\n## ")
    return re.findall(r"^```sh [^\n]*\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Stack:
    """One project.

    Args:
        engine: where it runs.
        folder: an empty one, for the files.
        project: its name; None is the one that docker-compose.yml says.
        port: where its API is published.
    """

    def __init__(self, engine: Engine, folder: Path, project: str | None = None, port: int = 8000) -> None:
        self.engine = engine
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.project = project or "store_api"
        for file in FILES:
            shutil.copy(ROOT / file, folder / file)
        chosen = {} if project is None else {"COMPOSE_PROJECT_NAME": project}
        self.tell({**chosen, **({} if port == 8000 else {"API_PORT": str(port)})})

    def tell(self, variables: dict[str, str]) -> None:
        """Add lines to `.env`; later ones count."""
        with (self.folder / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())

    def compose(self, *arguments: str, seconds: float = 180.0) -> str:
        """Run `docker compose` with these arguments, which must succeed, and give what it printed."""
        return self.engine("compose", *arguments, folder=self.folder, seconds=seconds)

    def try_compose(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run `docker compose` with these arguments, however it ends."""
        return self.engine.ask("compose", *arguments, folder=self.folder)

    def shell(self, commands: str) -> None:
        """Run commands as the documentation has them, for this project; they must succeed."""
        # Only volumes and networks are called by the project; the backup's file and the image are not.
        self.engine.shell(commands.replace("store_api_", f"{self.project}_"), self.folder)

    def at_member(self, name: str, expression: str) -> Any:
        """Ask one member something, from the API's container: a Python expression of the client `member`."""
        asked = self.try_compose("exec", "-T", "api", "python", "-c", _AT_MEMBER, name, expression)
        return None if asked.returncode else json.loads(asked.stdout)

    def containers(self) -> dict[str, dict[str, Any]]:
        """Give what `docker compose ps --all` says of each service's container."""
        lines = self.compose("ps", "--all", "--no-trunc", "--format", "json").splitlines()
        found = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
        return {str(each["Service"]): each for each in found}

    def token(self, name: str, scopes: str, *further: str) -> str:
        """Make a token by the command line in the API's container, as the documentation says."""
        command = ("exec", "-T", "api", "python", "-m", "store_api", "tokens", "create", name)
        return self.compose(*command, "--scopes", scopes, *further).splitlines()[-1]

    def first_token(self) -> str:
        """Read the token that the init made."""
        return self.compose("exec", "-T", "mongo-1", "cat", "/secrets/first-token")

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        key: str | None = None,
    ) -> tuple[int, Any]:
        """Send the API one request, and give the status and the JSON of the answer."""
        headers = {**(bearer(token) if token else {}), **({"Idempotency-Key": key} if key else {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def stock(self, token: str) -> dict[str, dict[str, int]]:
        """Read what all stores hold."""
        status, overview = self.ask("GET", "/stores?limit=1000", token=token)
        assert (status, overview["next"]) == (200, None)
        held = {}
        for each in overview["stores"]:
            status, report = self.ask("GET", f"/stores/{each['store_id']}", token=token)
            assert status == 200
            held[each["store_id"]] = {line["item_id"]: line["quantity"] for line in report["store"]["report"]}
        return held

    def is_ready(self) -> bool:
        """Tell whether the API says that it is ready."""
        try:
            return self.ask("GET", "/health/ready")[0] == 200
        except (OSError, ValueError):
            return False

    def wait_until_ready(self, seconds: float = 90.0) -> None:
        """Wait until the API says that it is ready."""
        wait_until(self.is_ready, "the API is ready", seconds)

    def supply(self, token: str, store_id: str, item_id: str, quantity: int, key: str | None = None) -> None:
        """Supply one item, which must succeed."""
        body = {"operation": "supply", "item_id": item_id, "quantity": quantity}
        status, answer = self.ask("POST", f"/stores/{store_id}", body, token=token, key=key)
        assert status == 200, answer
