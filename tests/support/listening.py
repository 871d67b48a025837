"""A dashboard's end of a websocket: the frames it gets, as reports, and how it was closed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from types import MappingProxyType
from typing import Annotated, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.service import Service

FRAME_SECONDS = 10.0
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    item_id: str
    quantity: Annotated[int, msgspec.Meta(ge=1)]


class _Store(msgspec.Struct, forbid_unknown_fields=True):
    store_id: str
    report: list[_Line]


class _Frame(msgspec.Struct, forbid_unknown_fields=True):
    store: _Store


class Report(NamedTuple):
    """What a store holds, by item."""

    store_id: str
    items: dict[str, int]


def read_report(text: str | bytes) -> Report:
    """Read a report as the contract has it, in a frame or an answer.

    Raises:
        msgspec.ValidationError: it has another shape, or a quantity is not positive.
    """
    store = msgspec.json.decode(text, type=_Frame).store
    items = {line.item_id: line.quantity for line in store.report}
    assert len(items) == len(store.report), "an item twice"
    return Report(store.store_id, items)


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    item_id: str
    quantity: Annotated[int, msgspec.Meta(ge=0)]


class _ChangesOf(msgspec.Struct, forbid_unknown_fields=True):
    store_id: str
    report: list[_Change]


class _ChangesFrame(msgspec.Struct, forbid_unknown_fields=True):
    store: _ChangesOf
    more: bool = False


def apply_changes(text: str, stock: dict[str, int]) -> None:
    """Carry a frame of changes over into a stock, as the contract says: 0 is gone, the rest replaces.

    Raises:
        msgspec.ValidationError: it has another shape, or a quantity is negative.
    """
    for line in msgspec.json.decode(text, type=_ChangesFrame).store.report:
        stock[line.item_id] = line.quantity
        if not line.quantity:
            del stock[line.item_id]


class Socket:
    """An open websocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def frame(self) -> str:
        """Wait for the next frame."""
        async with asyncio.timeout(FRAME_SECONDS):
            frame = await self.connection.recv()
        assert isinstance(frame, str), "a text frame"
        return frame

    async def report(self) -> Report:
        """Wait for the next frame, and read it."""
        return read_report(await self.frame())

    async def items(self) -> dict[str, int]:
        """Wait for the next frame, and give what is in the store."""
        return (await self.report()).items

    async def until(self, wanted: Report) -> list[Report]:
        """Wait for this very report, and give all that came, itself the last."""
        reports: list[Report] = []
        while not reports or reports[-1] != wanted:
            reports.append(await self.report())
        return reports

    async def closed(self) -> int | None:
        """Wait until the other side closes, whatever comes before, and give the code."""
        async with asyncio.timeout(FRAME_SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code


@asynccontextmanager
async def listening(
    service: Service,
    store_id: str | None,
    *,
    snapshot: bool = False,
    only_changes: bool = False,
    worker: int | None = None,
) -> AsyncIterator[Socket]:
    """Listen to one store, or to all of them (None).

    Args:
        service: where.
        store_id: the store's id, not encoded.
        snapshot: whether to ask for the report as it stands.
        only_changes: whether to ask for just the lines that change.
        worker: the process that is to serve it; None is any.
    """
    path = "/ws/stores" if store_id is None else f"/ws/stores/{quote(store_id, safe='')}"
    asked = [("snapshot", "true")] * snapshot + [("only", "changes")] * only_changes
    url = f"{service.url.replace('http', 'ws')}{path}?{urlencode(asked)}"
    connecting = connect(url, ssl=service.tls, proxy=None, compression=None, max_size=None, max_queue=None)
    async with served_by(service, connecting, worker) as socket:
        yield socket


@asynccontextmanager
async def served_by(service: Service, connecting: connect, worker: int | None) -> AsyncIterator[Socket]:
    """Open a socket, served by one process; None is any."""
    with nullcontext() if worker is None else service.only(worker):
        connection = await connecting
    async with connection:
        yield Socket(connection)


@asynccontextmanager
async def never_reading(
    port: int, store_id: str, query: str = "", headers: Mapping[str, str] = NO_HEADERS
) -> AsyncIterator[Socket]:
    """Listen to one store, with little room for what comes, and read nothing until asked to."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    plug.connect(("127.0.0.1", port))
    url = f"ws://127.0.0.1:{port}/ws/stores/{store_id}{query}"
    async with connect(
        url,
        additional_headers=dict(headers),
        sock=plug,
        proxy=None,
        compression=None,
        max_size=None,
        max_queue=1,
        close_timeout=0.1,
    ) as connection:
        yield Socket(connection)


def large_store() -> dict[str, int]:
    """Make up what is in a store whose frame is then about 80 kB."""
    return {f"item-{number:020}": 1 for number in range(2000)}
