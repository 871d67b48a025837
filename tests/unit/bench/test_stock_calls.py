import json
import re
import socket
from typing import Any

import pytest

from bench.demo.receipts import Line
from bench.load.http_client import Connection, Response, ServiceUnreachable
from bench.load.stock_calls import Answer, CannotGoOn, Outcome, StockCalls, outcome_of, retry_after
from tests.support.scripted_server import HANG_UP, scripted_server


def answer(status: int, document: Any, *headers: str) -> bytes:
    body = json.dumps(document).encode()
    head = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def response(status: int, document: Any = None, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, names, json.dumps(document).encode())


OK = answer(200, {"store": {"store_id": "s1", "report": [{"item_id": "a", "quantity": 3}]}})
BUSY = answer(503, {"detail": "Too many wait.", "outcome": "not applied"}, "Retry-After: 0")
UNKNOWN = answer(503, {"detail": "No answer in time.", "outcome": "unknown"}, "Retry-After: 0")
IN_FLIGHT = answer(409, {"title": "In flight", "outcome": "unknown"}, "Retry-After: 0")
SHORT = answer(409, {"title": "Out of stock", "outcome": "not applied"})
ITEMS = (Line("a", 3),)


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (response(200), Outcome.APPLIED),
        (response(409, {"outcome": "not applied"}), Outcome.REFUSED),
        (response(404), Outcome.REFUSED),
        (response(503, {"outcome": "not applied"}, retry_after="1"), Outcome.NOT_YET),
        (response(503, {"outcome": "not applied"}), Outcome.REFUSED),
        (response(429, {"outcome": "not applied"}, retry_after="1"), Outcome.NOT_YET),
        (response(429, {"outcome": "not applied"}), Outcome.REFUSED),
        (response(503, {"outcome": "unknown"}, retry_after="1"), Outcome.UNKNOWN),
        (response(503, retry_after="1"), Outcome.UNKNOWN),
        (response(500, {"outcome": "applied"}), Outcome.APPLIED),
        (response(500, {"outcome": "not applied"}), Outcome.REFUSED),
        (response(500), Outcome.UNKNOWN),
        (response(502, ["no", "problem"]), Outcome.UNKNOWN),
        (Response(504, {}, b"<html>"), Outcome.UNKNOWN),
    ],
)
def test_a_change_is_only_taken_as_definite_when_the_response_says_so(
    given: Response, outcome: Outcome
) -> None:
    assert outcome_of(given) is outcome


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("7", 7), ("Fri, 31 Dec 1999 23:59:59 GMT", 1), ("-1", 1), ("²", 1)]
)
def test_how_long_to_wait_is_the_header_in_seconds_or_one_second(text: str, seconds: float) -> None:
    assert retry_after(response(503, retry_after=text)) == seconds


async def test_a_change_that_was_not_applied_yet_is_sent_again_until_it_is() -> None:
    async with scripted_server(BUSY, BUSY, OK) as server:
        calls = StockCalls(Connection(server.url))
        assert (await calls.change("s1", "supply", ITEMS)).outcome is Outcome.APPLIED
        assert calls.retries == 2
        assert len(set(server.requests)) == 1


@pytest.mark.parametrize("lost", [UNKNOWN, HANG_UP, IN_FLIGHT], ids=["unknown", "cut off", "in flight"])
@pytest.mark.parametrize(
    ("last", "outcome"), [(OK, Outcome.APPLIED), (SHORT, Outcome.REFUSED)], ids=["applied", "refused"]
)
async def test_a_change_of_unknown_outcome_is_sent_again_as_the_same_until_it_is_known(
    lost: bytes, last: bytes, outcome: Outcome
) -> None:
    async with scripted_server(lost, BUSY, lost, last) as server:
        calls = StockCalls(Connection(server.url))
        assert (await calls.change("s1", "demand", ITEMS)).outcome is outcome
        assert calls.retries == 3
        assert len(set(server.requests)) == 1


