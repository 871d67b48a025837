"""A part that must always run and dies takes the process with it: no service goes on without pushes."""

from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from pymongo import MongoClient

from tests.support.mongod import free_port
from tests.support.service import run_python

DYING = """
import sys
from store_api.__main__ import main
from {module} import {part}

async def run(self):
    raise RuntimeError("a fault that nobody foresaw, with mongodb://user:hunter2@host in it")

{part}.run = run
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("module", "part"),
    [
        ("watchers.store_watcher", "StoreWatcher"),
        ("watchers.heartbeat", "Heartbeat"),
        ("store_api.telemetry.metrics", "Metrics"),
    ],
)
def test_the_process_ends_and_says_why(tmp_path: Path, mongo_url: str, module: str, part: str) -> None:
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}", "PORT": str(free_port())}
    ran = run_python(tmp_path, settings, "-c", DYING.format(module=module, part=part))
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(settings["MONGO_DB"])
    assert ran.returncode == 1
    *lines, last = ran.stderr.splitlines()
    said = [msgspec.json.decode(line) for line in lines]
    assert [(line["level"], line["part"]) for line in said if line["action"] == "part_died"] == [
        ("critical", part)
    ]
    assert last.startswith("store_api: A part that must always run has died")
    assert "hunter2" not in ran.stderr
