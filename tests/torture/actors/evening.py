"""The evening report: a store whose every figure is known, and the reports that the user was really sent."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from bench.load.http_client import AnswerLost, Connection, ServiceUnreachable
from tests.support.bot_api import BotApi
from tests.support.listening import read_report
from tests.support.persistent import is_known, new_key
from tests.torture.account import LEFT, RIGHT, Book, Operation
from tests.torture.actors.clients import request_of
from tests.torture.story import Story

STORE = "evening"
DAY_SECONDS = 60.0
"""A day takes so long; a report that comes half a day late is not sent any more."""

PACE_SECONDS = 0.2
PAUSE_SECONDS = 0.1


@dataclass(slots=True)
class Step:
    """One supply to the store: it holds `units` from some moment between these two on.

    Attributes:
        began: when it was sent; seconds since 1970.
        ended: when it was known to be applied.
    """

    units: int
    began: float
    ended: float


class Sent(NamedTuple):
    """A report that the user was sent.

    Args:
        units: that it tells of.
        at: when; seconds since 1970.
    """

    units: int
    at: float


def units_in(text: str) -> int:
    """Give how many units a report says that there are."""
    told = re.search(r"([\d,]+) units?", text)
    return int(told[1].replace(",", "")) if told else 0


def heading_of(text: str) -> str:
    """Give the line of a report that says of which day it is: one that comes late says so in its second."""
    first, second, *_ = [*text.split("\n"), ""]
    return second if second.startswith("Late:") else first


def wrongs_of_day(
    sent: Sequence[Sent], steps: Sequence[Step] | None, due: float, *, excused: bool
) -> Iterator[str]:
    """Say what is wrong with the reports of one day.

    Args:
        sent: all of them.
        steps: what the store held, step by step; None where only evenness is known.
        due: when the report was due, before which nothing of it was read.
        excused: whether the bot was hurt, so that it may come twice or not at all.
    """
    if len(sent) != 1 and not excused:
        yield f"{len(sent)} reports"
    for units, at in sent:
        if steps is None:
            was_true = units % 2 == 0
        else:
            ends = [*(step.ended for step in steps[1:]), float("inf")]
            was_true = any(
                step.units == units and step.began <= at and end >= due
                for step, end in zip(steps, ends, strict=True)
            )
        if not was_true:
            yield f"{units} units, which never were; {steps and steps[-40:]}"


class Evening:
    """Supplies to one store, of which the report tells, and judges the reports.

    Args:
        urls: of the services.
        token: says who it is.
        story: gets all that is wrong.
        began: when days began to be quick, in seconds since 1970.
        telegram: what the user was sent.

    Attributes:
        hurt: when something was done to the bot: from, until.
    """

    def __init__(self, urls: Sequence[str], token: str, story: Story, began: float, telegram: BotApi) -> None:
        self.hurt: list[tuple[float, float]] = []
        self._connections = [Connection(url, 20.0, token=token) for url in urls]
        self._story = story
        self._began = began
        self._telegram = telegram
        self._steps: list[Step] = []
        self._judged_until = time.time()
        self._offset = time.time() - time.monotonic()
        self._was_dropped = False

    async def go_on(self, book: Book, is_over: asyncio.Event, is_open: asyncio.Event) -> None:
        """Supply two pieces again and again, until it is over; arguments as a client's."""
        units = await self._held()
        self._steps = [*self._steps[-400:], Step(units, 0.0, time.time())]
        store = book.store("e", 0)
        while not is_over.is_set():
            if store.doomed:
                self._was_dropped = True
            if not is_open.is_set() or self._was_dropped:
                await asyncio.sleep(PACE_SECONDS)
                continue
            step = Step(units + 2, time.time(), float("inf"))
            self._steps.append(step)
            await self._supply()
            step.ended, units = time.time(), units + 2
            await asyncio.sleep(PACE_SECONDS)

    def judge(self) -> None:
        """Look at the reports of the days whose time is over: each once, with what was true at a moment."""
        now, day = time.time(), DAY_SECONDS
        number = int((self._judged_until - self._began) / day)
        while (due := self._due(number)) + day / 2 + 2 < now:
            if due > self._judged_until:
                self._judge_day(number, due)
            number += 1
        self._judged_until = max(self._judged_until, due - day)
        self._was_dropped = False
        keep = self._began + (number - 3) * day - self._offset
        self._telegram.delivered[:] = [call for call in self._telegram.delivered if call.at > keep]
        self._telegram.calls.clear()

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            connection.close()

    def _due(self, number: int) -> float:
        """Give when, in seconds since 1970, the report of a day is due: at noon."""
        first = datetime.fromtimestamp(self._began, UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        quick = first.timestamp() + number * 86_400 - self._began
        return self._began + quick * DAY_SECONDS / 86_400

    def _judge_day(self, number: int, due: float) -> None:
        day = datetime.fromtimestamp(self._began + number * 86_400, UTC)
        sent = [
            Sent(units_in(call.fields["text"]), call.at + self._offset)
            for call in self._telegram.delivered
            if call.method == "sendMessage" and f" {day.day} {day:%b}" in heading_of(call.fields["text"])
        ]
        until = due + DAY_SECONDS / 2
        excused = any(since < until and end > due - DAY_SECONDS / 4 for since, end in self.hurt)
        self._story.counts[f"evening reports: {len(sent)} times"] += 1
        # Where the store was deleted meanwhile, nobody knows more of a figure than that it is even.
        steps = None if self._was_dropped else self._steps
        for wrong in wrongs_of_day(sent, steps, due, excused=excused):
            self._story.wrong(f"evening heard of {day:%d %b}: {wrong}")

    async def _supply(self) -> None:
        path, body = request_of(STORE, Operation("supply", {LEFT: 1, RIGHT: 1}))
        key = new_key()
        while True:
            for connection in self._connections:
                try:
                    answer = await connection.request("POST", path, body, {"idempotency-key": key})
                    if is_known(answer):
                        return
                except (AnswerLost, ServiceUnreachable):
                    pass
                await asyncio.sleep(PAUSE_SECONDS)

    async def _held(self) -> int:
        answer = await self._connections[0].request("GET", f"/stores/{STORE}")
        return 0 if answer.status == 404 else sum(read_report(answer.body).items.values())
