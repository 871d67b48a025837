"""The documents of the API against the running service: what it takes, answers and tells is what they say."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pymongo import MongoClient

from store_api.pages.routes import assets
from tests.end_to_end.conftest import Stores, service_alone
from tests.support.listening import listening
from tests.support.programs import begun
from tests.support.service import ROOT, Service
from tests.support.tokens import let_in, tokens_in
from tests.support.unwatched import unwatched

ASYNCAPI = yaml.safe_load(assets()["/asyncapi.yaml"].content())


@pytest.fixture
def service(one_process: Service) -> Service:
    return one_process


@pytest.fixture
def unwatched_service(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with service_alone(mongo_url, mongo, tmp_path_factory.mktemp("service"), "1", AUTH="tokens") as service:
        yield service


@pytest.mark.unwatched
async def test_schemathesis_finds_nothing(
    unwatched_service: Service, mongo: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    """Requests made up from the document, right and wrong ones, and sequences of them; always the same.

    With a token that may do all; and without it, or with another, wherever the document says it takes one.
    """
    service = unwatched_service
    token = let_in(tokens_in(mongo[service.database]), ["admin"])
    (tmp_path / "schemathesis.toml").write_text('[auth.openapi.bearer]\nbearer = "${STORE_API_TOKEN}"\n')
    command = ("-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--no-color", "--no-shrink")
    # It takes the document's "./" for a part of each path, where a URL would be resolved.
    where = ("--url", service.url)
    bounds = ("--seed", "13247", "--max-examples", "6", "--generation-deterministic", "--warnings", "off")
    settings = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.end_to_end.schemathesis_hooks"}
    settings["STORE_API_TOKEN"] = token
    schemathesis = await asyncio.create_subprocess_exec(
        *begun(sys.executable, *command, *where, *bounds),
        cwd=tmp_path,
        env=unwatched({**os.environ, **settings}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await schemathesis.communicate()
    assert schemathesis.returncode == 0, output.decode()
    assert "No issues found" in output.decode(), output.decode()
    # It was let in: what it sent has changed something.
    assert mongo[service.database]["stores"].count_documents({})


def schema_of(message: str) -> Draft202012Validator:
    """The schema of a message's frames."""
    payload = ASYNCAPI["components"]["messages"][message]["payload"]
    return Draft202012Validator({**payload, "components": ASYNCAPI["components"]})


@pytest.mark.parametrize("channel", ["store", "stores"])
async def test_real_frames_are_those_of_the_document(
    service: Service, stores: Stores, store_id: str, channel: str
) -> None:
    """Whole reports and changes, from snapshots, writes of others, and a store that goes."""
    stores.insert_one({"_id": store_id, "items": {"арт-1": 3, "a%2Eb": 2**40, "none": 0}})
    listened = store_id if channel == "store" else None
    async with (
        listening(service, listened, snapshot=True) as whole,
        listening(service, listened, snapshot=True, only_changes=True) as changes,
    ):
        stores.update_one({"_id": store_id}, {"$inc": {"items.арт-1": -3, "items.new": 1}})
        stores.replace_one({"_id": store_id}, {"items": {"lamp": 1}})
        stores.update_one({"_id": store_id}, {"$set": {"rev": 7}})
        stores.delete_one({"_id": store_id})
        frames = {"report": await about(whole, store_id, 5), "changes": await about(changes, store_id, 5)}
    for frame in frames["report"]:
        schema_of("report").validate(frame)
    schema_of("report").validate(frames["changes"][0])
    for frame in frames["changes"]:
        schema_of("changes").validate(frame)
    # They could have failed: a line that is gone is in no whole report.
    assert not schema_of("report").is_valid(frames["changes"][1])


async def about(socket: object, store_id: str, count: int) -> list[object]:
    """Wait for so many frames about a store."""
    found: list[object] = []
    while len(found) < count:
        frame = json.loads(await socket.frame())  # type: ignore[attr-defined]
        if frame.get("store", {}).get("store_id") == store_id:
            found.append(frame)
    return found
