"""Another service that writes to the same MongoDB with plain PyMongo: a program that does what it is told.

Each line on its standard input is a JSON array of database commands; several are one transaction. Each is
answered by a line with their replies.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bson import json_util
from pymongo import MongoClient

from tests.support.programs import begun
from tests.support.service import ROOT, environment
from tests.support.unwatched import unwatched

Command = dict[str, Any]


class OtherWriter:
    """The other service, seen from a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, *commands: Command) -> list[Command]:
        """Let it run these commands, several as one transaction, and give the replies."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json_util.dumps(commands).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the other writer ended"
        replies: list[Command] = json_util.loads(line)
        return replies


@asynccontextmanager
async def other_writer(mongo_url: str, database: str) -> AsyncIterator[OtherWriter]:
    """Start it, on a database; it ends when this is left."""
    process = await asyncio.create_subprocess_exec(
        *begun(sys.executable, "-m", "tests.support.other_writer", mongo_url, database),
        cwd=ROOT,
        env=unwatched(environment({})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield OtherWriter(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def update(store_id: str, change: Command, **options: bool) -> Command:
    """Make the command that updates, or replaces, one store's document."""
    return {"update": "stores", "updates": [{"q": {"_id": store_id}, "u": change, **options}]}


def insert(store_id: str, items: dict[str, int]) -> Command:
    """Make the command that inserts a store's document."""
    return {"insert": "stores", "documents": [{"_id": store_id, "items": items}]}


def delete(store_id: str) -> Command:
    """Make the command that deletes a store's document."""
    return {"delete": "stores", "deletes": [{"q": {"_id": store_id}, "limit": 1}]}


def main(mongo_url: str, database: str) -> None:
    """Run what standard input says, until its end."""
    with MongoClient[Command](mongo_url) as client:
        for line in sys.stdin:
            commands = json_util.loads(line)
            if len(commands) == 1:
                replies = [client[database].command(commands[0])]
            else:
                with client.start_session() as session, session.start_transaction():
                    replies = [client[database].command(command, session=session) for command in commands]
            answer = [{"n": reply["n"], "errors": len(reply.get("writeErrors", []))} for reply in replies]
            sys.stdout.write(json_util.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
