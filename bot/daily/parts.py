"""Delivers a composed report part by part: the message, the picture, the workbook."""

import logging
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from bot.compose.composer import ComposedReport
from bot.errors import BotRefused, TelegramRefused
from bot.retries import Persistence
from bot.telegram.chat import Chat

log = logging.getLogger(__name__)

MESSAGE, PICTURE, WORKBOOK = "message", "picture", "workbook"

Request = Callable[[], Awaitable[int]]
Wrapper = Callable[[str, Request], Awaitable[int]]


def parts(chat: Chat, report: ComposedReport) -> list[tuple[str, Request]]:
    """List what a report consists of, in the order in which it is sent, and how each part is."""
    found: list[tuple[str, Request]] = [(MESSAGE, partial(chat.send_text, report.message))]
    if report.picture is not None:
        name = f"{report.name}.png"
        found.append((PICTURE, partial(chat.send_picture, report.picture, name, report.caption)))
    if report.workbook is not None:
        name = f"{report.name}.xlsx"
        found.append((WORKBOOK, partial(chat.send_file, report.workbook, name, report.caption)))
    return found


async def deliver(
    chat: Chat,
    report: ComposedReport,
    persistence: Persistence,
    *,
    wrapper: Wrapper | None = None,
    sent_already: Collection[str] = (),
) -> None:
    """Send all parts; a picture or a workbook that Telegram will not have is left out, with one log line.

    Args:
        chat: who sends.
        report: what is sent.
        persistence: how long it is tried.
        wrapper: called with each part and its request, in place of just making it.
        sent_already: parts that are left out.

    Raises:
        TelegramUnavailable: not in time.
        TelegramRefused: it will not have the message, or the bot.
    """
    for part, request in parts(chat, report):
        if part in sent_already:
            continue
        attempt = request if wrapper is None else partial(wrapper, part, request)
        try:
            await persistence.send(part, attempt)
        except TelegramRefused as refused:
            if part == MESSAGE or isinstance(refused, BotRefused):
                raise
            log.error(
                "Telegram will not have the %s: %s",
                part,
                refused.reason,
                extra={"action": "report_part_refused", "part": part},
            )
