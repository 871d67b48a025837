"""The served program, held against RFC 9110, 9112, 7240 and 6455, sentence by sentence.

After each request comes another: it is answered where the connection may go on, and is not where it may not.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.end_to_end import http_meanings, http_sentences, http_visitors
from tests.end_to_end.conftest import Stores
from tests.end_to_end.http_rows import Row, chunked, get, post
from tests.end_to_end.http_visitors import KEY, SOCKET, VERSION
from tests.end_to_end.raw import raw_connection
from tests.support.service import Service

SECONDS = 20.0
LAST = get(b"Connection: close", path=b"/health/live", method=b"HEAD")

ROWS: list[Row] = [
    row
    for module in (http_sentences, http_meanings, http_visitors)
    for name, rows in vars(module).items()
    if name.isupper() and isinstance(rows, list) and isinstance(rows[0], Row)
    for row in rows
]


@pytest.fixture
def service(one_process: Service) -> Service:
    return one_process


@pytest.fixture
def store(stores: Stores, store_id: str) -> str:
    stores.insert_one({"_id": store_id, "items": {"chair": 1}})
    return store_id


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}-{row.sentence}")
async def test_what_the_rfcs_say_is_what_comes(
    service: Service, stores: Stores, store: str, row: Row
) -> None:
    request = row.request.replace(b"{store}", store.encode())
    async with raw_connection(service, request + LAST) as (reader, _), asyncio.timeout(SECONDS):
        answers = await reader.read()
    heard = answers.lower()
    statuses = tuple(int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers))
    assert statuses == row.statuses + (200,) * row.kept, answers
    assert all(words in heard for words in row.said), answers
    assert not any(words in heard for words in row.unsaid), answers
    if not row.kept:
        assert b"connection: close\r\n" in heard
    document = stores.find_one({"_id": store})
    assert document is not None
    assert document["items"].get("chair", 0) == row.chairs


@pytest.mark.parametrize("kept", [0, 1, 40, 10_000], ids=lambda size: f"but {size} bytes")
@pytest.mark.parametrize("asked", [post(), chunked(), post() + post()], ids=["sized", "chunked", "two"])
async def test_who_ends_his_sending_is_told_what_became_of_it(
    service: Service, stores: Stores, store: str, asked: bytes, kept: int
) -> None:
    asked = asked.replace(b"{store}", store.encode())
    async with raw_connection(service, asked[: len(asked) - kept]) as (reader, writer):
        writer.write_eof()
        async with asyncio.timeout(SECONDS):
            answers = await reader.read()
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answers)
    applied = statuses.count(b"200")
    whole = 0 if kept >= len(asked) else asked.count(b"POST") - bool(kept)
    assert applied == whole
    assert statuses[applied:] in ([b"400"], []) if kept else statuses[applied:] == []
    document = stores.find_one({"_id": store})
    assert document is not None
    assert document["items"]["chair"] == 1 + applied


def test_the_table_sees_what_is_planted() -> None:
    assert len(ROWS) >= 300
    assert replace(ROWS[0], kept=False) != ROWS[0]
    assert {row.section.split()[0] for row in ROWS} >= {"9110", "9112", "7240", "6455"}


# Websockets


@asynccontextmanager
async def opened(
    service: Service, store: str, *lines: bytes
) -> AsyncIterator[tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Ask for a websocket, and give the head of the answer."""
    asked = get(KEY, VERSION, *lines, path=SOCKET.replace(b"{store}", store.encode()))
    async with raw_connection(service, asked) as (reader, writer), asyncio.timeout(SECONDS):
        yield await reader.readuntil(b"\r\n\r\n"), reader, writer


