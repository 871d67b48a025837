"""Which of the messages that waited for the bot are still worth an answer."""

from collections.abc import Sequence
from datetime import timedelta

from bot.clock import Clock
from bot.telegram.aiogram import Update

OLD = timedelta(minutes=5)
"""A message that waited for longer is not answered: whoever asked has given up, or has asked again."""


class Backlog:
    """Sorts messages that came in one answer.

    Their age is told by Telegram's clock against ours, and ours may be wrong. So that a wrong clock does not
    make the bot deaf, it counts only where a message may have waited: at the start, and after an outage.

    Args:
        clock: what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._emptied: float | None = None

    def sort_out(
        self, updates: Sequence[Update], *, all_there_was: bool
    ) -> tuple[list[Update], list[Update]]:
        """Give those to answer, and those that are too old; of equal ones to answer only the last is left.

        Args:
            updates: in their order.
            all_there_was: whether nothing else was waiting.
        """
        now = self._clock.elapsed()
        no_older_than = None if self._emptied is None else now - self._emptied
        self._emptied = now if all_there_was else self._emptied
        if no_older_than is not None and no_older_than <= OLD.total_seconds():
            return _without_repetitions(updates), []
        since = self._clock.now() - OLD
        fresh: list[Update] = []
        old: list[Update] = []
        for update in updates:
            is_old = update.message is not None and update.message.date < since
            (old if is_old else fresh).append(update)
        return _without_repetitions(fresh), old


def _without_repetitions(updates: Sequence[Update]) -> list[Update]:
    """Leave the last of those who ask for the same: whoever taps three times wants one answer."""
    last = {_question(update): update for update in updates}
    return [update for update in updates if last[_question(update)] is update]


def _question(update: Update) -> object:
    message = update.message
    if message is None or message.from_user is None:
        return update.update_id
    return message.from_user.id, message.chat.id, message.text
