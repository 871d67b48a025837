"""What README and the contracts' pages show is what really comes: their blocks are run against a service."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.end_to_end.reader import Mistake, Place, Reader
from tests.house.markdown import NOT_RUN, ROOT, RUN, RUN_PAGES, SHOWN, exchanges, split, text_of
from tests.support.service import Service

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture(scope="module")
def documented(
    mongo_url: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of its own, since pages list all stores."""
    settings = {"MONGO_URL": mongo_url, "MONGO_DB": f"test_{uuid4().hex}"}
    with Service(tmp_path_factory.mktemp("documented"), settings) as service:
        service.wait_until_ready()
        yield service
    mongo.drop_database(service.database)


@pytest.fixture
def place(documented: Service, mongo: MongoClient[dict[str, Any]], mongo_url: str, tmp_path: Path) -> Place:
    """Where a page is read: with no store yet, in an empty folder, past every proxy."""
    mongo[documented.database]["stores"].delete_many({})
    # Neither a proxy nor a ~/.curlrc is anything that the page speaks of.
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {**kept, "CURL_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    return Place(documented.port, mongo_url, documented.database, tmp_path, environment)


@pytest.mark.parametrize("page", RUN_PAGES)
async def test_what_a_page_shows_is_what_comes(place: Place, page: str) -> None:
    mistakes = await Reader(place).read(text_of(ROOT / page))
    assert not mistakes, "\n\n".join(map(str, mistakes))


@pytest.mark.parametrize("page", RUN_PAGES)
def test_no_block_is_skipped_silently(page: str) -> None:
    kinds = {block.kind for block in split(text_of(ROOT / page))[1]}
    assert kinds - RUN - SHOWN - NOT_RUN == set()
    assert kinds & RUN, "there is something to run"


SUPPLY = """\
$ curl -s http://127.0.0.1:8000/stores/abc -H 'Content-Type: application/json' \\
    -d '{"operation": "supply", "item_id": "x",
         "quantity": 1}'
"""
FRAME = '{"store":{"store_id":"abc","report":[{"item_id":"x","quantity":1}]}}'
LISTEN = '.venv/bin/python -m websockets "ws://127.0.0.1:8000/ws/stores/abc"'


@pytest.mark.parametrize("wrong", ['"quantity":2', '"quantity": 1', ""])
async def test_an_answer_that_is_another_is_seen(place: Place, wrong: str) -> None:
    shown = FRAME.replace('"quantity":1', wrong)
    (mistake,) = await Reader(place).read(f"```console\n{SUPPLY}{shown}\n```\n")
    assert (mistake.shown, mistake.said) == (shown, FRAME)


async def test_an_answer_may_be_broken_into_lines(place: Place) -> None:
    first, second = FRAME[:20], FRAME[20:]
    assert await Reader(place).read(f"```console\n{SUPPLY}{first}\n   {second}\n```\n") == []


@pytest.mark.parametrize(
    "frames",
    [[], [FRAME.replace("1}", "2}")], [FRAME, FRAME]],
    ids=["one too few", "another", "one too many"],
)
async def test_a_frame_that_is_another_is_seen(place: Place, frames: list[str]) -> None:
    connected = "Connected to ws://127.0.0.1:8000/ws/stores/abc."
    shown = "\n".join([connected, *(f"< {frame}" for frame in frames)])
    page = f"```console (listens)\n$ {LISTEN}\n{shown}\n```\n```console\n{SUPPLY}{FRAME}\n```\n"
    assert await Reader(place).read(page) == [Mistake(LISTEN, shown, f"{connected}\n< {FRAME}")]


async def test_what_a_program_says_must_be_shown(place: Place) -> None:
    page = "```python\nprint('taken')\n```\n"
    assert await Reader(place).read(page) == [Mistake("print('taken')", "", "taken")]
    assert await Reader(place).read(f"{page}```text (said by the program above)\ntaken\n```\n") == []
    (failed,) = await Reader(place).read("```python\nimport nothing_of_that_name\n```\n")
    assert "ModuleNotFoundError" in failed.said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('stores.updateOne({_id: "none"}, {$inc: {"items.x": 1}}).matchedCount', "0"),
        (
            'stores.updateOne({_id: "abc"}, {$inc: {"items.x": -1}})',
            "MongoServerError: Document failed validation",
        ),
        ("stores.drop()", "this reader of mongosh's language knows no more than updateOne"),
    ],
)
async def test_what_mongosh_would_not_say_is_seen(
    place: Place, mongo: MongoClient[dict[str, Any]], line: str, said: str
) -> None:
    mongo[place.database]["stores"].insert_one({"_id": "abc", "items": {"x": 0}})
    assert await Reader(place).read(f"```js (mongosh)\n> {line}\n1\n```\n") == [Mistake(line, "1", said)]


@pytest.mark.parametrize("lines", [["no prompt"], ["$ echo 'open"], ["$ echo \\"]])
def test_a_block_that_cannot_be_typed_is_a_fault(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"no prompt|not whole"):
        list(exchanges(lines))


def test_addresses_are_those_of_the_place(tmp_path: Path) -> None:
    place = Place(9, "mongodb://there/", "other", tmp_path, {})
    page = (
        'MongoClient("mongodb://127.0.0.1:27018/?replicaSet=rs0"); mongo["store_api"]; ws://127.0.0.1:8000/ws'
    )
    here = 'MongoClient("mongodb://there/"); mongo["other"]; ws://127.0.0.1:9/ws'
    assert place.here(page) == here
    assert place.there("ws://127.0.0.1:9/ws") == "ws://127.0.0.1:8000/ws"
    assert replace(place, port=8000).here("127.0.0.1:8000") == "127.0.0.1:8000"
