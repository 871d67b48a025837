"""How often, and how long, something that may work later is tried again."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import TypeVar

from bot.clock import Clock
from bot.errors import TelegramUnavailable
from store_api.errors import DatabaseUnavailable, OutcomeUnknown

Result = TypeVar("Result")

PATIENCE = 3600.0
"""Seconds for which the evening report is tried."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between two tries with Telegram."""

RETURN = 900.0
"""Seconds after which a report that Telegram did not take is taken up again, from its beginning."""

LONGEST_DATABASE_PAUSE = 5.0
"""Seconds between two questions to MongoDB."""

log = logging.getLogger(__name__)


def pause(failures: int, chance: float, retry_after: float | None = None) -> float:
    """Say how many seconds to wait after so many failures in a row.

    Args:
        failures: 1 and more; the pause doubles with each.
        chance: from 0 to 1; takes up to a quarter off, so that many do not come back at once.
        retry_after: what Telegram asks for; it is never less than that.
    """
    growing = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
    return max(growing * (1 - chance / 4), 0.0 if retry_after is None else retry_after + chance)


class Persistence:
    """Tries a request until Telegram takes it, refuses it, or patience is at its end.

    Args:
        clock: how pauses pass.
        random: what spreads them.
        patience: seconds, over all requests from the first one on.
    """

    def __init__(self, clock: Clock, random: Random, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._random = random
        self._until = clock.elapsed() + patience

    async def send(self, what: str, request: Callable[[], Awaitable[Result]]) -> Result:
        """Send one thing, again and again if need be.

        Raises:
            TelegramUnavailable: the last failure, when the next attempt would come too late.
            TelegramRefused: at once.
        """
        failures = 0
        while True:
            try:
                return await request()
            except TelegramUnavailable as failure:
                failures += 1
                seconds = pause(failures, self._random.random(), failure.retry_after)
                if self._clock.elapsed() + seconds > self._until:
                    raise
                log.warning(
                    "Not sent yet: %s",
                    failure.reason,
                    extra={"action": "telegram_retry", "what": what, "pause_seconds": round(seconds, 1)},
                )
            await self._clock.sleep(seconds)


class PatientDatabase:
    """Asks again until MongoDB answers; only for what may be asked twice.

    Args:
        clock: how time passes.
        random: spreads the asking.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random

    async def ask(self, question: Callable[[], Awaitable[Result]], until: datetime) -> Result:
        """Give the answer.

        Raises:
            DatabaseUnavailable, OutcomeUnknown: there was none by then.
        """
        failures = 0
        while True:
            try:
                answer = await question()
            except (DatabaseUnavailable, OutcomeUnknown):
                failures += 1
                if self._clock.now() >= until:
                    raise
                if failures == 1:
                    log.warning("Waiting for MongoDB", extra={"action": "database_awaited", "until": until})
                await self._clock.sleep(min(LONGEST_DATABASE_PAUSE, pause(failures, self._random.random())))
            else:
                if failures:
                    log.info("MongoDB is back", extra={"action": "database_back"})
                return answer
