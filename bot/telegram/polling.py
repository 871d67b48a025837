"""Asks Telegram for messages, one after the other, for as long as the bot runs."""

import logging
from random import Random

from aiogram import Dispatcher
from aiogram.types import Update

from bot.clock import Clock
from bot.errors import TelegramRefused, TelegramUnavailable
from bot.retries import pause
from bot.telegram.chat import Chat

log = logging.getLogger(__name__)


class Polling:
    """Receives messages and has them answered in their order.

    Not aiogram's own loop: that takes the process's signals, ends when Telegram is away at the start, and
    logs two lines each few seconds while it is away later.

    Args:
        chat: who asks.
        dispatcher: who answers.
        clock: how pauses pass.
        random: spreads them.
    """

    def __init__(self, chat: Chat, dispatcher: Dispatcher, clock: Clock, random: Random) -> None:
        self._chat = chat
        self._dispatcher = dispatcher
        self._clock = clock
        self._random = random
        self._last: int | None = None

    async def run(self) -> None:
        """Go on for ever; an outage is one line when it begins and one when it ends."""
        failures, said = 0, ""
        while True:
            try:
                updates = await self._chat.receive(self._last)
            except (TelegramUnavailable, TelegramRefused) as failure:
                failures += 1
                if str(failure) != said:
                    said = str(failure)
                    log.warning("No messages: %s", failure, extra={"action": "polling_failed"})
                asked_for = failure.retry_after if isinstance(failure, TelegramUnavailable) else None
                await self._clock.sleep(pause(failures, self._random.random(), asked_for))
                continue
            if failures:
                log.info("Messages come again", extra={"action": "polling_back"})
                failures, said = 0, ""
            for update in updates:
                await self._answer(update)

    async def _answer(self, update: Update) -> None:
        # First, so that a message that cannot be dealt with is not asked for again and again.
        self._last = update.update_id
        try:
            await self._dispatcher.feed_update(self._chat.bot, update)
        except Exception as error:  # noqa: BLE001  (one message must not end the bot)
            log.error("A message was not answered", extra={"action": "fault", "error": type(error).__name__})