@pytest.mark.parametrize(
    "lines",
    [
        (b"Connection: Upgrade", b"Upgrade: websocket"),
        (b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket"),
        (b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: h2c, websocket"),
        (b"Connection: upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Protocol: soap, wamp"),
        (b"Connection: upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Extensions: permessage-deflate; x=y"),
        (b"Connection: upgrade", b"Upgrade: websocket", b"Origin: https://x"),
    ],
)
async def test_a_handshake_is_answered_to_the_letter(
    service: Service, store: str, lines: tuple[bytes, ...]
) -> None:
    async with opened(service, store, *lines) as (head, _, _):
        first, *lines_back = head.split(b"\r\n")[:-2]
        assert first == b"HTTP/1.1 101 Switching Protocols"
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines_back)}
        fields.pop(b"date", None)
        # The key of RFC 6455, 1.3, and what comes of it. An extension or a subprotocol that was not chosen
        # must not be named (4.2.2).
        assert fields == {
            b"upgrade": b"websocket",
            b"connection": b"Upgrade",
            b"sec-websocket-accept": b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        }


MASK = b"\1\2\3\4"


def frame(first: int, payload: bytes = b"", *, masked: bool = True, length: bytes | None = None) -> bytes:
    """Write a frame (RFC 6455, 5.2).

    Args:
        first: its first byte, the opcode with the flags.
        payload: not masked yet.
        masked: whether it is to be.
        length: what it says of the payload's length; none is the truth.
    """
    size = bytes([len(payload)]) if length is None else length
    head = bytes([first, size[0] | 0x80 * masked]) + size[1:]
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


FRAMES = {
    "5.1 an unmasked frame MUST close": (frame(0x81, b"x", masked=False), 1002),
    "5.1 an unmasked control frame as well": (frame(0x89, masked=False), 1002),
    "5.2 a reserved bit MUST fail the connection": (frame(0xC1, b"x"), 1002),
    "5.2 the second": (frame(0xA1, b"x"), 1002),
    "5.2 the third": (frame(0x91, b"x"), 1002),
    "5.2 an unknown opcode MUST fail the connection": (frame(0x83, b"x"), 1002),
    "5.2 an unknown control opcode": (frame(0x8B), 1002),
    "5.5 a control frame MUST NOT be in parts": (frame(0x09), 1002),
    "5.5 a control frame holds 125 bytes": (frame(0x89, bytes(126), length=b"\x7e\x00\x7e"), 1002),
    "5.4 nothing is continued that was not begun": (frame(0x80, b"x"), 1002),
    "5.4 nothing is begun before the last has ended": (frame(0x01, b"x") + frame(0x81, b"x"), 1002),
    "5.5.1 a close's code has two bytes": (frame(0x88, b"\x03"), 1002),
    "7.4.1 1005 MUST NOT be sent": (frame(0x88, b"\x03\xed"), 1002),
    "5.5.1 a close is answered by a close": (frame(0x88, b"\x03\xe8"), 1000),
    "5.5.1 without a code as well": (frame(0x88), None),
    "8.1 a text that is no UTF-8 MUST fail the connection": (frame(0x81, b"\xff"), 1007),
    "8.1 and so in its first part": (frame(0x01, b"\xff"), 1007),
    "7.4.1 what is too large is a 1009": (frame(0x82, length=b"\x7f" + (10**6).to_bytes(8, "big")), 1009),
    "7.4.1 what breaks our rule is a 1008": (frame(0x81, b"x"), 1008),
}


@pytest.mark.parametrize(("sent", "code"), FRAMES.values(), ids=FRAMES)
async def test_a_frame_is_answered_to_the_letter(
    service: Service, store: str, sent: bytes, code: int | None
) -> None:
    lines = (b"Connection: Upgrade", b"Upgrade: websocket")
    async with opened(service, store, *lines) as (_, reader, writer):
        writer.write(sent)
        first, size = await reader.readexactly(2)
        payload = await reader.readexactly(size)
        assert first == 0x88
        assert payload[:2] == (b"" if code is None else code.to_bytes(2, "big"))
        assert await reader.read() == b""


@pytest.mark.parametrize("payload", [b"", b"ping", bytes(125)], ids=len)
async def test_a_ping_is_answered_by_its_pong(service: Service, store: str, payload: bytes) -> None:
    async with opened(service, store, b"Connection: Upgrade", b"Upgrade: websocket") as (_, reader, writer):
        writer.write(frame(0x8A, b"unasked") + frame(0x89, payload))
        assert await reader.readexactly(2 + len(payload)) == bytes([0x8A, len(payload)]) + payload
