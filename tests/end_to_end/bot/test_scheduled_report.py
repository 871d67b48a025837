"""The scheduled run, as it happens: two bots wait for the minute, and one report comes."""

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.bot.conftest import Documents
from tests.support.bot_api import BotApi
from tests.support.bot_process import BotProcess
from tests.support.mongod import wait_until

ZONE = "Soon"


def outcomes(*bots: BotProcess) -> list[str]:
    actions = [line["action"] for bot in bots for line in bot.log()]
    return sorted(action for action in actions if action in ("report_sent", "report_not_ours"))


def minute_begins_at(moment: datetime, folder: Path) -> dict[str, str]:
    """Give settings of a report that is due then, to the second: in a time zone whose minutes begin then.

    The zone is a file as every system has them (RFC 9636). Its clocks never change, and are as many seconds
    behind UTC as the moment is past its minute.
    """
    folder.mkdir(exist_ok=True)
    header = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, 0, 1, len(ZONE) + 1)
    (folder / ZONE).write_bytes(header + struct.pack(">l2B", -moment.second, 0, 0) + ZONE.encode() + b"\0")
    return {"PYTHONTZPATH": str(folder), "REPORT_TZ": ZONE, "REPORT_TIME": f"{moment:%H:%M}"}


@contextmanager
def two_bots_before(
    folder: Path, settings: dict[str, str], seconds: int
) -> Iterator[tuple[datetime, BotProcess, BotProcess]]:
    """Start two bots and give them, and when their report is due: in so many seconds from now."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
    settings = {**settings, **minute_begins_at(due, folder / "zones")}
    with BotProcess(folder / "one", settings) as one, BotProcess(folder / "two", settings) as two:
        one.wait_for("started")
        two.wait_for("started")
        yield due, one, two


def assert_one_report_comes(bot_api: BotApi, due: datetime, one: BotProcess, two: BotProcess) -> None:
    bot_api.wait_for(lambda api: "sendDocument" in api.methods(), "the report", 75.0)
    began = due.timestamp() - time.time() + time.monotonic()
    assert 0 <= bot_api.delivered[0].at - began < 8
    wait_until(
        lambda: outcomes(one, two) == ["report_not_ours", "report_sent"], "one sent it, one did not", 30.0
    )
    assert (one.stop(), two.stop()) == (0, 0)
    assert [call.method for call in bot_api.delivered] == ["sendMessage", "sendPhoto", "sendDocument"]
    assert "Late" not in bot_api.texts()[0]


@pytest.mark.unwatched
def test_two_bots_send_one_report_at_its_minute(
    tmp_path: Path, bot_api: BotApi, settings: dict[str, str], claims: Documents
) -> None:
    # A busy machine needs longer to start them.
    for seconds in (20, 40, 80):
        with two_bots_before(tmp_path, settings, seconds) as (due, one, two):
            if datetime.now(UTC) < due:
                assert_one_report_comes(bot_api, due, one, two)
                return
        claims.drop()
        bot_api.forget()
    pytest.fail("two bots do not start within 80 s")
