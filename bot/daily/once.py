"""`--once`: sends the report now, for those whose cron starts the bot."""

from datetime import timedelta

from bot.daily.claims import ClaimState
from bot.daily.day_report import DayReport, Tools
from bot.daily.parts import deliver
from bot.errors import TelegramUnavailable
from bot.report.timetable import Timetable
from bot.retries import Persistence

PATIENCE = timedelta(hours=1)
JUST_SENT = timedelta(minutes=15)


async def send_once(tools: Tools, timetable: Timetable) -> str:
    """Send a report now, and say in one line what was done.

    It counts as the report of the newest day that is due, if that was not sent yet; if it was, this is one
    more. Only where that happened within the last 15 minutes, or is happening, nothing is sent: so two
    machines with the same cron line send one report.

    Raises:
        TelegramUnavailable, TelegramRefused, TakenOver, DatabaseUnavailable, OutcomeUnknown: it was not sent.
    """
    now = tools.clock.now()
    day, until = timetable.newest_due(now).day, now + PATIENCE
    claim = await tools.database.ask(lambda: tools.claims.claim(day, again=True), until)
    if claim.state is ClaimState.OURS:
        await DayReport(tools, day, claim, until).run(None)
        return f"The report of {day} was sent."
    if claim.state is ClaimState.PUT_OFF:
        raise TelegramUnavailable(f"it has asked to wait for {claim.wait:,.0f} s more", claim.wait)
    if claim.state is ClaimState.HELD:
        return f"Nothing was sent: another bot is just sending the report of {day}."
    if claim.sent_at is not None and now - claim.sent_at < JUST_SENT:
        return f"Nothing was sent: the report of {day} went out less than 15 minutes ago."
    past = await tools.database.ask(tools.past, until)
    stocktake = await tools.database.ask(lambda: tools.composer.take_stock(tools.clock.now()), until)
    report = await tools.composer.compose(stocktake, past)
    await deliver(tools.chat, report, Persistence(tools.clock, tools.random))
    return f"One more report was sent; that of {day} had been sent before."
