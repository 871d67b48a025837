"""Those who act in the torture notice what is wrong with what they are told: each kind is planted once."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from pymongo import MongoClient

from bench.load.http_client import Response, ServiceUnreachable
from tests.support.programs import begun
from tests.torture.__main__ import main
from tests.torture.account import Book
from tests.torture.actors.clients import Client, Kept, meaning_of
from tests.torture.actors.evening import Sent, Step, heading_of, units_in, wrongs_of_day
from tests.torture.actors.guests import Guest
from tests.torture.actors.listeners import Listener
from tests.torture.calm import Calm
from tests.torture.harm.clocks import library, wrong_clock
from tests.torture.story import Story

GOOD = (
    '{"store":{"store_id":"h0-0-0","report":['
    '{"item_id":"left","quantity":2},{"item_id":"right","quantity":2}]}}'
)
HALF = GOOD.replace('"right","quantity":2', '"right","quantity":1')
OTHER = GOOD.replace("h0-0-0", "m0-0-0")
ONE, NINE = (
    GOOD.replace('"quantity":2}]', f'"quantity":2}},{{"item_id":"rising","quantity":{n}}}]') for n in (1, 9)
)


def listener(story: Story, **kind: bool) -> Listener:
    heard = Listener("some", "http://127.0.0.1:1", "/ws/stores", "sapi_x", story, only="h*", **kind)
    book = Book(0)
    book.store("h", 0)
    heard.know(book)
    heard.connected.set()
    return heard


async def test_who_never_knows_is_told_and_does_not_end_the_story() -> None:
    scene: Any = SimpleNamespace(clients=[SimpleNamespace(busy_with="a wish")], story=Story())

    async def never() -> None:
        await asyncio.Event().wait()

    async def breaks() -> None:
        raise ValueError

    await Calm(scene).all_know([asyncio.create_task(never())], 0.01)
    wish, actors = scene.story.wrongs
    assert "a wish: nobody says" in wish
    assert "1 actors have not ended" in actors
    with pytest.raises(ValueError):  # noqa: PT011
        await Calm(scene).all_know([asyncio.create_task(breaks())])


async def test_of_stores_that_took_the_proof_along_nothing_is_asked() -> None:
    client = Client("c0", ["http://127.0.0.1:1"], "sapi_x", Story(), "1", keyed=True, alone=False)
    client.kept.append(Kept("/stores/gone", b"", "key", "applied"))
    await client.ask_again({"gone"})
    with pytest.raises(ServiceUnreachable):
        await client.ask_again({"other"})


@pytest.mark.skipif(library() is None, reason="needs Debian's libfaketime")
def test_a_program_with_a_wrong_clock_can_sleep() -> None:
    code = "import time; began = time.monotonic(); time.sleep(0.05); print(time.monotonic() - began >= 0.05)"
    said = subprocess.run(
        begun(sys.executable, "-c", f"import store_api; {code}; print(time.sleep.__name__)"),
        env={**os.environ, **wrong_clock(3)},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert (said.stdout.split(), said.stderr) == (["True", "_sleep"], "")


def test_no_minutes_are_no_torture(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in ("0", "-3", "nan", "x"):
        monkeypatch.setattr(sys, "argv", ["torture", "--minutes", minutes])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        assert "--minutes" in capsys.readouterr().err


def test_a_frame_that_is_right_is_right() -> None:
    heard = listener(story := Story())
    for frame in (GOOD, ONE, NINE):
        heard._hear(frame)
    assert story.wrongs == []
    truth = {"h0-0-0": {"left": 2, "right": 2, "rising": 9}, "m0-0-0": {"a": 1}}
    assert heard.differs(truth, {"h0-0-0", "m0-0-0"}) == []
    assert heard.differs({"h0-0-0": {"left": 2}}, {"h0-0-0"}) != []
    assert heard.differs({"h0-0-0": heard.last["h0-0-0"], "h0-0-1": {"a": 1}}, {"h0-0-0", "h0-0-1"}) != []
    heard.connected.clear()
    assert heard.differs({}, set()) != []


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize(
    "frames", [[HALF], [OTHER], [NINE, ONE]], ids=("half", "not to be heard", "set back")
)
def test_a_frame_that_cannot_be_is_found(frames: list[str], changes: bool) -> None:
    heard = listener(story := Story(), changes=changes)
    for frame in frames:
        heard._hear(frame)
    assert story.wrongs != []


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (200, '{"store":{"store_id":"a","report":[{"item_id":"a","quantity":2}]}}', ("applied", {"a": 2})),
        (404, '{"type":"/problems/store-not-found","outcome":"not applied"}', ("refused", None)),
        (
            409,
            '{"type":"/problems/out-of-stock","outcome":"not applied","shortages":'
            '[{"item_id":"a","wanted":2,"available":1}]}',
            ("refused", {"a": 1}),
        ),
        (409, '{"type":"/problems/idempotency-in-flight","outcome":"unknown"}', ("doubtful", None)),
        (500, '{"type":"/problems/applied-unreported","outcome":"applied"}', ("applied", None)),
        (503, '{"type":"/problems/outcome-unknown","outcome":"unknown"}', ("doubtful", None)),
        (503, '{"type":"/problems/overloaded","outcome":"not applied"}', ("not applied", None)),
        (500, '{"type":"about:blank"}', ("500 about:blank, None", None)),
        (
            401,
            '{"type":"/problems/credential-invalid","outcome":"not applied"}',
            ("401 credential-invalid, not applied", None),
        ),
    ],
)
def test_what_answers_mean(status: int, body: str, means: tuple[str, object]) -> None:
    assert meaning_of(Response(status, {}, body.encode()))[:2] == means


@pytest.fixture
async def open_door() -> AsyncIterator[str]:
    """A service that lets everybody in."""

    async def let_in(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/stores", let_in)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_who_is_let_in_and_may_not_is_found(open_door: str, mongo_url: str) -> None:
    with MongoClient[dict[str, Any]](mongo_url) as mongo:
        guest = Guest("guest", [open_door], mongo, story := Story(), "seed")
        await guest.visit(0.1, asyncio.Event(), strictly=True)
        assert len(story.wrongs) == 1
        await guest.is_kept_out()
        assert len(story.wrongs) == 2


STEPS = [Step(8, 0, 90), Step(10, 95, 96), Step(12, 101, 102), Step(14, 109, 109)]


@pytest.mark.parametrize(
    ("units", "wrongs"), [([10], 0), ([12], 0), ([], 1), ([10, 10], 1), ([11], 1), ([14], 1), ([8], 1)]
)
def test_a_report_that_is_missing_doubled_or_false_is_found(units: list[int], wrongs: int) -> None:
    sent = [Sent(many, 103) for many in units]
    assert len(list(wrongs_of_day(sent, STEPS, 100, excused=False))) == wrongs
    # Of a bot that was killed it may come twice, or not; but it is never false.
    assert len(list(wrongs_of_day(sent, STEPS, 100, excused=True))) == (wrongs if len(units) == 1 else 0)


def test_where_the_store_was_deleted_a_report_is_at_least_even() -> None:
    assert list(wrongs_of_day([Sent(4, 103)], None, 100, excused=False)) == []
    assert list(wrongs_of_day([Sent(5, 103)], None, 100, excused=False)) != []


def test_the_figure_and_the_day_of_a_report_are_read() -> None:
    late = "Late: this is the report of Tue 24 Nov, 12:00."
    assert heading_of(f"Stock · Wed 25 Nov 2026, 00:01 UTC\n{late}\n1 store") == late
    assert heading_of("Stock · Tue 24 Nov 2026, 12:00 UTC\n1 store") == "Stock · Tue 24 Nov 2026, 12:00 UTC"
    assert units_in("Stock · Tue 24 Nov 2026, 21:00\n2 stores, 42 items, 2,023 units\n+1 unit since") == 2023