async def test_each_change_has_a_key_of_its_own_and_a_reading_none() -> None:
    async with scripted_server(OK, OK, OK) as server:
        calls = StockCalls(Connection(server.url))
        await calls.change("s1", "supply", ITEMS)
        await calls.clean("s1")
        await calls.report("s1")
    keys = [re.findall(rb"idempotency-key: ([!-~]+)\r\n", request) for request in server.requests]
    assert [len(each) for each in keys] == [1, 1, 0]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("lost", "given"),
    [
        (UNKNOWN, Answer(Outcome.UNKNOWN, 503, "503 No answer in time.")),
        (HANG_UP, Answer(Outcome.UNKNOWN, 0, "the connection closed before the answer was complete")),
    ],
)
async def test_what_nobody_says_while_patience_lasts_is_unknown_whatever_came_last(
    lost: bytes, given: Answer
) -> None:
    later = answer(503, {"detail": "Too many wait.", "outcome": "not applied"}, "Retry-After: 9")
    async with scripted_server(lost, later) as server:
        calls = StockCalls(Connection(server.url), patience=5)
        assert await calls.change("s1", "demand", ITEMS) == given
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_who_is_not_let_in_is_told_where_a_token_is_looked_for(status: int) -> None:
    refused = answer(status, {"type": "/problems/x", "detail": "Say who you are."})
    async with scripted_server(refused) as server:
        with pytest.raises(CannotGoOn, match=rf"{status} Say who you are\. \(STORE_API_TOKEN"):
            await StockCalls(Connection(server.url)).probe()


async def test_every_call_says_who_asks_where_there_is_a_token() -> None:
    async with scripted_server(OK, OK) as server:
        calls = StockCalls(Connection(server.url, token="sapi_x"))  # noqa: S106
        await calls.change("s1", "supply", ITEMS)
        await calls.report("s1")
    assert [request.count(b"\r\nauthorization: Bearer sapi_x\r\n") for request in server.requests] == [1, 1]


@pytest.mark.parametrize("token", ["a b", "a\r\nhost: evil.example", "ä"])
def test_what_can_be_no_token_is_sent_to_nobody(token: str) -> None:
    with pytest.raises(ValueError, match="the token can be none"):
        Connection("http://127.0.0.1:8000", token=token)


async def test_a_report_is_asked_for_again_whatever_went_wrong() -> None:
    async with scripted_server(UNKNOWN, HANG_UP, BUSY, OK) as server:
        assert await StockCalls(Connection(server.url)).report("s1") == {"a": 3}


async def test_a_report_of_no_store_is_none_and_of_a_broken_one_the_end() -> None:
    broken = answer(500, {"title": "Broken document"})
    async with scripted_server(answer(404, {}), broken) as server:
        calls = StockCalls(Connection(server.url))
        assert await calls.report("s1") is None
        with pytest.raises(CannotGoOn, match="report of store s1: 500 Broken document"):
            await calls.report("s1")


async def test_patience_ends() -> None:
    later = answer(503, {"detail": "Too many wait.", "outcome": "not applied"}, "Retry-After: 9")
    async with scripted_server(later) as server:
        calls = StockCalls(Connection(server.url), patience=5)
        with pytest.raises(CannotGoOn, match=r"5 seconds: 503 Too many wait\."):
            await calls.change("s1", "demand", ITEMS)


async def test_short_reports_are_asked_for_unless_full_ones_are_wanted_and_ids_may_be_anything() -> None:
    async with scripted_server(OK, OK, OK) as server:
        await StockCalls(Connection(server.url)).clean("a/b %")
        await StockCalls(Connection(server.url), full=True).clean("s1")
        await StockCalls(Connection(server.url)).report("s1")
    short, full, reading = server.requests
    assert short.startswith(b"POST /stores/a%2Fb%20%25/clean HTTP/1.1\r\n")
    assert [b"prefer: return=minimal\r\n" in request for request in (short, full, reading)] == [
        True,
        False,
        False,
    ]


async def test_a_probe_tells_this_service_from_others() -> None:
    unready = answer(503, {"detail": "No primary.", "outcome": "not applied"}, "Retry-After: 1")
    other = answer(200, {"hello": "world"})
    stores = answer(200, {"stores": [], "next": None})
    async with scripted_server(stores, other, answer(404, {}), unready, HANG_UP) as server:
        calls = StockCalls(Connection(server.url))
        await calls.probe()
        for message in (
            "answered 200",
            "answered 404",
            r"is not ready: 503 No primary\.",
            "connection closed",
        ):
            with pytest.raises(CannotGoOn, match=message):
                await calls.probe()


async def test_a_probe_does_not_wait_for_a_service_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    with pytest.raises(ServiceUnreachable):
        await StockCalls(Connection(f"http://127.0.0.1:{port}")).probe()
