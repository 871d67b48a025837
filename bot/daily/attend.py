"""Once a day: sees to it that the newest report that is due gets sent, by this bot or another."""

import logging
from datetime import UTC, date, datetime, timedelta

from bot.daily.claims import Claim, ClaimState
from bot.daily.day_report import DayReport, Tools
from bot.errors import TakenOver, TelegramRefused, TelegramUnavailable
from bot.report.timetable import CATCH_UP, DueReport, Timetable
from bot.retries import RETURN
from store_api.errors import DatabaseUnavailable, OutcomeUnknown

log = logging.getLogger(__name__)


class Daily:
    """Sends the newest report that is due, if nobody has.

    Args:
        tools: with what.
        timetable: when it is due.
    """

    def __init__(self, tools: Tools, timetable: Timetable) -> None:
        self._tools = tools
        self._now = tools.clock.now
        self._timetable = timetable
        self._settled: date | None = None
        self._not_before = datetime.min.replace(tzinfo=UTC)

    async def attend(self, *, again: bool = False) -> None:
        """See to the newest report that is due; cheap when there is nothing to do. One call at a time.

        Args:
            again: whether one that was given up may be tried once more, as at a start of the bot.
        """
        due = self._timetable.newest_due(self._now())
        if due.day == self._settled or self._now() < self._not_before:
            return
        try:
            settled = await self._see_to(due, again=again)
        except Exception as error:  # noqa: BLE001  (a fault of ours must end neither the bot nor tomorrow's report)
            log.critical(
                "A fault of ours; the report is left until the next start, or to another bot",
                extra={"action": "fault", "day": due.day, "error": type(error).__name__},
            )
            settled = True
        if settled:
            self._settled = due.day

    async def _see_to(self, due: DueReport, *, again: bool) -> bool:
        """Send a day's report if it is ours to send; False where it has to be looked at again."""
        if due.is_missed(self._now()):
            log.info("No report is due any more", extra={"action": "report_too_old", "day": due.day})
            return True
        try:
            claim = await self._tools.database.ask(
                lambda: self._tools.claims.claim(due.day, again=again), due.at + CATCH_UP
            )
            if claim.state is ClaimState.OURS:
                await self._send(due, claim)
                return True
        except TakenOver:
            log.warning(
                "Another bot took the report over", extra={"action": "report_taken_over", "day": due.day}
            )
            return False
        except TelegramUnavailable as failure:
            return self._put_off(due, max(RETURN, failure.retry_after or 0.0), str(failure))
        except (TelegramRefused, DatabaseUnavailable, OutcomeUnknown) as failure:
            log.error(
                "The report was given up: %s", failure, extra={"action": "report_given_up", "day": due.day}
            )
            return True
        if claim.state is ClaimState.PUT_OFF:
            return self._put_off(due, claim.wait, "Telegram has asked to wait.")
        log.info(
            "The report is not ours to send",
            extra={"action": "report_not_ours", "day": due.day, "state": claim.state.name.lower()},
        )
        return claim.state is not ClaimState.HELD

    def _put_off(self, due: DueReport, seconds: float, reason: str) -> bool:
        """Look again after some time, if that is not too late for the report; True where it is."""
        again = self._now() + timedelta(seconds=seconds)
        if due.is_missed(again):
            log.error(
                "The report was given up: %s", reason, extra={"action": "report_given_up", "day": due.day}
            )
            return True
        self._not_before = again
        log.warning(
            "The report is put off: %s",
            reason,
            extra={"action": "report_put_off", "day": due.day, "again_in_seconds": round(seconds)},
        )
        return False

    async def _send(self, due: DueReport, claim: Claim) -> None:
        late = due if due.is_late(self._now()) else None
        await DayReport(self._tools, due.day, claim, due.at + CATCH_UP).run(late)
        log.info(
            "The report was sent", extra={"action": "report_sent", "day": due.day, "late": late is not None}
        )
