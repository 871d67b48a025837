"""Waits for MongoDB, as often as it takes, and says so once."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import TypeVar

from bot.clock import Clock
from bot.retries import pause
from store_api.errors import DatabaseUnavailable, OutcomeUnknown

Result = TypeVar("Result")

LONGEST_PAUSE = 5.0

log = logging.getLogger(__name__)


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
                await self._clock.sleep(min(LONGEST_PAUSE, pause(failures, self._random.random())))
            else:
                if failures:
                    log.info("MongoDB is back", extra={"action": "database_back"})
                return answer
