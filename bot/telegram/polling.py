"""Asks Telegram for messages, one after the other, for as long as the bot runs."""

import logging
from random import Random

from bot.clock import Clock
from bot.errors import TelegramRefused, TelegramUnavailable
from bot.retries import pause
from bot.telegram.aiogram import Dispatcher, Update
from bot.telegram.backlog import Backlog
from bot.telegram.chat import Chat, Received

log = logging.getLogger(__name__)

WAS_AWAY = "I was away, and have not answered what you asked meanwhile. Ask again."


class Polling:
    """Receives messages and has them answered in their order; what is old by then is not answered.

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
        self._backlog = Backlog(clock)
        self._last: int | None = None
        self._left_out = 0

    async def run(self) -> None:
        """Go on for ever; an outage is one line when it begins and one when it ends."""
        failures, said = 0, ""
        while True:
            try:
                received = await self._chat.receive(self._last)
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
            await self._take(received)

    async def _take(self, received: Received) -> None:
        """Answer what is fresh, and say once to the user that the rest is not answered."""
        # First, so that a message that cannot be dealt with is not asked for again and again. The last number
        # and not the highest: after a week without messages Telegram begins anew, maybe lower.
        self._last = received.last if received.last is not None else self._last
        for update_id in received.unreadable:
            log.warning(
                "A message cannot be read, and is left out",
                extra={"action": "update_unreadable", "update": update_id},
            )
        fresh, old = self._backlog.sort_out(received.updates, all_there_was=received.all_there_was)
        if old:
            log.warning(
                "Old messages are not answered", extra={"action": "old_messages_left_out", "number": len(old)}
            )
        self._left_out += sum(self._chat.is_with_the_user(update) for update in old)
        for update in fresh:
            await self._answer(update)
        if self._left_out and received.all_there_was:
            self._left_out = 0
            await self._say_that_we_were_away()

    async def _answer(self, update: Update) -> None:
        try:
            await self._dispatcher.feed_update(self._chat.bot, update)
        except Exception as error:  # noqa: BLE001  (one message must not end the bot)
            log.error("A message was not answered", extra={"action": "fault", "error": type(error).__name__})

    async def _say_that_we_were_away(self) -> None:
        try:
            await self._chat.send_text(WAS_AWAY)
        except (TelegramUnavailable, TelegramRefused) as failure:
            # Not tried again: whoever gets no answer asks again anyway.
            log.warning("Not said: %s", failure, extra={"action": "command_failed", "command": "away"})
