"""A reader of the documentation, who types in what a page shows and compares what comes with what is shown.

What the info string of a block means:

console             lines after `$ ` are commands; what follows one is its output, to the last character. A
                    command goes on on the next line after a backslash, or where a quote is open. A line of
                    output that begins with a space goes on where the one above it ends.
console (listens)   one command that stays while the rest of the page is read: all that it says until then.
python              a program; it says nothing, unless a block follows that shows what it says.
js (mongosh)        lines after `> ` are typed into mongosh; `stores.updateOne` is carried out by PyMongo.
"""

import asyncio
import json
import re
import shlex
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import WriteError

from tests.house.markdown import SAID, Block, exchanges, split
from tests.support.programs import begun

SECONDS = 20.0
"""How long anything may take to answer."""

END = "the end of the page"
"""An item that is supplied at last: what a listener hears up to then is all it has heard."""

_ESCAPES = re.compile(r"\x1b(?:[78]|\[[0-9;]*[A-Za-z])")
_UPDATE = re.compile(r"stores\.updateOne\((.*)\)(\.matchedCount)?")
_STORES = 'const stores = db.getSiblingDB("store_api").stores'


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that a page shows and that is not so."""

    command: str
    shown: str
    said: str

    def __str__(self) -> str:
        """Show both, one under the other."""
        return f"after {self.command}\nis shown\n{self.shown}\nand came\n{self.said}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is read.

    Args:
        port: the service's, in place of the one that pages name.
        mongo_url: its MongoDB's.
        database: its database's name.
        folder: where commands are run.
        environment: theirs.
    """

    port: int
    mongo_url: str
    database: str
    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def here(self, text: str) -> str:
        """Write what a page says as it must be said here."""
        text = text.replace("mongodb://127.0.0.1:27018/?replicaSet=rs0", self.mongo_url)
        text = text.replace('mongo["store_api"]', f'mongo["{self.database}"]')
        text = text.replace(".venv/bin/python", shlex.quote(sys.executable))
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")

    def there(self, text: str) -> str:
        """Write what was said here as a page would."""
        return text.replace(f"127.0.0.1:{self.port}", "127.0.0.1:8000")


class Reader:
    """Somebody who has a page before them, and a terminal for each thing at once.

    Args:
        place: where they sit.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._listeners: list[_Listener] = []
        self._terminal: Process | None = None
        self._mistakes: list[Mistake] = []

    async def read(self, text: str) -> list[Mistake]:
        """Read a page from its beginning to its end, and give what is not as it shows."""
        blocks = [*split(text)[1], Block("", (), 0)]
        try:
            for block, following in pairwise(blocks):
                await self._follow(block, following)
            if self._listeners:
                await self._hear_out()
        finally:
            await self._leave()
        return self._mistakes

    async def _follow(self, block: Block, following: Block) -> None:
        match block.kind:
            case "console":
                for command, shown in exchanges(block.lines):
                    self._compare(command, shown, await self._type(command))
            case "console (listens)":
                ((command, shown),) = exchanges(block.lines)
                listener = _Listener(command, shown)
                self._listeners.append(listener)
                await listener.start(self._place)
            case "python":
                shown = "\n".join(following.lines) if following.kind == SAID else ""
                program = "\n".join(block.lines)
                self._compare(program, shown, await self._run(program))
            case "js (mongosh)":
                for command, shown in exchanges(block.lines, "> "):
                    self._compare(command, shown, await asyncio.to_thread(self._ask_mongo, command))

    def _compare(self, command: str, shown: str, said: str) -> None:
        if shown != said:
            self._mistakes.append(Mistake(command, shown, said))

    async def _type(self, command: str) -> str:
        """Type a command into the terminal, in which variables stay, and give what it says."""
        if self._terminal is None:
            self._terminal = await _start(self._place, "bash", "--norc", "--noprofile")
        assert self._terminal.stdin is not None
        assert self._terminal.stdout is not None
        mark = "-- and the next --"
        typed = f"{{ {self._place.here(command)}\n}} </dev/null 2>&1; printf '\\n%s\\n' '{mark}'\n"
        self._terminal.stdin.write(typed.encode())
        async with asyncio.timeout(SECONDS):
            said = await self._terminal.stdout.readuntil(f"\n{mark}\n".encode())
        text = said.decode().replace("\r\n", "\n").removesuffix(f"\n{mark}\n")
        return self._place.there(text.removesuffix("\n"))

    async def _run(self, program: str) -> str:
        process = await _start(self._place, sys.executable, "-c", self._place.here(program))
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
        return self._place.there(said.decode().removesuffix("\n"))

    def _ask_mongo(self, command: str) -> str:
        """Do what mongosh does with a line, as far as pages use it."""
        if command == _STORES:
            return ""
        found = _UPDATE.fullmatch(command)
        if found is None:
            return "this reader of mongosh's language knows no more than updateOne"
        arguments = json.loads("[" + re.sub(r"([{,]\s*)([$\w]+)\s*:", r'\1"\2":', found[1]) + "]")
        with MongoClient[dict[str, Any]](self._place.mongo_url) as client:
            try:
                result = client[self._place.database]["stores"].update_one(*arguments)
            except WriteError as error:
                return f"MongoServerError: {(error.details or {}).get('errmsg')}"
        return str(result.matched_count) if found[2] else "{ acknowledged: true, ... }"

    async def _hear_out(self) -> None:
        """Change each store that is listened to once more: what came before that is all there was."""
        with MongoClient[dict[str, Any]](self._place.mongo_url) as client:
            stores = client[self._place.database]["stores"]
            for store_id in {listener.store_id for listener in self._listeners}:
                stores.update_one({"_id": store_id}, {"$set": {f"items.{END}": 1}}, upsert=True)
        for listener in self._listeners:
            said = await listener.until(END)
            self._compare(listener.command, listener.shown, "\n".join(map(self._place.there, said)))

    async def _leave(self) -> None:
        processes = [listener.process for listener in self._listeners]
        for process in [*processes, self._terminal]:
            if process is not None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()


class _Listener:
    """One who listens on a websocket with the client that the page names."""

    def __init__(self, command: str, shown: str) -> None:
        self.command = command
        self.shown = shown
        self.process: Process | None = None
        self._said: list[str] = []

    @property
    def store_id(self) -> str:
        """The store that is listened to; of all stores, any will do."""
        found = re.search(r"/ws/stores/([^?\"/ ]+)", self.command)
        return found[1] if found else "any"

    async def start(self, place: Place) -> None:
        """Start it, and wait until it is connected: from then on nothing is missed."""
        self.process = await _start(place, *shlex.split(place.here(self.command)))
        self._said = [*await self._lines_until("Connected"), *self._said]

    async def until(self, text: str) -> list[str]:
        """Give all that it has said before the first line with this text."""
        return [*self._said, *(await self._lines_until(text))[:-1]]

    async def _lines_until(self, text: str) -> list[str]:
        """Read lines up to the first with this text: without what moves the cursor, and without prompts."""
        assert self.process is not None
        assert self.process.stdout is not None
        lines: list[str] = []
        async with asyncio.timeout(SECONDS):
            while not lines or text not in lines[-1]:
                raw = (await self.process.stdout.readline()).decode()
                if not raw:
                    raise EOFError(f"{self.command} ended; it said {lines}")
                line = _ESCAPES.sub("", raw).strip()
                if line not in ("", ">"):
                    lines.append(line)
        return lines


async def _start(place: Place, *command: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *begun(*command),
        cwd=place.folder,
        env=dict(place.environment),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )
