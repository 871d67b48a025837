"""The stand-in for the Bot API takes a request however TCP cuts it."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.bot_api import TOKEN, USER, BotApi, Call, Upload

PIECE = 2**18
"""What an HTTP server likes to read of a body at once."""

BOUNDARY = b"----0123456789abcdef"
PICTURE = (
    b"\x89PNG\r\n\x1a\n" + bytes(8) + (40).to_bytes(4) * 2 + b"\r\n--\n" * (PIECE // 3) + b"IEND\xaeB`\x82"
)
FIELDS = {"chat_id": str(USER), "caption": "Stock · арт-1\r\n--"}


def multipart() -> bytes:
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
        for name, value in FIELDS.items()
    ]
    head = 'Content-Type: image/png\r\nContent-Disposition: form-data; name="photo"; filename="Stock · 1.png"'
    parts.append(head.encode() + b"\r\n\r\n" + PICTURE)
    return (
        b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + BOUNDARY + b"--\r\n"
    )


BODY = multipart()
BEGIN = BODY.index(PICTURE)
ENDS = [
    range(BEGIN),
    *(range(BEGIN + times * PIECE, BEGIN + times * PIECE + 60) for times in (0, 1)),
    range(len(BODY) - 60, len(BODY)),
]
"""Where the first piece may end: in the heads of the parts, soon after what is read at once, near the end."""


@pytest.fixture
def bot_api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


def send(api: BotApi, connection: socket.socket, *pieces: bytes) -> bytes:
    """Send a request in pieces, each when the server has read the one before, and give the answer."""
    head = f"POST /bot{TOKEN}/sendPhoto HTTP/1.1\r\nHost: test\r\nContent-Length: {len(BODY)}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
    for piece in (head.encode(), *pieces):
        connection.sendall(piece)
        api.let_it_read()
    return connection.recv(PIECE)


@pytest.mark.parametrize("ends", ENDS, ids=["heads", "begin", "middle", "end"])
def test_a_multipart_body_may_be_cut_anywhere(bot_api: BotApi, ends: range) -> None:
    with socket.create_connection(("127.0.0.1", int(bot_api.url.rpartition(":")[2]))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for end in ends:
            answer = send(bot_api, connection, BODY[:end], BODY[end : end + 1], BODY[end + 1 :])
            assert answer.startswith(b"HTTP/1.1 200 "), (end, answer)
            (call,) = bot_api.delivered
            assert call == Call("sendPhoto", FIELDS, {"photo": Upload("Stock · 1.png", PICTURE)}, call.at)
            bot_api.delivered.clear()
