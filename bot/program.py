"""Builds the bot, wires its rooms, and runs it until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from bot.clock import Clock
from bot.commands import COMMANDS, dispatcher
from bot.daily.attend import Daily
from bot.daily.connections import stores_of
from bot.daily.day_report import Tools
from bot.daily.once import send_once
from bot.daily.schedule import Schedule
from bot.errors import TelegramRefused, TelegramUnavailable
from bot.options import Account
from bot.report.timetable import Timetable
from bot.settings import BotSettings
from bot.telegram.chat import Chat
from bot.telegram.polling import Polling
from store_api.errors import PartDied

log = logging.getLogger(__name__)


async def run(settings: BotSettings, account: Account) -> None:
    """Send the report every day and answer commands, until SIGTERM or SIGINT.

    Raises:
        PartDied: by a fault of ours.
    """
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    async with _tools(settings, account) as tools:
        timetable = Timetable(settings.report_time, settings.report_tz)
        log.info(
            "The report is sent every day at %s %s",
            f"{timetable.at:%H:%M}",
            timetable.zone.key,
            extra={
                "action": "started",
                "next_in_seconds": round(timetable.seconds_to_next(tools.clock.now())),
            },
        )
        await _run_parts(tools, timetable, told_to_stop)
    log.info("Stopped", extra={"action": "stopped"})


async def once(settings: BotSettings, account: Account) -> str:
    """Send the report now, and say in one line what was done.

    Raises:
        StoreApiError: it was not sent.
    """
    async with _tools(settings, account) as tools:
        return await send_once(tools, Timetable(settings.report_time, settings.report_tz))


async def _run_parts(tools: Tools, timetable: Timetable, told_to_stop: asyncio.Event) -> None:
    schedule = Schedule(timetable, Daily(tools, timetable).attend, tools.clock)
    polling = Polling(tools.chat, dispatcher(tools), tools.clock, tools.random)
    parts = [asyncio.create_task(part) for part in (schedule.run(), polling.run(), told_to_stop.wait())]
    menu = asyncio.create_task(_offer_commands(tools.chat))
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (menu, *parts):
            task.cancel()
        ended = await asyncio.gather(*parts, menu, return_exceptions=True)
    if not told_to_stop.is_set():
        kinds = [type(end).__name__ for end in ended if isinstance(end, Exception)]
        log.critical("A part of the bot died", extra={"action": "part_died", "error": ", ".join(kinds)})
        raise PartDied


async def _offer_commands(chat: Chat) -> None:
    try:
        await chat.offer(COMMANDS)
    except (TelegramUnavailable, TelegramRefused) as failure:
        # The user's first /start sets it.
        log.warning("The menu was not set: %s", failure, extra={"action": "menu_failed"})


@asynccontextmanager
async def _tools(settings: BotSettings, account: Account) -> AsyncIterator[Tools]:
    chat = Chat(account.token, account.user_id, settings.telegram_api, account.proxy)
    try:
        async with stores_of(settings) as (claims, composer):
            yield Tools(claims, composer, chat, Clock(), Random())  # noqa: S311  (spreads retries)
    finally:
        await chat.close()
