"""The evening report: a store whose every figure is known, and the reports that the user was really sent."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.load.http_client import AnswerLost, Connection, ServiceUnreachable
from tests.support.bot_api import BotApi, Call
from tests.support.listening import read_report
from tests.support.persistent import is_known, new_key
from tests.torture.account import LEFT, RIGHT, Book, Operation
from tests.torture.actors.clients import request_of
from tests.torture.actors.quick_days import quick_now
from tests.torture.story import Story

STORE = "evening"
DAY_SECONDS = 40.0
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
        reports = [call for call in self._telegram.delivered if call.method == "sendMessage"]
        while (due := self._due(number)) + day / 2 + 2 < now:
            name = quick_now(self._began, day)
            del name
            if due > self._judged_until:
                self._judge_day(number, due, reports)
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

    def _judge_day(self, number: int, due: float, reports: list[Call]) -> None:
        day = datetime.fromtimestamp(self._began + number * 86_400, UTC)
        mine = [
            call for call in reports if f"{day.day} {day:%b %Y}" in call.fields["text"].partition("\n")[0]
        ]
        hurt = [
            span for span in self.hurt if span[0] < due + DAY_SECONDS / 2 and span[1] > due - DAY_SECONDS / 4
        ]
        self._story.counts[f"evening reports: {len(mine)} times"] += 1
        if len(mine) != 1 and not hurt:
            self._story.wrong(f"evening heard the report of {day:%d %b} {len(mine)} times")
        for call in mine:
            told = re.search(r"([\d,]+) units?", call.fields["text"])
            units = int(told[1].replace(",", "")) if told else 0
            if not self._was_true(units, due, call.at + self._offset):
                near = [
                    step
                    for step in self._steps
                    if due - 5 < step.ended or step.began < call.at + self._offset
                ]
                self._story.wrong(f"evening heard {units} units, which never were: {near[:40]}")

    def _was_true(self, units: int, since: float, until: float) -> bool:
        if self._was_dropped:
            return units % 2 == 0
        for step, after in zip(
            self._steps, [*self._steps[1:], Step(0, float("inf"), float("inf"))], strict=True
        ):
            if step.units == units and step.began <= until and after.ended >= since:
                return True
        return False

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
