"""The sending of one day's report, from its claim to the note that it was sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import TypeVar

from bot.clock import Clock
from bot.compose.composer import Composer, Past
from bot.daily.claims import LEASE, Claim, Claims
from bot.daily.parts import MESSAGE, Request, deliver
from bot.errors import TakenOver, TelegramRefused, TelegramUnavailable
from bot.report.chart import MOST_DAYS
from bot.report.timetable import DueReport
from bot.retries import PatientDatabase, Persistence
from bot.telegram.chat import Chat
from store_api.errors import DatabaseUnavailable, OutcomeUnknown

Result = TypeVar("Result")

FINISH_SECONDS = 8.0
"""How long a request in flight may take to end when the bot is told to stop."""

RELEASE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Tools:
    """All that it takes to send a report."""

    claims: Claims
    composer: Composer
    chat: Chat
    clock: Clock
    random: Random

    @property
    def database(self) -> PatientDatabase:
        """MongoDB, asked with patience."""
        return PatientDatabase(self.clock, self.random)

    async def past(self, before: date | None = None) -> Past:
        """Read what the report is compared with: what was sent before that day, or at all."""
        return Past(await self.claims.last_sent(before), await self.claims.history(MOST_DAYS, before))


class DayReport:
    """One day's report, which is ours to send.

    Args:
        tools: with what.
        day: whose.
        claim: ours, as we got it.
        until: how long MongoDB is waited for.
    """

    def __init__(self, tools: Tools, day: date, claim: Claim, until: datetime) -> None:
        self._tools = tools
        self._claims = tools.claims
        self._day = day
        self._sent_already = claim.parts
        self._until = until

    async def run(self, late: DueReport | None) -> None:
        """Compose it, send what was not sent already, and close the day.

        Cancelled, it lets a request in flight end, and lets go of the day.

        Raises:
            TelegramUnavailable: not now; nobody tries before Telegram allows it.
            TelegramRefused: it was given up, and that is written down.
            TakenOver: another bot has it now.
            DatabaseUnavailable, OutcomeUnknown: MongoDB did not come back in time.
        """
        try:
            async with self._lease_kept():
                await self._send(late)
        except TelegramRefused as failure:
            reason = str(failure)
            await self._ask(lambda: self._claims.fail(self._day, reason))
            raise
        except TelegramUnavailable as failure:
            asked_for = failure.retry_after
            if asked_for is None:
                await self._ask(lambda: self._claims.release(self._day))
            else:
                await self._ask(lambda: self._claims.put_off(self._day, asked_for))
            raise
        except asyncio.CancelledError:
            with suppress(DatabaseUnavailable, OutcomeUnknown, TimeoutError):
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._claims.release(self._day)
            raise

    async def _send(self, late: DueReport | None) -> None:
        tools = self._tools
        past = await self._ask(lambda: tools.past(self._day))
        stocktake = await self._ask(lambda: tools.composer.take_stock(tools.clock.now()))
        report = await tools.composer.compose(stocktake, past, late)
        if MESSAGE not in self._sent_already:
            totals, read_at = stocktake.totals(), stocktake.at
            await self._ask(
                lambda: self._claims.note_totals(self._day, totals, read_at, late=late is not None)
            )
        await deliver(
            tools.chat,
            report,
            Persistence(tools.clock, tools.random),
            wrapper=self._attempt,
            sent_already=self._sent_already,
        )
        await self._ask(lambda: self._claims.finish(self._day))

    async def _attempt(self, part: str, request: Request) -> int:
        """Make one request, with the day ours for longer than it can take, and note that it was delivered."""
        if not await self._ask(lambda: self._claims.renew(self._day)):
            raise TakenOver
        attempt = asyncio.ensure_future(self._request_and_note(part, request))
        try:
            return await asyncio.shield(attempt)
        finally:
            if not attempt.done():
                await asyncio.wait([attempt], timeout=FINISH_SECONDS)
                attempt.cancel()
                await asyncio.gather(attempt, return_exceptions=True)

    async def _request_and_note(self, part: str, request: Request) -> int:
        message_id = await request()
        await self._ask(lambda: self._claims.note_sent(self._day, part, message_id))
        return message_id

    async def _ask(self, question: Callable[[], Awaitable[Result]]) -> Result:
        return await self._tools.database.ask(question, self._until)

    @asynccontextmanager
    async def _lease_kept(self) -> AsyncIterator[None]:
        """Prolong the lease while the report is composed, and while Telegram makes us wait."""
        heart = asyncio.create_task(self._keep_lease())
        try:
            yield
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def _keep_lease(self) -> None:
        while True:
            await self._tools.clock.sleep(LEASE.total_seconds() / 3)
            with suppress(DatabaseUnavailable, OutcomeUnknown):
                await self._claims.renew(self._day)
