"""What is read is never older than what was confirmed: primaries that were just elected wait to be read."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId

from store_api.errors import DatabaseUnavailable
from store_api.sending.elections import Elections
from store_api.sending.primary import Primary


class Client:
    """What a client's monitors know, and nothing else of it."""

    def __init__(self, election: int) -> None:
        self.primary = ("member", 1)
        self.options = SimpleNamespace(event_listeners=())
        self.hear(election)

    def hear(self, election: int) -> None:
        self.topology_description = SimpleNamespace(max_election_id=ObjectId(f"{election:024x}"))


def elections_of(reader: Client, writer: Client | None = None) -> tuple[Elections, list[str]]:
    """Give elections whose confirmations are noted."""
    confirmed: list[str] = []

    async def confirm() -> None:
        await asyncio.sleep(0)
        confirmed.append(str(reader.topology_description.max_election_id)[-1])

    known: Any = reader
    elections = Elections(known, confirm)
    other: Any = writer
    elections.writer = other
    return elections, confirmed


async def test_each_election_is_confirmed_once_whoever_asks() -> None:
    reader = Client(1)
    elections, confirmed = elections_of(reader)
    assert elections.current() is None
    assert len(set(await asyncio.gather(*(elections.confirmed() for _ in range(5))))) == 1
    assert elections.current() is not None
    reader.hear(2)
    assert elections.current() is None
    await asyncio.gather(*(elections.confirmed() for _ in range(5)))
    assert confirmed == ["1", "2"]


async def test_an_election_that_comes_while_another_is_confirmed_is_confirmed_too() -> None:
    reader = Client(1)
    elections, confirmed = elections_of(reader)
    asking = asyncio.create_task(elections.confirmed())
    await asyncio.sleep(0)
    reader.hear(2)
    assert str(await asking)[-1] == "2"
    assert len(confirmed) == 2


async def test_who_has_not_heard_what_the_writer_has_is_not_read() -> None:
    reader, writer = Client(1), Client(2)
    elections, confirmed = elections_of(reader, writer)
    asking = asyncio.create_task(elections.confirmed())
    await asyncio.sleep(0)
    assert (elections.heard_of(), confirmed) == (None, [])
    reader.hear(2)
    assert str(await asking)[-1] == "2"
    writer.hear(1)
    assert elections.current() is not None


@pytest.mark.parametrize("hears", [("reader",), ("writer", "reader")])
async def test_what_was_read_while_another_was_elected_is_read_again(hears: Sequence[str]) -> None:
    clients = {"reader": Client(1), "writer": Client(1)}
    reader: Any = clients["reader"]
    primary = Primary(reader)
    asked: list[str] = []

    async def confirm() -> None:
        asked.append("confirm")

    async def read() -> int:
        asked.append("read")
        if asked.count("read") == 1:
            for name in hears:
                clients[name].hear(2)
        return asked.count("read")

    elections = primary.confirm_by(confirm)
    writer: Any = clients["writer"]
    elections.writer = writer
    assert await primary.ask(read) == 2
    assert asked == ["confirm", "read", "confirm", "read"]
    assert await primary.ask(read) == 3


async def test_a_primary_that_no_majority_follows_is_none() -> None:
    reader: Any = Client(1)
    primary = Primary(reader, patience=0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    async def read() -> None:
        pytest.fail("it was read")

    primary.confirm_by(never)
    with pytest.raises(DatabaseUnavailable):
        await primary.ask(read)
