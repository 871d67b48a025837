import asyncio
import socket

import pytest

from bench.load.http_client import AnswerLost, Connection, Response, ServiceUnreachable
from tests.support.scripted_server import HANG_UP, scripted_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"


async def test_a_response_has_its_status_headers_in_lower_case_and_its_whole_body() -> None:
    answer = b"HTTP/1.1 409 Conflict\r\nRetry-After: 3\r\nX-Mixed: A b\r\nContent-Length: 5\r\n\r\nhello"
    async with scripted_server(answer) as server:
        response = await Connection(server.url).request("GET", "/")
    assert response == Response(409, {"retry-after": "3", "x-mixed": "A b", "content-length": "5"}, b"hello")


async def test_a_response_may_come_one_byte_at_a_time() -> None:
    answer = b"|".join(OK[place : place + 1] for place in range(len(OK)))
    async with scripted_server(answer) as server:
        assert (await Connection(server.url).request("GET", "/")).body == b"ok"


async def test_a_body_of_a_megabyte_comes_whole() -> None:
    body = bytes(range(128)).replace(b"|", b"") * 8192
    async with scripted_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as server:
        assert (await Connection(server.url).request("GET", "/")).body == body


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n|1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n|" + OK, b"ok"),
    ],
    ids=["empty", "no content", "chunked", "after an interim response"],
)
async def test_every_framing_ends_where_the_response_ends(answer: bytes, body: bytes) -> None:
    async with scripted_server(answer, OK) as server:
        connection = Connection(server.url)
        assert (await connection.request("GET", "/")).body == body
        assert (await connection.request("GET", "/")).body == b"ok"
        assert server.connections == 1


async def test_a_request_is_sent_as_the_standard_wants_it() -> None:
    async with scripted_server(OK, OK, OK) as server:
        connection = Connection(server.url + "/base/")
        await connection.request("POST", "/stores/a%2Fb/group_op", b"{}", {"prefer": "return=minimal"})
        await connection.request("POST", "/stores/s1/clean")
        await connection.request("GET", "/stores/s1")
    host = f"host: 127.0.0.1:{server.port}"
    assert [request.decode().split("\r\n") for request in server.requests] == [
        [
            "POST /base/stores/a%2Fb/group_op HTTP/1.1",
            host,
            "prefer: return=minimal",
            "content-type: application/json",
            "content-length: 2",
            "",
            "{}",
        ],
        ["POST /base/stores/s1/clean HTTP/1.1", host, "content-length: 0", "", ""],
        ["GET /base/stores/s1 HTTP/1.1", host, "", ""],
    ]


async def test_a_connection_is_used_again_until_the_server_says_close() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with scripted_server(OK, OK, closing, OK) as server:
        connection = Connection(server.url)
        counts = []
        for _ in range(4):
            assert (await connection.request("GET", "/")).body == b"ok"
            counts.append(server.connections)
    assert counts == [1, 1, 1, 2]


@pytest.mark.parametrize(
    "answer",
    [HANG_UP, HALF + b"|" + HANG_UP, HALF, b"SSH-2.0-OpenSSH_9.2\r\n"],
    ids=["hung up at once", "hung up half-way", "silent half-way", "not HTTP"],
)
async def test_a_request_without_a_whole_answer_is_lost_and_the_next_one_connects_anew(answer: bytes) -> None:
    async with scripted_server(answer, OK) as server:
        connection = Connection(server.url, answer_timeout=0.1)
        with pytest.raises(AnswerLost):
            await connection.request("POST", "/", b"{}")
        assert (await connection.request("GET", "/")).body == b"ok"
        assert server.connections == 2


async def test_a_request_that_is_cancelled_closes_the_connection_so_no_late_answer_is_mistaken() -> None:
    async with scripted_server() as server:
        connection = Connection(server.url)
        request = asyncio.create_task(connection.request("GET", "/"))
        await server.until("asked", 1)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await server.until("closed", 1)
        server.answers[:] = [OK, OK]
        assert (await connection.request("GET", "/")).body == b"ok"


async def test_a_second_request_at_the_same_time_is_a_mistake() -> None:
    async with scripted_server() as server:
        connection = Connection(server.url)
        request = asyncio.create_task(connection.request("GET", "/"))
        await server.until("asked", 1)
        with pytest.raises(RuntimeError, match="one request at a time"):
            await connection.request("GET", "/")
        request.cancel()


async def test_closing_closes_and_may_come_before_the_first_request() -> None:
    async with scripted_server(OK) as server:
        connection = Connection(server.url)
        connection.close()
        await connection.request("GET", "/")
        connection.close()
        await server.until("closed", 1)


async def test_where_nobody_listens_the_service_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    with pytest.raises(ServiceUnreachable, match=f"cannot connect to 127.0.0.1:{port}"):
        await Connection(f"http://127.0.0.1:{port}").request("GET", "/")


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8000", "ftp://host", "http://", "http://host:99999", "http://ho st", "http://host/?a=b"],
)
def test_what_is_not_the_url_of_a_service_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not a URL|out of range"):
        Connection(url)
